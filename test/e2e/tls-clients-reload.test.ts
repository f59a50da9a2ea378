// Certificates that change while the real process serves, and its end.

import { once } from 'node:events'
import { copyFileSync, renameSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'

import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'

import { createAuthority } from '../support/certificates.ts'
import type { IssuedPair } from '../support/certificates.ts'
import { createConfigFiles } from '../support/config-file.ts'
import { checkOracle } from '../support/oracle.ts'
import { describeWith } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { visitTls } from '../support/tls-client.ts'

const OBJECT_BYTES = 32 * 1024 * 1024
const LONG_MS = 15_000

const files = createConfigFiles()
const at = (name: string) => join(files.directory, name)
let origin: TestOrigin
let sluice: SluiceProcess
let hasEnded = false
let old: IssuedPair
let renewed: IssuedPair

/** Each half is renamed over the one before, as careful tools do. */
function use(file: string, { cert, key }: IssuedPair): void {
  for (const [from, to] of [
    [cert, at(`${file}.crt`)],
    [key, at(`${file}.key`)],
  ] as const) {
    copyFileSync(from, `${to}.new`)
    renameSync(`${to}.new`, to)
  }
}

const commonName = async (servername: string) =>
  (await visitTls({ port: sluice.tlsPort, servername })).commonName

const events = (kind: string) => sluice.stdout.filter((line) => line.includes(`"kind":"${kind}"`))

async function connected(): Promise<TLSSocket> {
  const { tlsPort: port } = sluice
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  return socket
}

describeWith(['openssl'], 'certificates that change', () => {
  beforeAll(async () => {
    origin = await startTestOrigin()
    origin.put('/o', { sizeBytes: OBJECT_BYTES, fields: [['Cache-Control', 'max-age=60']] })
    const authority = createAuthority(files.directory)
    old = authority.issue('old', ['old.test'])
    renewed = authority.issue('renewed', ['renewed.test'])
  })

  afterAll(async () => {
    await origin.close()
    files.remove()
  })

  beforeEach(async () => {
    use('top', old)
    use('site', old)
    const config = files.write('tls.json', {
      tlsCert: at('top.crt'),
      tlsKey: at('top.key'),
      sites: [
        {
          name: 'a',
          hosts: ['a.test'],
          origins: [origin.url],
          tls: { cert: at('site.crt'), key: at('site.key') },
        },
        { name: 'rest', origins: [origin.url] },
      ],
    })
    const flags = ['--config', config, '--listen', 'off', '--tls-listen', '127.0.0.1:0']
    sluice = await startSluice(flags)
    hasEnded = false
  })

  afterEach(async () => {
    if (!hasEnded) await sluice.finish()
  })

  it('are taken up within seconds, and what runs goes on', { timeout: LONG_MS }, async () => {
    const socket = await connected()
    socket.write('GET /o HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
    const [first] = (await once(socket, 'data')) as [Buffer]
    socket.pause()
    use('top', renewed)
    use('site', renewed)
    await vi.waitFor(() => expect(events('certificate-used')).toHaveLength(2), LONG_MS)
    expect(await commonName('')).toBe('renewed.test')
    expect(await commonName('a.test')).toBe('renewed.test')
    const received = [first]
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.resume()
    await once(socket, 'end')
    const bytes = Buffer.concat(received)
    const body = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)
    const expected = { object: '/o', version: 1, startByte: 0, endByte: OBJECT_BYTES }
    expect(checkOracle(body, expected)).toBeUndefined()
  })

  it('are taken up at once on SIGHUP, and not before they are whole', async () => {
    use('top', renewed)
    truncateSync(at('top.key'), 100)
    sluice.signal('SIGHUP')
    await vi.waitFor(() => expect(events('certificate-refused')).toHaveLength(1), 5000)
    expect(events('certificate-refused')[0]).toContain('setting \\"tlsKey\\"')
    expect(await commonName('')).toBe('old.test')
    use('top', renewed)
    sluice.signal('SIGHUP')
    await vi.waitFor(() => expect(events('certificate-used')).toHaveLength(1), 5000)
    expect(await commonName('')).toBe('renewed.test')
    expect(await commonName('a.test')).toBe('old.test')
  })

  it('let the process end: it waits neither for idle clients nor for handshakes', async () => {
    const idle = await connected()
    const begun = connect({ port: sluice.tlsPort, host: '127.0.0.1', rejectUnauthorized: false })
    begun.on('error', () => undefined)
    const { code, ms } = await sluice.stop('SIGINT')
    hasEnded = true
    expect(code).toBe(0)
    expect(ms).toBeLessThan(5000)
    idle.destroy()
    begun.destroy()
  })
})
