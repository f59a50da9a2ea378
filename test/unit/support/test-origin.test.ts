import { Agent } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { httpGet, type HttpGetOptions, type HttpResult } from '../../support/http-get.ts'
import { originEtag, originLastModified } from '../../support/origin-answer.ts'
import { checkOracle, createOracleChecker } from '../../support/oracle.ts'
import { startTestOrigin, type TestOrigin } from '../../support/test-origin.ts'

let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
})
afterAll(() => origin.close())
beforeEach(() => {
  origin.reset()
  origin.put('/a', { sizeBytes: 1000, version: 1 })
})

function get(options?: HttpGetOptions, path = '/a'): Promise<HttpResult> {
  return httpGet(origin.url + path, options)
}

const etag = originEtag('/a', 1)
const modified = originLastModified(1)
const later = originLastModified(2)
const earlier = originLastModified(0)

describe('a range at the test origin', () => {
  it.each([
    ['bytes=0-0', 206, 'bytes 0-0/1000', 0, 1],
    ['bytes=17-499', 206, 'bytes 17-499/1000', 17, 500],
    ['bytes=990-', 206, 'bytes 990-999/1000', 990, 1000],
    ['BYTES=990-2000', 206, 'bytes 990-999/1000', 990, 1000],
    ['bytes=-1', 206, 'bytes 999-999/1000', 999, 1000],
    ['bytes=-5000', 206, 'bytes 0-999/1000', 0, 1000],
    ['bytes=0-1,5-6', 200, undefined, 0, 1000],
    ['bytes=5-4', 200, undefined, 0, 1000],
    ['bytes=-', 200, undefined, 0, 1000],
    ['lines=1-2', 200, undefined, 0, 1000],
  ])('answers %s (RFC 9110 §14)', async (range, status, contentRange, startByte, endByte) => {
    const answer = await get({ range })
    expect([answer.status, answer.header('content-range')]).toEqual([status, contentRange])
    const expected = { object: '/a', version: 1, startByte, endByte }
    expect(checkOracle(answer.body, expected)).toBeUndefined()
  })

  it.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0'])('refuses %s with 416', async (range) => {
    const answer = await get({ range })
    expect([answer.status, answer.header('content-range')]).toEqual([416, 'bytes */1000'])
  })

  it.each([
    [etag, 206],
    [modified, 206],
    ['"x"', 200],
    [`W/${etag}`, 200],
    [later, 200],
  ])('with If-Range: %s is answered with %i', async (value, status) => {
    const answer = await get({ range: 'bytes=0-9', headers: { 'If-Range': value } })
    expect(answer.status).toBe(status)
  })
})

describe('a precondition at the test origin', () => {
  it.each([
    ['If-Match', etag, 200],
    ['If-Match', '*', 200],
    ['If-Match', `"x", ${etag}`, 200],
    ['If-Match', '"x"', 412],
    ['If-Match', `W/${etag}`, 412],
    ['If-None-Match', etag, 304],
    ['If-None-Match', `W/${etag}`, 304],
    ['If-None-Match', '*', 304],
    ['If-None-Match', '"x"', 200],
    ['If-Modified-Since', modified, 304],
    ['If-Modified-Since', later, 304],
    ['If-Modified-Since', earlier, 200],
    ['If-Modified-Since', 'nonsense', 200],
    ['If-Unmodified-Since', modified, 200],
    ['If-Unmodified-Since', earlier, 412],
  ])('answers %s: %s with %i (RFC 9110 §13)', async (name, value, status) => {
    const answer = await get({ headers: { [name]: value } })
    expect([answer.status, answer.header('etag')]).toEqual([
      status,
      status === 412 ? undefined : etag,
    ])
  })

  it('lets If-None-Match decide over If-Modified-Since (RFC 9110 §13.2.2)', async () => {
    const headers = { 'If-None-Match': '"x"', 'If-Modified-Since': later }
    expect((await get({ headers })).status).toBe(200)
  })
})

describe('an object at the test origin', () => {
  it('that heeds no If-Match is sent whatever that says, and 304 for what is known', async () => {
    origin.put('/a', { sizeBytes: 10, heedsMatch: false })
    for (const name of ['If-Match', 'If-Unmodified-Since']) {
      const value = name === 'If-Match' ? '"x"' : earlier
      expect((await get({ headers: { [name]: value } })).status).toBe(200)
    }
    expect((await get({ headers: { 'If-None-Match': '*' } })).status).toBe(304)
  })

  it('serves a whole object with its validators', async () => {
    const answer = await get()
    expect([answer.status, answer.complete]).toEqual([200, true])
    const names = ['etag', 'last-modified', 'accept-ranges', 'content-length']
    expect(names.map((name) => answer.header(name))).toEqual([etag, modified, 'bytes', '1000'])
    const expected = { object: '/a', version: 1, startByte: 0, endByte: 1000 }
    expect(checkOracle(answer.body, expected)).toBeUndefined()
  })

  it('answers HEAD without a body, unknown paths with 404 and POST with 405', async () => {
    const head = await get({ method: 'HEAD', range: 'bytes=0-1' })
    expect([head.status, head.header('content-length'), head.bodyBytes]).toEqual([200, '1000', 0])
    expect((await get({}, '/missing')).status).toBe(404)
    expect((await get({ method: 'POST' })).status).toBe(405)
  })

  it('flips the version when put again', async () => {
    origin.put('/a', { sizeBytes: 1000, version: 2 })
    expect((await get({ headers: { 'If-Match': etag } })).status).toBe(412)
    const expected = { object: '/a', version: 2, startByte: 0, endByte: 1000 }
    expect(checkOracle((await get()).body, expected)).toBeUndefined()
  })

  it('sends what the object says instead of the defaults', async () => {
    origin.put('/b', {
      body: 'hello',
      etag: 'W/"weak"',
      lastModified: false,
      acceptRanges: false,
      chunked: true,
      fields: [
        ['content-type', 'text/plain'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ],
    })
    const answer = await get({ range: 'bytes=1-2' }, '/b')
    expect([answer.status, String(answer.body)]).toEqual([200, 'hello'])
    const names = ['etag', 'last-modified', 'accept-ranges', 'transfer-encoding', 'content-type']
    const values = names.map((name) => answer.header(name))
    expect(values).toEqual(['W/"weak"', undefined, undefined, 'chunked', 'text/plain'])
    expect(answer.header('set-cookie')).toBe('a=1, b=2')
  })

  it('prefers a target with its query, and else ignores the query', async () => {
    origin.put('/a?x=1', { body: 'one' })
    expect(String((await get({}, '/a?x=1')).body)).toBe('one')
    expect((await get({}, '/a?x=2')).bodyBytes).toBe(1000)
  })
})

describe('startTestOrigin', () => {
  it('streams far into a huge object without holding it', async () => {
    const sizeBytes = 8 * 2 ** 30
    const startByte = 5 * 2 ** 30 + 3
    const endByte = startByte + 40_000_000
    origin.put('/huge', { sizeBytes, version: 7 })
    const checker = createOracleChecker({ object: '/huge', version: 7, startByte, endByte })
    const range = `bytes=${startByte}-${endByte - 1}`
    const answer = await get({ range, onChunk: (chunk) => checker.push(chunk) }, '/huge')
    expect([answer.complete, checker.finish()]).toEqual([true, undefined])
  })

  it('stops at a client that reads no more', async () => {
    origin.put('/huge', { sizeBytes: 2 ** 40 })
    const cut = new AbortController()
    const options = { signal: cut.signal, onChunk: () => cut.abort() }
    expect((await get(options, '/huge')).complete).toBe(false)
    await expect.poll(() => origin.requests[0]?.aborted).toBe(true)
    expect(origin.requests[0]?.bytesSent).toBeLessThan(64 * 2 ** 20)
    expect(origin.counters().concurrent).toBe(0)
  })

  it('logs each request and counts', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await get({ agent, headers: { 'X-Two': ['1', '2'] } })
    await get({ agent, range: 'bytes=0-9' })
    agent.destroy()
    await expect.poll(() => origin.requests[1]?.finished).toBe(true)
    const [first, second] = origin.requests
    expect([first?.method, first?.target, first?.bytesSent]).toEqual(['GET', '/a', 1000])
    expect([first?.rawHeaders.includes('X-Two'), first?.header('x-two')]).toEqual([true, '1, 2'])
    expect(second?.connectionId).toBe(first?.connectionId)
    const counted = { requests: 2, bodyBytes: 1010, concurrent: 0, maxConcurrent: 1, malformed: 0 }
    expect(origin.counters()).toMatchObject(counted)
    origin.resetCounters()
    expect([origin.requests.length, origin.counters().requests]).toEqual([0, 0])
  })
})
