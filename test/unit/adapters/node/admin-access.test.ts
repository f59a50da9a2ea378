import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import { createAdminAccess } from '../../../../src/adapters/node/admin-access.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-token-'))

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function fileOf(content: string, mode = 0o600): string {
  const path = join(directory, 'token')
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe('createAdminAccess without a token file', () => {
  const decide = createAdminAccess(undefined)

  it.each(['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1', '::ffff:127.0.0.1'])(
    'grants %s, which is this machine',
    (peer) => {
      expect(decide(peer, undefined)).toEqual({ granted: true, by: 'loopback' })
    },
  )

  it.each([
    '128.0.0.1',
    '126.255.255.255',
    '10.0.0.1',
    '192.168.1.1',
    '0.0.0.0',
    '::',
    '::2',
    'fe80::1',
    'fe80::1%lo',
    '::ffff:10.0.0.1',
    '::127.0.0.1',
    '',
    'localhost',
  ])('refuses "%s", whatever it says', (peer) => {
    const refused = { granted: false, because: 'peer' }
    expect(decide(peer, undefined)).toEqual(refused)
    expect(decide(peer, 'Bearer x')).toEqual(refused)
  })
})

describe('createAdminAccess with a token file', () => {
  it('asks everybody for the token, this machine too', () => {
    const decide = createAdminAccess(fileOf('abc-._~+/123=='))
    for (const peer of ['127.0.0.1', '192.0.2.1', '']) {
      const granted = { granted: true, by: 'token' }
      expect(decide(peer, 'Bearer abc-._~+/123==')).toEqual(granted)
      expect(decide(peer, undefined)).toEqual({ granted: false, because: 'token-missing' })
      expect(decide(peer, 'Bearer abc')).toEqual({ granted: false, because: 'token-wrong' })
    }
  })

  it('takes the scheme in any case, and the token in one (RFC 9110 §11.1)', () => {
    const decide = createAdminAccess(fileOf('Token'))
    for (const sent of ['bearer Token', 'BEARER   Token']) {
      expect(decide('', sent).granted).toBe(true)
    }
    for (const sent of [
      '',
      'Token',
      'Bearer',
      'Bearer ',
      'BearerToken',
      'Bearer\tToken',
      'Bearer token',
      'Bearer Token ',
      'Bearer Token, Bearer Token',
      'Bearer "Token"',
      'Bearer x Token',
      'Basic Token',
      'X-Bearer Token',
      'Bearer Token\n',
    ]) {
      expect([sent, decide('', sent).granted]).toEqual([sent, false])
    }
  })

  it('reads the token without the line end that an editor leaves', () => {
    for (const content of ['abc', 'abc\n', 'abc\r\n', ' abc \n\n']) {
      expect(createAdminAccess(fileOf(content))('', 'Bearer abc').granted).toBe(true)
    }
  })

  it('follows a link, as mounted secrets are, and judges the file behind it', () => {
    const link = join(directory, 'link')
    symlinkSync(join(directory, 'token'), link)
    fileOf('abc', 0o440)
    expect(createAdminAccess(link)('', 'Bearer abc').granted).toBe(true)
    fileOf('abc', 0o444)
    expect(() => createAdminAccess(link)).toThrow('every user may read or write it')
  })

  it.each([
    ['', 0o600, 'it is empty'],
    ['\n \n', 0o600, 'it is empty'],
    ['a b', 0o600, 'one token'],
    ['a\nb', 0o600, 'one token'],
    ['a=b', 0o600, 'one token'],
    ['"a"', 0o600, 'one token'],
    ['ä', 0o600, 'one token'],
    ['a', 0o644, 'chmod o-rw'],
    ['a', 0o602, 'chmod o-rw'],
    ['a'.repeat(4097), 0o600, '4096 bytes'],
  ])('refuses a file of %j with mode %o', (content, mode, why) => {
    const path = fileOf(content, mode)
    expect(() => createAdminAccess(path)).toThrow(`Cannot use admin token file "${path}": `)
    expect(() => createAdminAccess(path)).toThrow(why)
  })

  it('refuses what is no file, or not there', () => {
    expect(() => createAdminAccess(directory)).toThrow('it is not a file')
    expect(() => createAdminAccess(join(directory, 'none'))).toThrow('ENOENT')
  })
})
