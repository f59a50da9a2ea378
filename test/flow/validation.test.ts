import { describe, expect, it } from 'vitest'

import type { BreakerRules } from '#core/upstream/breaker-state.ts'
import { createBreaker, withBreaker } from '#core/upstream/breaker.ts'
import { createEdge, readBody, SEGMENT_BYTES, whileStepping } from '../support/edge.ts'
import { createGate } from '../support/gate.ts'
import { checkOracle } from '../support/oracle.ts'

type Lines = [string, string][]
const BREAKER_RULES: BreakerRules = {
  windowMs: 10_000,
  minRequestCount: 20,
  failureRatio: 0.5,
  maxRowCount: 5,
  openMs: 5000,
  maxProbeCount: 1,
  rampMs: 5000,
}
const FRESH: Lines = [['cache-control', 'max-age=60']]

function problem(body: Uint8Array, startByte: number, endByte: number, version = 1) {
  return checkOracle(body, { object: '/a', version, startByte, endByte })
}

describe('a stale response', () => {
  it('is validated with the origin, and served again after a 304 (RFC 9111 §4.3)', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 500, fields: FRESH })
    await edge.get('/a')
    await edge.clock.step(60_000)
    const validated = await edge.get('/a')
    expect(validated.status).toBe(200)
    expect(validated.cache).toBe('fwd=stale; fwd-status=304; ttl=60')
    expect(problem(validated.body, 0, 500)).toBeUndefined()
    expect(edge.origin.requests[1]?.header('if-none-match')).toBeDefined()
    expect((await edge.get('/a')).cache).toBe('hit; ttl=60')
    expect(edge.origin.requests).toHaveLength(2)
  })

  it('is replaced by a new version, of which only the segment asked first is fetched', async () => {
    const edge = createEdge()
    const sizeBytes = 50 * SEGMENT_BYTES
    edge.origin.put('/a', { sizeBytes, fields: FRESH })
    await edge.get('/a', { range: 'bytes=0-9' })
    edge.origin.put('/a', { sizeBytes, version: 2, fields: FRESH })
    await edge.clock.step(60_000)
    const got = await edge.get('/a', { range: 'bytes=2050-2060' })
    expect(got.status).toBe(206)
    expect(problem(got.body, 2050, 2061, 2)).toBeUndefined()
    expect(edge.origin.requests[1]?.range).toBe('bytes=2048-3071')
    expect(edge.origin.requests).toHaveLength(2)
    const start = await edge.get('/a', { range: 'bytes=0-9' })
    expect(problem(start.body, 0, 10, 2)).toBeUndefined()
  })

  it('is validated once for all who ask meanwhile', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 500, fields: FRESH })
    await edge.get('/a')
    await edge.clock.step(60_000)
    edge.origin.inject({ fault: 'gate-head', gate })
    const asked = Array.from({ length: 5 }, () => edge.get('/a'))
    await gate.arrived()
    gate.release()
    for (const { body } of await Promise.all(asked)) expect(problem(body, 0, 500)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(2)
  })

  it('without a validator of its own is fetched anew', async () => {
    const edge = createEdge()
    const bare = { etag: false, lastModified: false } as const
    edge.origin.put('/a', { sizeBytes: 500, ...bare, fields: FRESH })
    await edge.get('/a')
    await edge.fillScopes.settled()
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
    await edge.clock.step(60_000)
    const got = await edge.get('/a')
    expect(got.cache).toBe('fwd=stale; stored')
    expect(problem(got.body, 0, 500)).toBeUndefined()
  })

  it('without freshness, but with a validator, is validated on each use', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 500 })
    await edge.get('/a')
    expect((await edge.get('/a')).cache).toBe('fwd=stale; fwd-status=304; ttl=0')
    expect((await edge.get('/a')).cache).toBe('fwd=stale; fwd-status=304; ttl=0')
    expect(edge.origin.requests).toHaveLength(3)
  })

  it('is served at once while it is validated, within its window (RFC 5861 §3)', async () => {
    const edge = createEdge()
    edge.origin.put('/a', {
      sizeBytes: 500,
      fields: [['cache-control', 'max-age=60, stale-while-revalidate=30']],
    })
    await edge.get('/a')
    await edge.clock.step(70_000)
    const stale = await edge.get('/a')
    expect(stale.cache).toBe('hit; ttl=-10')
    await stale.scope.settled()
    expect((await edge.get('/a')).cache).toBe('hit; ttl=60')
    expect(edge.origin.requests).toHaveLength(2)
  })

  it('gives way to what the origin says now: gone is gone', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 500, fields: FRESH })
    await edge.get('/a')
    await edge.clock.step(60_000)
    edge.origin.remove('/a')
    expect((await edge.get('/a')).status).toBe(404)
    edge.origin.inject({ fault: 'fail', kind: 'connection_refused', times: Infinity })
    expect((await edge.get('/a')).status).toBe(502)
  })
})

describe('when the origin fails', () => {
  it.each([
    ['refuses the connection', { fault: 'fail', kind: 'connection_refused', times: Infinity }],
    ['times out', { fault: 'fail', kind: 'http_response_timeout', times: Infinity }],
    ['answers 503', { fault: 'status', status: 503, times: Infinity }],
  ] as const)('a stale response stands in: it %s (RFC 5861 §4)', async (_name, fault) => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 5000, fields: FRESH })
    await edge.get('/a')
    await edge.clock.step(61_000)
    edge.origin.inject(fault)
    const got = await edge.get('/a', { range: 'bytes=4000-4999' })
    expect(got.status).toBe(206)
    expect(got.cache).toMatch(/^fwd=stale; (fwd-status=503; )?ttl=-1; detail=/)
    expect(problem(got.body, 4000, 5000)).toBeUndefined()
  })

  it('a stale response stands in for one that is slow, which is validated all the same', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 500, fields: FRESH })
    await edge.get('/a')
    await edge.clock.step(61_000)
    edge.origin.inject({ fault: 'delay-head', delayMs: 4000, times: Infinity })
    const waiting = edge.get('/a')
    await edge.clock.step(999)
    const fetchedCount = edge.origin.requests.length
    await edge.clock.step(1)
    expect((await waiting).cache).toMatch(/^fwd=stale; ttl=-2; detail=slow/)
    // Nobody else waits for it in the next seconds, nor is it asked for again.
    expect((await edge.get('/a')).cache).toMatch(/detail=slow/)
    expect(edge.origin.requests).toHaveLength(fetchedCount)
    await edge.clock.step(3000)
    expect((await edge.get('/a')).cache).toMatch(/^hit; ttl=5\d/)
  })

  it('who insists on a validation waits for it', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 500, fields: FRESH })
    await edge.get('/a')
    await edge.clock.step(61_000)
    edge.origin.inject({ fault: 'delay-head', delayMs: 4000 })
    const waiting = edge.get('/a', { 'cache-control': 'no-cache' })
    await edge.clock.step(4000)
    expect((await waiting).cache).toMatch(/fwd-status=304/)
  })

  it('a response that must be revalidated does not (RFC 9111 §5.2.2.2)', async () => {
    const edge = createEdge()
    edge.origin.put('/a', {
      sizeBytes: 50,
      fields: [['cache-control', 'max-age=60, must-revalidate']],
    })
    await edge.get('/a')
    await edge.clock.step(61_000)
    edge.origin.inject({ fault: 'fail', kind: 'http_response_timeout', times: Infinity })
    expect((await edge.get('/a')).status).toBe(504)
  })

  it('its 503 is relayed to who has nothing else', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 50, fields: FRESH })
    edge.origin.inject({ fault: 'status', status: 503, body: 'down', times: Infinity })
    const got = await edge.get('/a')
    expect(got.status).toBe(503)
    expect(new TextDecoder().decode(got.body)).toBe('down')
  })

  it('its breaker opens after five failures, and answers at once until one request may try', async () => {
    const edge = createEdge({
      wrap: (upstream, clock) =>
        withBreaker(
          upstream,
          createBreaker({ clock, random: () => 0, address: 'fake', rules: BREAKER_RULES }),
          { clock },
        ),
    })
    edge.origin.put('/a', { sizeBytes: 500, fields: FRESH })
    await edge.get('/a')
    await edge.clock.step(60_000)
    const heal = edge.origin.inject({ fault: 'fail', kind: 'connection_refused', times: Infinity })
    for (let i = 0; i < 5; i++) await edge.get(`/missing-${i}`)
    expect(edge.origin.requests).toHaveLength(6)
    const refused = await edge.get('/other')
    expect(refused.status).toBe(503)
    expect(refused.field('retry-after')).toBe('5')
    expect((await edge.get('/a')).cache).toContain('detail=destination_unavailable')
    expect(edge.origin.requests).toHaveLength(6)
    await edge.clock.step(5000)
    heal()
    expect((await edge.get('/a')).cache).toContain('fwd-status=304')
    expect((await edge.get('/b')).status).toBe(404)
  })
})

describe('a transfer that breaks', () => {
  it('is continued from the byte reached, and the reader sees one body', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 10_000, fields: FRESH })
    edge.origin.inject({ fault: 'break', kind: 'http_response_incomplete', afterBytes: 4100 })
    const { body, error } = await whileStepping(edge.clock, edge.get('/a'))
    expect(error).toBeUndefined()
    expect(problem(body, 0, 10_000)).toBeUndefined()
    expect(edge.origin.requests[1]?.range).toBe('bytes=4100-9999')
    expect(edge.origin.requests[1]?.header('if-match')).toBeDefined()
    expect(edge.origin.deliveredBytes).toBe(10_000)
  })

  it('is seen as broken when it cannot be continued, and is not stored as complete', async () => {
    const edge = createEdge()
    const bare = { etag: false, lastModified: false } as const
    edge.origin.put('/a', { sizeBytes: 10_000, ...bare, fields: FRESH })
    edge.origin.inject({ fault: 'break', kind: 'http_response_incomplete', afterBytes: 4100 })
    const got = await edge.get('/a')
    expect(got.error).toMatchObject({ kind: 'http_response_incomplete' })
    await edge.fillScopes.settled()
    expect((await edge.get('/a')).cache).toBe('fwd=uri-miss; stored')
  })

  it('never goes on with the bytes of another version', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 10_000, fields: FRESH })
    edge.origin.inject({ fault: 'break', kind: 'http_response_incomplete', afterBytes: 4100 })
    const gate = createGate()
    edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 3000 })
    const asked = edge.get('/a')
    await gate.arrived()
    edge.origin.put('/a', { sizeBytes: 10_000, version: 2, fields: FRESH })
    gate.release()
    const { body, error } = await whileStepping(edge.clock, asked)
    expect(error).toBeDefined()
    expect(body.byteLength).toBeLessThan(10_000)
    expect(problem(body, 0, body.byteLength)).toBeUndefined()
    const next = await edge.get('/a')
    expect(problem(next.body, 0, 10_000, 2)).toBeUndefined()
  })

  it('of a version gone before the head went out is begun anew (RFC 9111 §3.4)', async () => {
    const edge = createEdge()
    const sizeBytes = 10 * SEGMENT_BYTES
    edge.origin.put('/a', { sizeBytes, fields: FRESH })
    await edge.get('/a', { range: 'bytes=0-9' })
    edge.origin.put('/a', { sizeBytes, version: 2, fields: FRESH })
    const got = await edge.get('/a', { range: 'bytes=5000-5009' })
    expect(got.status).toBe(206)
    expect(problem(got.body, 5000, 5010, 2)).toBeUndefined()
    const start = await edge.get('/a', { range: 'bytes=0-9' })
    expect(problem(start.body, 0, 10, 2)).toBeUndefined()
  })

  it('from an origin that ignores ranges is one transfer from the start', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 10_000, fields: FRESH, acceptRanges: false })
    const got = await edge.get('/a', { range: 'bytes=8000-8009' })
    expect(got.status).toBe(206)
    expect(problem(got.body, 8000, 8010)).toBeUndefined()
    await edge.fillScopes.settled()
    expect((await edge.get('/a', { range: 'bytes=0-99' })).cache).toMatch(/^hit/)
    expect(edge.origin.requests).toHaveLength(1)
  })

  it.each([
    { fault: 'content-range', change: 'start', add: 1 },
    { fault: 'content-range', change: 'end', add: -1 },
    { fault: 'content-range', change: 'unknown-total' },
    { fault: 'content-range', change: 'missing' },
    { fault: 'content-range', change: 'multipart' },
  ] as const)(
    'stores no 206 that is not what was asked, and asks as the client: %o',
    async (fault) => {
      const edge = createEdge()
      edge.origin.put('/a', { sizeBytes: 10_000, fields: FRESH })
      edge.origin.inject(fault)
      const got = await edge.get('/a', { range: 'bytes=5000-5009' })
      expect(problem(got.body, 5000, 5010)).toBeUndefined()
      expect(edge.origin.requests[1]?.range).toBe('bytes=5000-5009')
      const again = await edge.get('/a', { range: 'bytes=5000-5009' })
      expect(problem(again.body, 5000, 5010)).toBeUndefined()
      expect(again.cache).toContain('uri-miss')
    },
  )

  it('takes no 206 to a plain request', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 10_000, fields: FRESH })
    edge.origin.inject({ fault: 'unasked-range', startByte: 0, endByte: 100 })
    expect((await edge.get('/a')).status).toBe(502)
    expect((await readBody((await edge.ask('/a')).answer)).body).toHaveLength(10_000)
  })
})

describe('conditions that only the origin may judge', () => {
  it('are forwarded as they came when nothing is stored, and a 304 is the client’s', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 500, fields: FRESH })
    const etag = (await edge.get('/a')).field('etag') ?? ''
    const cold = createEdge()
    cold.origin.put('/a', { sizeBytes: 500, fields: FRESH })
    const got = await cold.get('/a', { 'if-none-match': etag })
    expect(got.status).toBe(304)
    const other = await cold.get('/a', { 'if-none-match': '"other"' })
    expect(other.status).toBe(200)
    expect((await cold.get('/a')).cache).toMatch(/^hit/)
  })

  it('If-Match that holds for a fresh stored response is served from it', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 5000, fields: FRESH })
    const etag = (await edge.get('/a')).field('etag') ?? ''
    const same = await edge.get('/a', { 'if-match': etag, range: 'bytes=0-9' })
    expect(same.cache).toMatch(/^hit/)
    const other = await edge.get('/a', { 'if-match': '"other"' })
    expect(other.status).toBe(412)
    expect(edge.origin.requests).toHaveLength(2)
  })
})
