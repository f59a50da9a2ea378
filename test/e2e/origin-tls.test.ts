// TLS to origins (F-14): who is believed, who is refused, and what an end means, through the real process.

import { createServer } from 'node:net'
import type { TlsOptions } from 'node:tls'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createCertificates } from '../support/origin-certificates.ts'
import { createConfigFiles } from '../support/config-file.ts'
import { startDnsDouble } from '../support/dns-double.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpResult } from '../support/http-get.ts'
import { runSluice, startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTlsOrigin } from '../support/tls-origin.ts'
import type { TlsOrigin } from '../support/tls-origin.ts'

const HELLO = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Control: max-age=60\r\n\r\nhello'
/** It ends with its connection, and whoever reads it cannot tell how long it is. */
const ENDLESS = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: "e"\r\n\r\nhello'
const HANDSHAKE = 0x16

const files = createConfigFiles()
const certificates = createCertificates()
const ca = certificates.authority('ca')
const otherCa = certificates.authority('other-ca')
const right = certificates.issue(ca, 'right', { names: 'IP:127.0.0.1,DNS:origin.test' })
const expired = certificates.issue(ca, 'expired', { days: -1 })
const misnamed = certificates.issue(ca, 'misnamed', { names: 'DNS:elsewhere.test' })
const unknown = certificates.issue(otherCa, 'unknown')
const client = certificates.issue(ca, 'client', { names: 'DNS:client.test' })
const otherClient = certificates.issue(otherCa, 'other-client', { names: 'DNS:client.test' })

const DEMANDING: TlsOptions = { ...right, requestCert: true, rejectUnauthorized: true, ca: ca.cert }
const OLD: TlsOptions = {
  ...right,
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1.1',
  ciphers: 'DEFAULT@SECLEVEL=0',
}

const origins = new Map<string, TlsOrigin>()
const stopping: (() => Promise<unknown>)[] = []
let sluice: SluiceProcess

interface Case {
  readonly server: TlsOptions
  readonly answer?: string
  /** Of the site, besides the authority. */
  readonly tls?: object
  readonly site?: object
  /** Another site's origin, asked in another way. */
  readonly like?: string
  /** By which it is asked; default its address. */
  readonly host?: string
}

const PLAIN_CA = { ca: ca.certFile }
const CASES: Readonly<Record<string, Case>> = {
  right: { server: right, site: { host: 'client' } },
  named: { server: right, tls: { ...PLAIN_CA, servername: 'origin.test' }, like: 'right' },
  wrongly: { server: right, tls: { ...PLAIN_CA, servername: 'other.test' }, like: 'right' },
  byname: { server: right, like: 'right', host: 'origin.test', site: { host: 'client' } },
  public: { server: right, site: { originTls: {} } },
  expired: { server: expired },
  misnamed: { server: misnamed },
  unknown: { server: unknown },
  selfsigned: { server: otherCa },
  old: { server: OLD },
  demanding: { server: DEMANDING },
  foreign: {
    server: DEMANDING,
    tls: { ...PLAIN_CA, cert: otherClient.certFile, key: otherClient.keyFile },
  },
  known: {
    server: DEMANDING,
    tls: { ...PLAIN_CA, cert: client.certFile, key: client.keyFile },
  },
  endless: { server: right, answer: ENDLESS, site: { storeUndelimited: true } },
  endless12: {
    server: { ...right, maxVersion: 'TLSv1.2' },
    answer: ENDLESS,
    site: { storeUndelimited: true },
  },
}

beforeAll(async () => {
  const sites: object[] = []
  for (const [name, { server, answer = HELLO, tls, site, like, host }] of Object.entries(CASES)) {
    const existing = like === undefined ? undefined : origins.get(like)
    const origin = existing ?? (await startTlsOrigin(answer, server))
    if (existing === undefined) stopping.push(origin.close)
    origins.set(name, origin)
    const own = tls === undefined ? {} : { originTls: tls }
    const url = `https://${host ?? '127.0.0.1'}:${origin.port}`
    sites.push({ name, hosts: [`${name}.test`], origins: [url], ...own, ...site })
  }
  for (const [name, answer] of [
    ['stalling', ''],
    ['plain', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ] as const) {
    const port = await startPlain(answer)
    const url = `https://127.0.0.1:${port}`
    sites.push({ name, hosts: [`${name}.test`], origins: [url] })
  }
  const config = files.write('tls.json', { sites, limits: { connectTimeout: '300ms' } })
  const dns = await startDnsDouble()
  dns.say({ addresses: ['127.0.0.1'] })
  stopping.push(dns.close)
  const flags = ['--config', config, '--origin-ca', ca.certFile, '--dns', dns.address]
  sluice = await startSluice([...flags, '--breaker', 'off'], {
    // What would switch verification off for the whole of Node.
    env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  })
})

afterAll(async () => {
  await sluice.finish()
  for (const stop of stopping) await stop()
  certificates.remove()
  files.remove()
})

/** Speaks no TLS; says what it is given to whatever comes. */
async function startPlain(answer: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (chunk: Buffer) => {
      expect(chunk[0]).toBe(HANDSHAKE)
      if (answer !== '') socket.end(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  stopping.push(async () => server.close())
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function get(name: string, headers: Record<string, string> = {}): Promise<HttpResult> {
  return await httpGet(`${sluice.url}/file`, { headers: { Host: `${name}.test`, ...headers } })
}

function originOf(name: string): TlsOrigin {
  const origin = origins.get(name)
  if (origin === undefined) throw new Error(`Cannot find origin "${name}"`)
  return origin
}

describe('an origin that can be believed', () => {
  it('is asked with its own name, whatever host the client named (RFC 6066 §3)', async () => {
    const { status, body } = await get('right')
    expect([status, body.toString()]).toEqual([200, 'hello'])
    const { heads, handshakes } = originOf('right')
    expect(heads.at(-1)).toContain('host: right.test')
    // An address is no name (RFC 6066 §3), and the client's host is not the origin's.
    expect(handshakes).toEqual([{ servername: '', isResumed: false }])
    expect((await get('byname')).status).toBe(200)
    expect(heads.at(-1)).toContain('host: byname.test')
    expect(handshakes.at(-1)).toEqual({ servername: 'origin.test', isResumed: false })
  })

  it('is asked by the name of the setting, without a session of another name (T-106)', async () => {
    expect((await get('named')).status).toBe(200)
    expect(originOf('named').handshakes.at(-1)).toEqual({
      servername: 'origin.test',
      isResumed: false,
    })
  })

  it('knows us by our certificate', async () => {
    expect((await get('known')).status).toBe(200)
  })
})

describe('an origin that cannot be believed', () => {
  it.each([
    ['expired', 502, 'tls_certificate_error'],
    ['misnamed', 502, 'tls_certificate_error'],
    ['wrongly', 502, 'tls_certificate_error'],
    ['unknown', 502, 'tls_certificate_error'],
    ['public', 502, 'tls_certificate_error'],
    ['selfsigned', 502, 'tls_certificate_error'],
    ['old', 502, 'tls_protocol_error'],
    // Node's server ends the connection without an alert.
    ['demanding', 502, 'connection_terminated'],
    ['foreign', 502, 'connection_terminated'],
    ['plain', 502, 'tls_protocol_error'],
    ['stalling', 504, 'connection_timeout'],
  ])('is not asked, and nothing is stored: %s', async (name, status, detail) => {
    const askedBefore = origins.get(name)?.heads.length ?? 0
    const result = await get(name)
    expect(result.status).toBe(status)
    expect(result.header('cache-status')).toContain(`detail=${detail}`)
    // Three attempts of 300 ms each, where a handshake stalls.
    expect(result.elapsedMs).toBeLessThan(1800)
    expect((await get(name, { 'Cache-Control': 'only-if-cached' })).status).toBe(504)
    const origin = origins.get(name)
    expect((origin?.heads.length ?? 0) - askedBefore).toBe(0)
    for (const first of origin?.firstBytes ?? []) expect(first).toBe(HANDSHAKE)
  })
})

describe('a body that ends with its connection (RFC 9112 §9.8)', () => {
  it.each(['endless', 'endless12'])(
    'is broken without close_notify, and not stored: %s',
    async (name) => {
      const asked = httpGet(`${sluice.url}/cut`, {
        headers: { Host: `${name}.test` },
        onChunk: () => originOf(name).cutAll(),
      })
      const { status, complete } = await asked
      expect([status, complete]).toEqual([200, false])
      const again = await httpGet(`${sluice.url}/cut`, {
        headers: { Host: `${name}.test`, 'Cache-Control': 'only-if-cached' },
      })
      expect(again.status).toBe(504)
    },
  )

  it.each(['endless', 'endless12'])('is whole with close_notify: %s', async (name) => {
    let text = ''
    const { status, complete } = await httpGet(`${sluice.url}/whole`, {
      headers: { Host: `${name}.test` },
      onChunk(chunk) {
        text += chunk.toString()
        originOf(name).endAll()
      },
    })
    expect([status, complete, text]).toEqual([200, true, 'hello'])
  })
})

describe('TLS settings that do not fit', () => {
  it.each([
    [
      'no file',
      { ca: '/nowhere/ca.pem' },
      /Cannot use setting "originTls\.ca" = "\/nowhere\/ca\.pem": ENOENT/,
    ],
    ['no certificate', { ca: ca.keyFile }, /"originTls\.ca" = "[^"]+": it holds no certificate/],
    [
      'a key of another',
      { cert: client.certFile, key: otherClient.keyFile },
      /"originTls\.key" = "[^"]+": .*mismatch/,
    ],
    ['a key that is none', { cert: client.certFile, key: ca.certFile }, /"originTls\.key" = /],
    ['half a pair', { cert: client.certFile }, /cert and key together/],
    ['a way round', { ca: ca.certFile, rejectUnauthorized: false }, /no setting has this name/],
  ])('are told before anything is bound: %s', async (_, originTls, said) => {
    const config = files.write('wrong.json', { originTls, origin: 'https://127.0.0.1:1' })
    const args = ['serve', '--listen', '127.0.0.1:0', '--admin', 'off', '--disk', 'off']
    const { code, stdout, stderr } = await runSluice([...args, '--config', config])
    expect(stderr).toMatch(said)
    expect(code).toBeGreaterThan(0)
    expect(stdout).not.toContain('listening')
  })
})
