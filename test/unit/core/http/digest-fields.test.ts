import { createHash } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { parseContentMd5, parseReprDigest, parseS3Checksum } from '#core/http/digest-fields.ts'

const BYTES = Buffer.from('{"hello": "world"}\n')

function base64(name: string): string {
  return createHash(name).update(BYTES).digest('base64')
}

function hex(name: string): string {
  return createHash(name).update(BYTES).digest('hex')
}

describe('parseReprDigest', () => {
  it('reads the example of the standard (RFC 9530 §3)', () => {
    const value = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'
    expect(parseReprDigest(value)).toEqual([{ algorithm: 'sha-256', hex: hex('sha256') }])
  })

  it('reads every algorithm that it knows, with parameters or without, and no other', () => {
    const value = [
      `sha-256=:${base64('sha256')}:;a=1`,
      `sha-512=:${base64('sha512')}:`,
      `sha=:${base64('sha1')}:`,
      `md5=:${base64('md5')}:`,
      'unixsum=:AAA=:',
      'crc32c=:AAAAAA==:',
      'sha-384=:AAAA:',
    ].join(', ')
    expect(parseReprDigest(value)).toEqual([
      { algorithm: 'sha-256', hex: hex('sha256') },
      { algorithm: 'sha-512', hex: hex('sha512') },
      { algorithm: 'sha-1', hex: hex('sha1') },
      { algorithm: 'md5', hex: hex('md5') },
    ])
  })

  it('takes the last of two members with one key, as of any Dictionary (RFC 9651 §3.2)', () => {
    const value = `sha-256=:${Buffer.alloc(32).toString('base64')}:, sha-256=:${base64('sha256')}:`
    expect(parseReprDigest(value)).toEqual([{ algorithm: 'sha-256', hex: hex('sha256') }])
  })

  it('ignores a member that is no digest of its algorithm', () => {
    const md5 = `md5=:${base64('md5')}:`
    for (const member of [
      'sha-256',
      'sha-256=1',
      'sha-256="x"',
      `sha-256=(:${base64('sha256')}:)`,
      'sha-256=:d2hvbGU=:',
      `sha-256=:${base64('sha512')}:`,
    ]) {
      expect(parseReprDigest(`${member}, ${md5}`)).toEqual([{ algorithm: 'md5', hex: hex('md5') }])
    }
  })

  it.each(['', ',', 'sha-256=:', 'sha-256=:#:', `SHA-256=:${base64('sha256')}:`, 'sha-256=abc='])(
    'ignores all of %j',
    (value) => {
      expect(parseReprDigest(value)).toEqual([])
    },
  )
})

describe('parseContentMd5', () => {
  it('reads 128 bits in base 64 (RFC 1864 §2), and nothing else', () => {
    expect(parseContentMd5(base64('md5'))).toEqual({ algorithm: 'md5', hex: hex('md5') })
    for (const value of ['', hex('md5'), base64('sha256'), `${base64('md5')}, ${base64('md5')}`]) {
      expect(parseContentMd5(value)).toBeUndefined()
    }
  })
})

describe('parseS3Checksum', () => {
  it('reads the checksum of bytes, the most significant first', () => {
    expect(parseS3Checksum('crc32', 'AQID/w==')).toEqual({ algorithm: 'crc32', hex: '010203ff' })
    const crc64 = { algorithm: 'crc64nvme', hex: '00000000000000ff' }
    expect(parseS3Checksum('crc64nvme', 'AAAAAAAAAP8=')).toEqual(crc64)
  })

  it('ignores one over the checksums of parts, and what is too short', () => {
    for (const value of ['AQID/w==-7', 'AQID/w==-10000', 'AQI=', '', '-', 'AQID/w==, AQID/w==']) {
      expect(parseS3Checksum('crc32', value)).toBeUndefined()
    }
  })
})
