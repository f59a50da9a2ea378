import { describe, expect, it } from 'vitest'

import type { Store } from '#core/ports/store.ts'
import { createFakeStore } from '../support/fake-store.ts'
import type { Edge } from '../support/edge.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { checkOracle } from '../support/oracle.ts'

const FRESH = { 'cache-control': 'max-age=60' }

function fields(record: Record<string, string>): [string, string][] {
  return Object.entries(record)
}

function oracleProblem(body: Uint8Array, object: string, startByte: number, endByte: number) {
  return checkOracle(body, { object, version: 1, startByte, endByte })
}

describe.each([
  ['memory', (): Store | undefined => undefined],
  ['a slow store', (): Store | undefined => createFakeStore()],
] as const)('a miss and a hit over %s', (_name, createStore) => {
  function edgeWith(options: Parameters<typeof createEdge>[0] = {}): Edge {
    const store = createStore()
    return createEdge({ ...options, ...(store !== undefined && { store }) })
  }

  it('serves a miss from the origin, then hits that never reach it', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 5000, fields: fields(FRESH) })
    const miss = await edge.get('/a')
    expect(miss.status).toBe(200)
    expect(miss.cache).toBe('fwd=uri-miss; stored')
    expect(miss.field('age')).toBeUndefined()
    expect(oracleProblem(miss.body, '/a', 0, 5000)).toBeUndefined()
    await edge.clock.step(7_500)
    const hit = await edge.get('/a')
    expect(hit.status).toBe(200)
    expect(hit.cache).toBe('hit; ttl=52')
    expect(hit.field('age')).toBe('7')
    expect(hit.answer.contentLength).toBe(5000)
    expect(oracleProblem(hit.body, '/a', 0, 5000)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('fetches only the segments that a range covers', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 100 * SEGMENT_BYTES, fields: fields(FRESH) })
    const got = await edge.get('/a', { range: 'bytes=5000-6000' })
    expect(got.status).toBe(206)
    expect(got.field('content-range')).toBe(`bytes 5000-6000/${100 * SEGMENT_BYTES}`)
    expect(oracleProblem(got.body, '/a', 5000, 6001)).toBeUndefined()
    expect(edge.origin.requests.map((request) => request.range)).toEqual(['bytes=4096-6143'])
    expect(edge.origin.deliveredBytes).toBe(2048)
    const nearby = await edge.get('/a', { range: 'bytes=4100-4200' })
    expect(nearby.cache).toMatch(/^hit/)
    expect(oracleProblem(nearby.body, '/a', 4100, 4201)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('answers the last bytes of an object whose length it did not know', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 5000, fields: fields(FRESH) })
    const got = await edge.get('/a', { range: 'bytes=-10' })
    expect(got.field('content-range')).toBe('bytes 4990-4999/5000')
    expect(oracleProblem(got.body, '/a', 4990, 5000)).toBeUndefined()
    expect(edge.origin.requests[0]?.range).toBe('bytes=-1033')
  })

  it('assembles a whole body from what is stored and what is missing', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 5000, fields: fields(FRESH) })
    await edge.get('/a', { range: 'bytes=2000-2100' })
    const whole = await edge.get('/a')
    expect(whole.status).toBe(200)
    expect(whole.cache).toMatch(/^fwd=partial/)
    expect(oracleProblem(whole.body, '/a', 0, 5000)).toBeUndefined()
    const ranges = edge.origin.requests.map((request) => request.range)
    expect(ranges).toEqual(['bytes=1024-3071', 'bytes=0-1023', 'bytes=3072-4999'])
    expect(edge.origin.requests[1]?.header('if-match')).toBe(
      edge.origin.requests[2]?.header('if-match'),
    )
  })

  it('answers HEAD from a stored GET', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 5000, fields: fields(FRESH) })
    await edge.get('/a')
    const head = await edge.get('/a', {}, 'HEAD')
    expect(head.status).toBe(200)
    expect(head.answer.contentLength).toBe(5000)
    expect(head.answer.body.kind).toBe('none')
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('answers 416 with the length to what lies beyond it (RFC 9110 §15.5.17)', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 5000, fields: fields(FRESH) })
    await edge.get('/a')
    const got = await edge.get('/a', { range: 'bytes=5000-' })
    expect(got.status).toBe(416)
    expect(got.field('content-range')).toBe('bytes */5000')
    expect(got.body).toHaveLength(0)
  })

  it('answers 416 to a cold range beyond the end, within the same segment', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 5000, fields: fields(FRESH) })
    const got = await edge.get('/a', { range: 'bytes=5010-5020' })
    expect(got.status).toBe(416)
    expect(got.field('content-range')).toBe('bytes */5000')
  })

  it('stores an empty object, and says of a range that there is none', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 0, fields: fields(FRESH) })
    const cold = await edge.get('/a', { range: 'bytes=0-9' })
    expect(cold.status).toBe(416)
    expect(cold.field('content-range')).toBe('bytes */0')
    const whole = await edge.get('/a')
    expect(whole.status).toBe(200)
    expect(whole.cache).toMatch(/^hit/)
    expect(whole.answer.contentLength).toBe(0)
    expect((await edge.get('/a', { range: 'bytes=-5' })).status).toBe(200)
  })

  it('answers 304 to a condition that what is stored satisfies (RFC 9110 §13.1.2)', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 5000, fields: fields(FRESH) })
    const first = await edge.get('/a')
    const etag = first.field('etag') ?? ''
    const got = await edge.get('/a', { 'if-none-match': `"other", W/${etag}` })
    expect(got.status).toBe(304)
    expect(got.field('etag')).toBe(etag)
    expect(got.field('content-type')).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('ignores a range whose If-Range is of another version (RFC 9110 §13.1.5)', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 5000, fields: fields(FRESH) })
    const etag = (await edge.get('/a')).field('etag') ?? ''
    const same = await edge.get('/a', { range: 'bytes=0-9', 'if-range': etag })
    expect(same.status).toBe(206)
    const other = await edge.get('/a', { range: 'bytes=0-9', 'if-range': '"other"' })
    expect(other.status).toBe(200)
    expect(other.body).toHaveLength(5000)
    const weak = await edge.get('/a', { range: 'bytes=0-9', 'if-range': `W/${etag}` })
    expect(weak.status).toBe(200)
  })
})
