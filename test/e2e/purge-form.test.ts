// In what form a purge is taken at the admin listener of the real process, and in what form it is not (T-100).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import { sendPurge } from '../support/purge-call.ts'
import { rawRequest } from '../support/raw-client.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const ALL = { all: true }
const HARD = { all: true, how: 'hard' }
const JSON_FIELDS = 'Host: a\r\nContent-Type: application/json\r\n'

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  const path = files.write('config.json', { limits: { adminChangesPerSecond: 10_000 } })
  sluice = await startSluice(['--origin', origin.url, '--config', path, '--methods', 'all'])
  origin.put('/a', { body: 'a', fields: [['Cache-Control', 'max-age=3600']] })
  await httpGet(`${sluice.url}/a`)
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

async function isStored(): Promise<boolean> {
  const headers = { 'Cache-Control': 'only-if-cached' }
  return (await httpGet(`${sluice.url}/a`, { headers })).status === 200
}

/** A right body of so many bytes. */
function sized(bytes: number): string {
  return JSON.stringify(ALL).padEnd(bytes, ' ')
}

describe('the form of a purge', () => {
  it.each([
    ['a page of another site', 403, { headers: { Origin: 'https://evil.test' } }],
    ['a page of the same name', 403, { headers: { Origin: 'http://127.0.0.1' } }],
    ['a page without a name', 403, { headers: { Origin: 'null' } }],
    ['an Origin nobody can read', 403, { headers: { Origin: 'http://ä' } }],
    ['an Origin for one hop', 403, { headers: { Origin: 'x', Connection: 'close, origin' } }],
    ['a preflight', 403, { method: 'OPTIONS', headers: { Origin: 'https://evil.test' } }],
    ['a form', 415, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }],
    ['plain text', 415, { headers: { 'Content-Type': 'text/plain' } }],
    ['a type that only looks like it', 415, { headers: { 'Content-Type': 'application/jsonp' } }],
    ['a type with more to it', 415, { headers: { 'Content-Type': 'application/json, text/x' } }],
    ['another charset', 415, { headers: { 'Content-Type': 'application/json; charset=utf-7' } }],
    ['a coded body', 415, { headers: { 'Content-Encoding': 'gzip' } }],
    ['GET', 405, { method: 'GET' }],
    ['HEAD', 405, { method: 'HEAD' }],
    ['PUT', 405, { method: 'PUT' }],
    ['DELETE', 405, { method: 'DELETE' }],
    ['PURGE', 405, { method: 'PURGE' }],
    ['two slashes', 404, { target: '//purge' }],
    ['an encoded letter', 404, { target: '/%70urge' }],
    ['an encoded slash', 404, { target: '/%2fpurge' }],
    ['another case', 404, { target: '/PURGE' }],
    ['a slash behind it', 404, { target: '/purge/' }],
    ['a parameter', 404, { target: '/purge;a' }],
    ['an empty query', 400, { target: '/purge?' }],
    ['a dot segment', 400, { target: '/metrics/../purge' }],
    ['absolute-form', 400, { target: 'http://a/purge' }],
  ] as const)('refuses %s with %i', async (_, wanted, options) => {
    const { status, header } = await sendPurge(sluice.adminUrl, HARD, options)
    expect(status).toBe(wanted)
    expect(header('allow')).toBe(wanted === 405 ? 'POST' : undefined)
    expect(await isStored()).toBe(true)
  })

  it.each([
    ['no JSON', '{all: true}'],
    ['nothing', ''],
    ['a list', [{ all: true }]],
    ['null', 'null'],
    ['neither', {}],
    ['both', { url: 'http://a/a', all: true }],
    ['all that is false', { all: false }],
    ['all as a word', { all: 'true' }],
    ['a list of URLs', { url: ['http://a/a'] }],
    ['an unknown member', { all: true, tags: ['a'] }],
    ['a member in other letters', { All: true }],
    ['an unknown how', { all: true, how: 'gently' }],
    ['no how', { all: true, how: null }],
    ['two values', '{"all": true}{"all": true}'],
  ])('refuses %s with 400, and says what to send', async (_, sent) => {
    const { status, body } = await sendPurge(sluice.adminUrl, sent)
    expect([status, body.toString()]).toEqual([
      400,
      expect.stringContaining('send {"url": "http://host/path?query"} or {"all": true}'),
    ])
    expect(await isStored()).toBe(true)
  })

  it('refuses a body above 64 KiB with 413, whether announced or not, and takes one of 64 KiB', async () => {
    expect((await sendPurge(sluice.adminUrl, sized(65_536))).status).toBe(200)
    expect((await sendPurge(sluice.adminUrl, sized(65_537))).status).toBe(413)
    const port = Number(new URL(sluice.adminUrl).port)
    const chunk = `10000\r\n${sized(65_536)}\r\n`
    const head = `POST /purge HTTP/1.1\r\n${JSON_FIELDS}Transfer-Encoding: chunked\r\n\r\n`
    for (const [rest, status] of [
      ['0\r\n\r\n', 200],
      ['1\r\n \r\n0\r\n\r\n', 413],
    ] as const) {
      const { responses } = await rawRequest({ port, bytes: head + chunk + rest })
      expect(responses.map((response) => response.status)).toEqual([status])
    }
  })

  it('takes a body in pieces, and after 100 Continue', async () => {
    const port = Number(new URL(sluice.adminUrl).port)
    const head = `POST /purge HTTP/1.1\r\n${JSON_FIELDS}Expect: 100-continue\r\nContent-Length: 13\r\n\r\n`
    const { responses } = await rawRequest({ port, bytes: [head, '{"all"', ': true}'] })
    expect(responses.at(-1)?.status).toBe(200)
  })

  it('does nothing for a body that breaks off', async () => {
    await httpGet(`${sluice.url}/a`)
    const port = Number(new URL(sluice.adminUrl).port)
    const bytes = `POST /purge HTTP/1.1\r\n${JSON_FIELDS}Content-Length: 30\r\n\r\n{"all": true, "how": "hard"}`
    await rawRequest({ port, bytes, halfClose: true, until: 'close' })
    expect(await isStored()).toBe(true)
    expect((await httpGet(`${sluice.adminUrl}/healthz`)).status).toBe(200)
  })

  it('is not known on the edge: there PURGE is a method like any other, and /purge a path', async () => {
    origin.put('/purge', { body: 'of the origin', fields: [['Cache-Control', 'no-store']] })
    expect((await httpGet(`${sluice.url}/purge`)).body.toString()).toBe('of the origin')
    origin.resetCounters()
    const { status } = await sendPurge(sluice.url, HARD)
    expect(status).toBe(405)
    expect(origin.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'POST /purge',
    ])
    expect(await isStored()).toBe(true)
    const unknown = await httpGet(`${sluice.url}/a`, { method: 'PURGE' })
    // The origin's own answer, which failed, so that nothing was invalidated (RFC 9111 §4.4).
    expect(unknown.status).toBe(405)
    expect(origin.requests.at(-1)?.method).toBe('PURGE')
    expect(await isStored()).toBe(true)
  })
})
