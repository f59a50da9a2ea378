// Clients over TLS against the real process: versions, names, staples, sessions, keys of the cache.

import { join } from 'node:path'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { createAuthority } from '../support/certificates.ts'
import type { Authority } from '../support/certificates.ts'
import { createConfigFiles } from '../support/config-file.ts'
import { oracleBytes } from '../support/oracle.ts'
import { describeWith, runProgram } from '../support/programs.ts'
import { sendPurge } from '../support/purge-call.ts'
import { runSluice, startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { visitTls } from '../support/tls-client.ts'

const OBJECT_BYTES = 3_000_000
const CACHED = [['Cache-Control', 'max-age=60']] as const
const OBJECT = { object: '/o', version: 1, startByte: 0, endByte: OBJECT_BYTES }

const files = createConfigFiles()
const at = (name: string) => join(files.directory, name)
let origin: TestOrigin
let authority: Authority
let sluice: SluiceProcess

/** What `openssl s_client` says of a handshake; it sends `input`, and ends. */
async function sClient(args: readonly string[], input = ''): Promise<string> {
  const connect = ['s_client', '-connect', `127.0.0.1:${sluice.tlsPort}`, '-CAfile', authority.cert]
  const { stdout, stderr } = await runProgram('openssl', [...connect, ...args], { input })
  return `${stdout.toString()}${stderr}`
}

/** The body, as curl got it and found to be complete. */
async function curl(host: string, args: readonly string[]): Promise<Buffer> {
  const to = ['--connect-to', `${host}:443:127.0.0.1:${sluice.tlsPort}`, '--cacert', authority.cert]
  const flags = ['-sS', '--fail', ...to, ...args]
  const { exitCode, stdout, stderr } = await runProgram('curl', [...flags, `https://${host}/o`])
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  return stdout
}

describeWith(['openssl', 'curl'], 'TLS to clients', () => {
  beforeAll(async () => {
    origin = await startTestOrigin()
    origin.put('/o', { sizeBytes: OBJECT_BYTES, fields: CACHED })
    origin.put('/missing', { status: 404, body: 'missing' })
    authority = createAuthority(files.directory)
    const a = authority.issue('a', ['a.test', 'www.a.test'])
    const origins = [origin.url]
    const { cert, key } = authority.issue('fallback', ['fallback.test'])
    const config = files.write('tls.json', {
      tlsCert: cert,
      tlsKey: key,
      sites: [
        {
          name: 'a',
          hosts: ['a.test', 'www.a.test'],
          host: 'client',
          origins,
          tls: { ...a, ocsp: authority.staple('a', a.cert) },
        },
        { name: 'b', hosts: ['*.b.test'], origins, tls: authority.issue('b', ['*.b.test']) },
        { name: 'rest', origins },
      ],
    })
    sluice = await startSluice(['--config', config, '--tls-listen', '127.0.0.1:0'])
  })

  afterAll(async () => {
    await sluice.finish()
    await origin.close()
    files.remove()
  })

  it.each([['1.2'], ['1.3']])('serves the whole and ranges of it over TLS %s', async (version) => {
    const flags = [`--tlsv${version}`, '--tls-max', version]
    const whole = oracleBytes(OBJECT)
    expect((await curl('a.test', flags)).equals(whole)).toBe(true)
    const range = await curl('x.b.test', [...flags, '-r', '1048570-2097160'])
    expect(range.equals(whole.subarray(1_048_570, 2_097_161))).toBe(true)
    const tail = await curl('fallback.test', [...flags, '-r', '-17'])
    expect(tail.equals(whole.subarray(-17))).toBe(true)
  })

  it.each([
    ['TLS 1.1', ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], 'alert protocol version'],
    ['TLS 1.0', ['-tls1', '-cipher', 'ALL:@SECLEVEL=0'], 'alert protocol version'],
    ['CBC', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256'], 'alert handshake failure'],
    ['HTTP/2 alone', ['-alpn', 'h2'], 'alert no application protocol'],
  ])('refuses %s (T-106)', async (_, args, alert) => {
    expect(await sClient(args)).toContain(alert)
  })

  it('takes HTTP/1.1 where a client would take HTTP/2 too', async () => {
    expect(await sClient(['-alpn', 'h2,http/1.1'])).toContain('ALPN protocol: http/1.1')
  })

  it('does not renegotiate (T-84)', async () => {
    const said = await sClient(['-tls1_2'], 'R\n')
    expect(said).toContain('RENEGOTIATING')
    expect(said).toContain('no renegotiation')
  })

  it.each([
    ['a.test', 'a.test'],
    ['www.a.test', 'a.test'],
    ['A.TEST', 'a.test'],
    ['x.b.test', '*.b.test'],
    ['b.test', 'fallback.test'],
    ['other.example', 'fallback.test'],
    ['', 'fallback.test'],
  ])('shows a client that names "%s" the certificate of %s', async (servername, commonName) => {
    const visit = await visitTls({ port: sluice.tlsPort, servername })
    expect(visit.commonName).toBe(commonName)
    expect(visit.received.toString()).toMatch(/^HTTP\/1\.1 404 /)
  })

  it.each(['-tls1_2', '-tls1_3'])(
    'staples where there is something to staple, %s',
    async (flag) => {
      const stapled = await sClient([flag, '-status', '-servername', 'a.test'])
      expect(stapled).toContain('OCSP Response Status: successful')
      expect(stapled).toContain('Cert Status: good')
      expect(stapled).toContain('Verify return code: 0 (ok)')
      const bare = await sClient([flag, '-status', '-servername', 'x.b.test'])
      expect(bare).toContain('OCSP response: no response sent')
    },
  )

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('resumes sessions of %s', async (maxVersion) => {
    const options = { port: sluice.tlsPort, servername: 'a.test', maxVersion }
    const { session, isResumed } = await visitTls(options)
    expect(isResumed).toBe(false)
    expect((await visitTls({ ...options, session })).isResumed).toBe(true)
  })

  it('keys https://host/x as http://host/x, and purges both at once', async () => {
    const statusOf = async (host: string, scheme: 'http' | 'https') => {
      const { url, tlsUrl } = sluice
      const target = `${scheme === 'http' ? url : tlsUrl}/keyed`
      const { stdout } = await runProgram('curl', ['-sSki', '-H', `Host: ${host}`, target])
      return /^cache-status: sluice; (\S+?)(?:;|\r$)/im.exec(stdout.toString())?.[1]
    }
    origin.put('/keyed', { body: 'keyed', fields: CACHED })
    expect(await statusOf('a.test', 'http')).toBe('fwd=uri-miss')
    expect(await statusOf('a.test', 'https')).toBe('hit')
    expect(await statusOf('a.test:443', 'https')).toBe('hit')
    expect(await statusOf('a.test:80', 'https')).toBe('fwd=uri-miss')
    await sendPurge(sluice.adminUrl, { url: 'https://a.test/keyed' })
    expect(await statusOf('a.test', 'http')).toBe('fwd=uri-miss')
    expect(await statusOf('a.test', 'https')).toBe('hit')
    expect(await statusOf('a.test:80', 'https')).toBe('hit')
  })

  it.each([
    ['a key of another certificate', 'a.crt', 'b.key', '"tlsKey"', 'not the key'],
    ['a file that is not there', 'no-such.crt', 'a.key', '"tlsCert"', 'no such file'],
  ])('begins nothing with %s', async (_, cert, key, setting, reason) => {
    const flags = ['--tls-cert', at(cert), '--tls-key', at(key), '--disk', 'off']
    const listen = ['--listen', `127.0.0.1:${sluice.port}`, '--admin', 'off']
    const { code, stdout, stderr } = await runSluice([...flags, ...listen])
    expect(code).toBe(1)
    expect(stdout).not.toContain('listening')
    expect(stderr).toContain(`Cannot use setting ${setting} = `)
    expect(stderr).toContain(reason)
    expect(stderr).not.toContain('Cannot listen')
  })

  it('says which address of --tls-listen is taken', async () => {
    const pair = ['--tls-cert', at('a.crt'), '--tls-key', at('a.key')]
    const listen = ['--listen', '127.0.0.1:0', '--tls-listen', `127.0.0.1:${sluice.tlsPort}`]
    const { code, stderr } = await runSluice([
      ...pair,
      ...listen,
      '--disk',
      'off',
      '--admin',
      'off',
    ])
    expect(code).toBe(1)
    expect(stderr).toContain(`Cannot listen on 127.0.0.1:${sluice.tlsPort}: another process`)
  })

  it('counts handshakes, and tells when certificates expire', async () => {
    const metrics = await sluice.metrics()
    const handshakes = (outcome: string) =>
      metrics.value('sluice_tls_handshakes_total', { outcome })
    expect(handshakes('full')).toBeGreaterThan(0)
    expect(handshakes('resumed')).toBeGreaterThanOrEqual(2)
    expect(handshakes('failed')).toBeGreaterThanOrEqual(4)
    for (const site of ['a', 'b', '*']) {
      const expiry = metrics.value('sluice_tls_certificate_expiry_seconds', { site }) ?? 0
      expect(expiry * 1000 - Date.now()).toBeGreaterThan(2 * 86_400_000)
    }
  })
})
