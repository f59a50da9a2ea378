// What the real process tells: metrics, access log, spans, health. And what it must not tell (T-104).

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { httpGet } from '../support/http-get.ts'
import { startOtlpCollector } from '../support/otlp-collector.ts'
import type { OtlpCollector } from '../support/otlp-collector.ts'
import { rawRequest } from '../support/raw-client.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN_ID = 'b7ad6b7169203331'

let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  sluice = await startSluice(['--origin', origin.url])
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
})

beforeEach(() => {
  origin.reset()
})

async function get(target: string, headers: Record<string, string> = {}, method = 'GET') {
  return await httpGet(sluice.url, { target, headers, method })
}

describe('metrics', () => {
  it('equal the requests made, the answers given and the bytes moved', async () => {
    origin.put('/m', { sizeBytes: 3 * MIB, fields: [['Cache-Control', 'max-age=60']] })
    const before = await sluice.metrics()
    const answers = [await get('/m'), await get('/m'), await get('/m', { Range: 'bytes=5-14' })]
    answers.push(await get('/m', {}, 'HEAD'))
    answers.push(await get('/m', { 'If-None-Match': answers[0]?.header('etag') ?? '' }))
    answers.push(await get('/nothing'), await get('/m', {}, 'POST'), await get('/a/../m'))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 206, 200, 304, 404, 405, 400])
    await sluice.untilAccess(answers.length)
    const after = await sluice.metrics()
    const delta = (name: string, labels = {}) =>
      after.value(name, labels) - before.value(name, labels)
    expect(delta('sluice_requests_total')).toBe(8)
    expect(delta('sluice_requests_total', { cache: 'hit' })).toBe(4)
    expect(delta('sluice_requests_total', { cache: 'uri-miss' })).toBe(2)
    expect(delta('sluice_requests_total', { cache: 'none', status: '4xx' })).toBe(2)
    expect(delta('sluice_request_duration_seconds_count')).toBe(8)
    const sentBytes = answers.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0)
    expect(delta('sluice_response_bytes_total')).toBe(sentBytes)
    expect(delta('sluice_origin_requests_total')).toBe(origin.counters().requests)
    expect(delta('sluice_origin_bytes_total')).toBe(origin.counters().bodyBytes)
    expect(after.value('sluice_memory_bytes')).toBeGreaterThan(3 * MIB)
    expect(after.value('sluice_process_resident_bytes')).toBeGreaterThan(10 * MIB)
  })

  it('have a HELP and a TYPE for each name, and no name twice', async () => {
    const { text, samples } = await sluice.metrics()
    const typed = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? '')
    expect(new Set(typed).size).toBe(typed.length)
    const orphans = samples.filter(({ name }) => !typed.some((known) => name.startsWith(known)))
    expect(orphans).toEqual([])
    const series = samples.map(({ name, labels }) => name + JSON.stringify(labels))
    expect(new Set(series).size).toBe(series.length)
  })
})

describe('the admin listener', () => {
  it.each([
    ['/healthz', 200],
    ['/readyz', 200],
    ['/metrics', 200],
    ['/', 404],
    ['/../metrics', 200],
  ])('answers %s with %i, never to be kept', async (path, status) => {
    const result = await httpGet(`${sluice.adminUrl}${path}`)
    expect(result.status).toBe(status)
    expect(result.header('cache-control')).toBe('no-store')
  })

  it.each([
    ['TRACE', 'TRACE /healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n'],
    ['a Host no URL can have', 'GET /healthz HTTP/1.1\r\nHost: 999.1.1.1\r\n\r\n'],
    ['a Host that is none', 'GET /healthz HTTP/1.1\r\nHost: a/b@c?d\r\n\r\n'],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['absolute-form', 'GET http://999.1.1.1/healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['asterisk-form', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a body', 'POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'],
    ['an upgrade', 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['garbage', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  ])('survives %s (T-109)', async (_, bytes) => {
    const port = Number(new URL(sluice.adminUrl).port)
    await rawRequest({ port, bytes, timeoutMs: 500, lingerMs: 50 })
    expect((await httpGet(`${sluice.adminUrl}/healthz`)).status).toBe(200)
    expect(sluice.stderr).toEqual([])
  })

  it('is another listener: the edge relays its paths, and PURGE is not known there', async () => {
    origin.put('/metrics', { body: 'of the origin' })
    expect((await get('/metrics')).body.toString()).toBe('of the origin')
    expect((await get('/m', {}, 'PURGE')).status).toBe(405)
  })
})

describe('the access log', () => {
  it('has one line for each request, which says what happened', async () => {
    origin.put('/logged', { body: 'hello', fields: [['Cache-Control', 'max-age=60']] })
    await get('/logged?a=1', { 'User-Agent': 'tester/1.0' })
    await get('/logged?a=1', { 'User-Agent': 'tester/1.0' })
    const lines = await sluice.untilAccess(2, ({ agent }) => agent === 'tester/1.0')
    expect(lines).toHaveLength(2)
    const shared = {
      method: 'GET',
      target: '/logged?a=1',
      status: 200,
      bytes: 5,
      client: '127.0.0.1',
    }
    expect(lines[0]).toMatchObject({ ...shared, agent: 'tester/1.0', originBytes: 5 })
    expect(lines[0]?.cache).toBe('fwd=uri-miss; stored')
    expect(lines[1]).toMatchObject(shared)
    expect(lines[1]?.cache).toMatch(/^hit; ttl=/)
    expect(lines[1]).not.toHaveProperty('originBytes')
    expect(lines[0]?.id).not.toBe(lines[1]?.id)
    expect(lines[0]?.host).toBe(`127.0.0.1:${sluice.port}`)
    expect(Math.abs(Date.parse(lines[0]?.time ?? '') - Date.now())).toBeLessThan(10_000)
  })

  it('says of a broken answer that it was broken, and how much was sent', async () => {
    origin.put('/broken', {
      sizeBytes: MIB,
      etag: false,
      lastModified: false,
      script: [{ fault: 'truncate', afterBytes: 1000, end: 'fin' }],
    })
    const { complete } = await get('/broken')
    expect(complete).toBe(false)
    const [line] = await sluice.untilAccess(1, ({ target }) => target === '/broken')
    expect(line?.bytes).toBeLessThan(MIB)
    expect(line?.error).toBeDefined()
  })

  it.each([
    ['JSON in the target', 'GET /%0a{"level":"fatal"} HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['quotes in the target', 'GET /"},{"x":"y\\ HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['quotes in the query', 'GET /?"},{"x":"y\\ HTTP/1.1\r\nHost: a\r\n\r\n'],
    [
      'eight bits in User-Agent',
      'GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \xe2\x80\xa8"\\\x85\r\n\r\n',
    ],
    ['a long User-Agent', `GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ${'u'.repeat(8000)}\r\n\r\n`],
    ['a long target', `GET /${'t'.repeat(4000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['quotes in Host', 'GET / HTTP/1.1\r\nHost: a"b\r\n\r\n'],
  ])('stays one line of JSON that any reader can parse: %s (T-104)', async (_, bytes) => {
    const countBefore = sluice.accessLines().length
    await rawRequest({ port: sluice.port, bytes })
    await sluice.untilAccess(countBefore + 1)
    const line = sluice.stdout.findLast((text) => text.includes('"kind":"access"')) ?? ''
    expect(line).toMatch(/^[\x20-\x7e]+$/)
    expect(line.length).toBeLessThan(4000)
    expect(JSON.parse(line)).toMatchObject({ kind: 'access' })
    expect(JSON.parse(line)).not.toHaveProperty('level')
    expect(sluice.accessLines()).toHaveLength(countBefore + 1)
  })

  it('never holds a secret, nor do metrics or error bodies (T-104)', async () => {
    const headers = {
      Authorization: 'Bearer canary-1',
      Cookie: 'session=canary-2',
      'Proxy-Authorization': 'Basic canary-3',
      'X-Api-Key': 'canary-4',
      Referer: 'https://canary-5.example/',
    }
    const query = 'X-Amz-Signature=canary-6&x=1&X-Amz-Security-Token=canary-7&access_token=canary-8'
    origin.put('/secret', { body: 'public', fields: [['Set-Cookie', 'session=canary-9']] })
    origin.put('/refused', { raw: 'canary-10 is no HTTP\r\n\r\n' })
    const bodies = [
      await get(`/secret?${query}`, headers),
      await get(`/refused?${query}`, headers),
      await get(`/a/../b?${query}`, headers),
      await get(`/secret?${query}`, headers, 'POST'),
    ].map(({ body }) => body.toString())
    await sluice.untilAccess(1, ({ target, method }) => /secret/.test(target) && method === 'POST')
    const told = [...sluice.lines, (await sluice.metrics()).text, ...bodies].join('\n')
    expect(told).toContain('X-Amz-Signature=-&x=1')
    expect(told.match(/canary-\d+/g)).toBeNull()
  })

  it('drops lines when its reader is too slow, says how many, and keeps nobody waiting (F-81)', async () => {
    origin.put('/flood', { body: 'f', fields: [['Cache-Control', 'max-age=60']] })
    await get('/flood')
    sluice.holdOutput(true)
    const rssBefore = sluice.rssBytes()
    const padded = `GET /flood HTTP/1.1\r\nHost: a\r\nUser-Agent: ${'u'.repeat(1000)}\r\n\r\n`
    for (let i = 0; i < 30; i += 1) {
      const { responses } = await rawRequest({
        port: sluice.port,
        bytes: padded.repeat(100),
        until: 100,
      })
      expect(responses).toHaveLength(100)
    }
    expect(sluice.rssBytes() - rssBefore).toBeLessThan(64 * MIB)
    sluice.holdOutput(false)
    for (let i = 0; i < 50; i += 1) {
      await get('/flood')
      if (sluice.stdout.some((line) => line.includes('"log-dropped"'))) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const dropped = sluice.stdout.filter((line) => line.includes('"log-dropped"'))
    expect(dropped.length).toBeGreaterThan(0)
    expect(() => sluice.stdout.map((line) => JSON.parse(line) as unknown)).not.toThrow()
  })
})

describe('trace context', () => {
  const traceparent = `00-${TRACE_ID}-${SPAN_ID}-01`

  it('is passed on as it came where no spans are made (W3C Trace Context §3)', async () => {
    await get('/traced', { traceparent })
    await get('/untraced')
    expect(origin.requests.map((seen) => seen.header('traceparent'))).toEqual([
      traceparent,
      undefined,
    ])
  })
})

describe('spans', () => {
  let collector: OtlpCollector

  beforeAll(async () => {
    collector = await startOtlpCollector()
  })

  afterAll(() => collector.close())

  it('tell of request, lookup and origin, and the origin continues them', async () => {
    const traced = await startSluice([
      '--origin',
      origin.url,
      '--otlp-endpoint',
      collector.url,
      '--name',
      'edge-7',
    ])
    origin.put('/span', { body: 's', fields: [['Cache-Control', 'max-age=60']] })
    const traceparent = `00-${TRACE_ID}-${SPAN_ID}-01`
    const target = '/span?token=canary-11'
    await httpGet(traced.url, { target, headers: { traceparent, Cookie: 'canary-12' } })
    await httpGet(traced.url, { target, headers: { traceparent: `00-${TRACE_ID}-${SPAN_ID}-00` } })
    await httpGet(traced.url, { target: '/alone' })
    await traced.finish()

    const [seen, alone] = origin.requests
    const own = collector.spans.filter(({ traceId }) => traceId === TRACE_ID)
    const request = own.find(({ name }) => name === 'GET')
    expect(request).toMatchObject({ parentSpanId: SPAN_ID, kind: 2 })
    expect(request?.attributes).toMatchObject({
      'url.path': '/span',
      'http.response.status_code': 200,
    })
    const children = own.filter(({ parentSpanId }) => parentSpanId === request?.spanId)
    expect(children.map(({ name }) => name).toSorted()).toEqual(['lookup', 'origin'])
    expect(own).toHaveLength(3)
    for (const { startTimeUnixNano, endTimeUnixNano } of own) {
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano))
    }
    expect(seen?.header('traceparent')).toBe(`00-${TRACE_ID}-${request?.spanId}-01`)
    const [root] = collector.spans.filter(
      ({ name, traceId }) => name === 'GET' && traceId !== TRACE_ID,
    )
    expect(root?.parentSpanId).toBeUndefined()
    expect(alone?.header('traceparent')).toBe(`00-${root?.traceId}-${root?.spanId}-01`)
    expect([...collector.services]).toEqual(['edge-7'])
    expect(JSON.stringify(collector.spans)).not.toContain('canary')
  })

  it('to a collector that is not there harm nobody, at the end neither', async () => {
    const traced = await startSluice([
      '--origin',
      origin.url,
      '--otlp-endpoint',
      'http://127.0.0.1:1',
    ])
    origin.put('/lost', { body: 'lost' })
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => httpGet(traced.url, { target: '/lost' })),
    )
    expect(answers.every(({ body }) => body.toString() === 'lost')).toBe(true)
    const { code, ms } = await traced.stop('SIGINT')
    expect(code).toBe(0)
    expect(ms).toBeLessThan(5000)
  })
})
