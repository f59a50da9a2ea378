// What is the Worker's own: segments in the Cache API, its limits, its settings, what workerd's fetch does.

import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import type { HttpGetOptions, HttpResult } from '../support/http-get.ts'
import { httpGet } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { startR2 } from '../support/r2-endpoint.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { Workerd } from '../support/workerd.ts'
import { startWorkerd } from '../support/workerd.ts'

const CONFIG = fileURLToPath(new URL('../../wrangler.toml', import.meta.url))
const SEGMENT_BYTES = 65_536
const MAX_SEGMENT_COUNT = 20
const FRESH = [['Cache-Control', 'max-age=600']] as const

function withWorker(vars: Readonly<Record<string, string>>) {
  const started: { origin?: TestOrigin; worker?: Workerd } = {}
  beforeAll(async () => {
    started.origin = await startTestOrigin()
    started.worker = await startWorkerd(CONFIG, { SLUICE_ORIGIN: started.origin.url, ...vars })
  })
  afterAll(async () => {
    // A promise of another request, a body nobody reads, a rejection nobody hears: workerd would say so. It
    // says as much of a body that is broken off on purpose.
    const errors = started.worker?.errors.filter((text) => !text.includes('Cannot fetch the rest'))
    expect(errors).toEqual([])
    await started.worker?.close()
    await started.origin?.close()
  })
  return {
    origin(): TestOrigin {
      if (started.origin === undefined) throw new Error('Cannot ask: not started')
      return started.origin
    },
    get: (path: string, options: HttpGetOptions = {}) =>
      httpGet(started.worker?.url ?? '', { target: path, ...options }),
  }
}

function cacheOf(result: HttpResult): string {
  return (result.header('cache-status') ?? '').replace(/; ttl=-?\d+/, '')
}

function problemOf(result: HttpResult, object: string, startByte: number, endByte: number) {
  return checkOracle(result.body, { object, version: 1, startByte, endByte })
}

/** Writes behind an answer land a moment later; until then what should be a hit asks the origin. */
async function untilStored(
  origin: TestOrigin,
  get: () => Promise<HttpResult>,
): Promise<HttpResult> {
  for (let tryCount = 0; ; tryCount++) {
    const before = origin.requests.length
    const result = await get()
    if (origin.requests.length === before || tryCount >= 50) return result
  }
}

describe('the Worker, with small segments', () => {
  const { origin, get } = withWorker({
    SLUICE_SEGMENT: String(SEGMENT_BYTES),
    SLUICE_SUBREQUESTS: String(MAX_SEGMENT_COUNT),
  })
  beforeEach(() => origin().reset())

  it('gives an object of many segments, and any range of it, from the cache alone', async () => {
    const sizeBytes = MAX_SEGMENT_COUNT * SEGMENT_BYTES - 1234
    origin().put('/many', { sizeBytes, fields: FRESH })
    const cold = await get('/many')
    expect(cacheOf(cold)).toBe('sluice; fwd=uri-miss; stored')
    expect(problemOf(cold, '/many', 0, sizeBytes)).toBeUndefined()
    const warm = await untilStored(origin(), () => get('/many'))
    expect(cacheOf(warm)).toBe('sluice; hit')
    expect(problemOf(warm, '/many', 0, sizeBytes)).toBeUndefined()
    const before = origin().requests.length
    for (let i = 0; i < 30; i++) {
      const startByte = (i * 7919 * 31) % sizeBytes
      const endByte = Math.min(sizeBytes, startByte + 1 + ((i * 104_729) % (3 * SEGMENT_BYTES)))
      const part = await get('/many', { range: `bytes=${startByte}-${endByte - 1}` })
      expect(part.status).toBe(206)
      expect(problemOf(part, '/many', startByte, endByte)).toBeUndefined()
    }
    expect(origin().requests.length).toBe(before)
  })

  it('stores what fits the budget of subrequests to the byte, and passes on what does not', async () => {
    const maxBytes = MAX_SEGMENT_COUNT * SEGMENT_BYTES
    origin().put('/fits', { sizeBytes: maxBytes, fields: FRESH })
    origin().put('/above', { sizeBytes: maxBytes + 1, fields: FRESH })
    expect(cacheOf(await get('/fits'))).toBe('sluice; fwd=uri-miss; stored')
    for (let i = 0; i < 3; i++) {
      const before = origin().requests.length
      const whole = await get('/above')
      expect(cacheOf(whole)).toBe('sluice; fwd=uri-miss')
      expect(whole.header('cache-control')).toBe('max-age=600')
      expect(whole.header('content-length')).toBe(String(maxBytes + 1))
      expect(problemOf(whole, '/above', 0, maxBytes + 1)).toBeUndefined()
      expect(origin().requests.length - before).toBe(1)
    }
    const part = await get('/above', { range: 'bytes=70000-70009' })
    expect(part.status).toBe(206)
    expect(problemOf(part, '/above', 70_000, 70_010)).toBeUndefined()
    expect(origin().requests.at(-1)?.header('range')).toBe('bytes=70000-70009')
  })

  it('answers many at once for one cold object, each with all of it', async () => {
    const sizeBytes = 5 * SEGMENT_BYTES + 17
    origin().put('/herd', { sizeBytes, fields: FRESH })
    const results = await Promise.all(Array.from({ length: 20 }, () => get('/herd')))
    expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    const problems = results.map((result) => problemOf(result, '/herd', 0, sizeBytes))
    expect(problems.filter((problem) => problem !== undefined)).toEqual([])
  })

  it('goes on by range where a body broke off, and the client sees nothing of it', async () => {
    const sizeBytes = 6 * SEGMENT_BYTES
    origin().put('/cut', { sizeBytes, fields: FRESH })
    origin().inject({ fault: 'truncate', afterBytes: 3 * SEGMENT_BYTES + 500, end: 'rst' }, '/cut')
    const result = await get('/cut')
    expect(result.complete).toBe(true)
    expect(problemOf(result, '/cut', 0, sizeBytes)).toBeUndefined()
    expect(origin().requests.length).toBe(2)
  })

  it('never lets what is incomplete look complete', async () => {
    origin().put('/broken', {
      sizeBytes: 6 * SEGMENT_BYTES,
      etag: false,
      lastModified: false,
      fields: FRESH,
    })
    origin().inject(
      { fault: 'truncate', afterBytes: 3 * SEGMENT_BYTES, end: 'fin', times: 100 },
      '/broken',
    )
    for (let i = 0; i < 2; i++) {
      const result = await get('/broken')
      expect(result.complete).toBe(false)
      expect(problemOf(result, '/broken', 0, result.bodyBytes)).toBeUndefined()
    }
  })

  it.each([
    ['two framings', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5'],
    ['two equal lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3, 3'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1'],
    ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked'],
    ['status 600', 'HTTP/1.1 600 Beyond\r\nContent-Length: 3'],
    ['status 101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: other'],
    ['another protocol', 'SMTP/1.1 200 OK\r\nContent-Length: 3'],
  ])('answers 502 to an origin that sends %s (RFC 9112 §6.3)', async (name, head) => {
    const path = `/malformed-${name.replaceAll(' ', '-')}`
    const fields = 'Cache-Control: max-age=600\r\nETag: "a"'
    origin().put(path, { raw: `${head}\r\n${fields}\r\n\r\nabc`, end: 'fin' })
    expect((await get(path)).status).toBe(502)
    // Nothing of it was kept.
    origin().put(path, { sizeBytes: 100, fields: FRESH })
    expect(problemOf(await get(path), path, 0, 100)).toBeUndefined()
  })

  it('refuses a request body and leaves it to the runtime', async () => {
    const result = await get('/any', { method: 'POST', body: 'abc' })
    expect(result.status).toBe(405)
    expect(origin().requests.length).toBe(0)
  })

  it('leaves the origin when the client leaves and much is left', async () => {
    const sizeBytes = 64 * 2 ** 20
    origin().put('/left', { sizeBytes, fields: [['Cache-Control', 'no-store']] })
    const abort = new AbortController()
    const left = await get('/left', { signal: abort.signal, onChunk: () => abort.abort() })
    expect(left.complete).toBe(false)
    await expect.poll(() => origin().requests.at(-1)?.aborted, { timeout: 10_000 }).toBe(true)
  })

  it('answers 502 when the origin is not there, and stale where that is allowed', async () => {
    const lost = await startTestOrigin()
    lost.put('/stale', { sizeBytes: 5000, fields: [['Cache-Control', 'public, max-age=0']] })
    const worker = await startWorkerd(CONFIG, { SLUICE_ORIGIN: lost.url })
    try {
      expect((await httpGet(`${worker.url}/stale`)).status).toBe(200)
      await lost.close()
      const down = await httpGet(`${worker.url}/never-seen`)
      expect(down.status).toBe(502)
      expect(down.header('cache-status')).toContain('detail=connection_terminated')
      const stale = await httpGet(`${worker.url}/stale`)
      expect(stale.status).toBe(200)
      expect(problemOf(stale, '/stale', 0, 5000)).toBeUndefined()
    } finally {
      await worker.close()
    }
  })
})

describe('the Worker, with segments as they are by default', () => {
  const { origin, get } = withWorker({})

  it('gives an object of three segments whole, cold and warm', async () => {
    const sizeBytes = 20 * 2 ** 20 + 5
    origin().put('/large', { sizeBytes, fields: FRESH })
    const cold = await get('/large')
    expect(problemOf(cold, '/large', 0, sizeBytes)).toBeUndefined()
    const warm = await untilStored(origin(), () => get('/large'))
    expect(cacheOf(warm)).toBe('sluice; hit')
    expect(problemOf(warm, '/large', 0, sizeBytes)).toBeUndefined()
  })
})

describe('the Worker, in front of a bucket', () => {
  it('signs its requests, and stores what it gets (SigV4)', async () => {
    const r2 = await startR2()
    const bytes = new TextEncoder().encode('from the bucket')
    await r2.put('folder/a b.txt', bytes, 'text/plain')
    const worker = await startWorkerd(CONFIG, {
      SLUICE_ORIGIN: `s3://${r2.bucket}/folder`,
      SLUICE_S3_ENDPOINT: r2.endpoint,
      SLUICE_S3_REGION: 'auto',
      SLUICE_DEFAULT_TTL: '10m',
      AWS_ACCESS_KEY_ID: r2.accessKeyId,
      AWS_SECRET_ACCESS_KEY: r2.secretAccessKey,
    })
    try {
      const cold = await httpGet(`${worker.url}/a%20b.txt`)
      expect(cold.body.toString()).toBe('from the bucket')
      expect(cold.header('content-type')).toBe('text/plain')
      expect((await httpGet(`${worker.url}/none`)).status).toBe(404)
      await r2.close()
      const warm = await httpGet(`${worker.url}/a%20b.txt`, { range: 'bytes=5-7' })
      expect(warm.status).toBe(206)
      expect(warm.body.toString()).toBe('the')
    } finally {
      await worker.close()
    }
  })
})

describe('the Worker, wrongly set up', () => {
  it('answers 500 to everything and says which variable it is', async () => {
    const worker = await startWorkerd(CONFIG, { SLUICE_ORIGIN: '', SLUICE_SEGMENT: '1GiB' })
    try {
      for (const path of ['/any', '/other']) {
        const result = await httpGet(`${worker.url}${path}`)
        expect(result.status).toBe(500)
        expect(result.header('cache-control')).toBe('no-store')
        expect(result.body.toString()).toContain('SLUICE_SEGMENT: Allowed: 64KiB to 16MiB')
      }
    } finally {
      await worker.close()
    }
  })
})
