import { describe, expect, it } from 'vitest'

import type { Store } from '#core/ports/store.ts'
import { readByteranges } from '../support/byteranges.ts'
import type { Edge, GotWhole } from '../support/edge.ts'
import { createEdge, drainSource, readBody, SEGMENT_BYTES, whileStepping } from '../support/edge.ts'
import { createFakeStore } from '../support/fake-store.ts'
import { createGate } from '../support/gate.ts'
import { checkOracle } from '../support/oracle.ts'

const FRESH: [string, string][] = [
  ['cache-control', 'max-age=60'],
  ['content-type', 'video/mp4'],
]

function problem(body: Uint8Array, startByte: number, endByte: number) {
  return checkOracle(body, { object: '/a', version: 1, startByte, endByte })
}

/** The spans of a multipart answer, once all else about it holds. */
function spansOf(got: GotWhole, completeLength: number): string[] {
  expect(got.status).toBe(206)
  expect(got.field('content-range')).toBeUndefined()
  const { parts, isClosed } = readByteranges(got.field('content-type'), got.body)
  expect(isClosed).toBe(true)
  expect(got.answer.contentLength).toBe(got.body.byteLength)
  for (const part of parts) {
    expect(part.contentType).toBe('video/mp4')
    expect(part.completeLength).toBe(completeLength)
    expect(problem(part.bytes, part.startByte, part.endByte)).toBeUndefined()
  }
  return parts.map(({ startByte, endByte }) => `${startByte}-${endByte - 1}`)
}

function rangesOf(edge: Edge): (string | undefined)[] {
  return edge.origin.requests.map((request) => request.range)
}

describe.each([
  ['memory', (): Store | undefined => undefined],
  ['a slow store', (): Store | undefined => createFakeStore()],
] as const)('several ranges over %s', (_name, createStore) => {
  function edgeWith(options: Parameters<typeof createEdge>[0] = {}): Edge {
    const store = createStore()
    return createEdge({ ...options, ...(store !== undefined && { store }) })
  }

  it('are parts of one message, cold, half-cached and hot (RFC 9110 §15.3.7.2)', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 20_000, fields: FRESH })
    await edge.get('/a', { range: 'bytes=5000-5009' })
    const range = 'bytes=15000-15999, 0-9, 5000-5099, -20'
    const half = await edge.get('/a', { range })
    const wanted = ['0-9', '5000-5099', '15000-15999', '19980-19999']
    expect(spansOf(half, 20_000)).toEqual(wanted)
    expect(half.cache).toMatch(/^fwd=partial/)
    expect(rangesOf(edge)).toEqual([
      'bytes=4096-5119',
      'bytes=0-1023',
      'bytes=14336-16383',
      'bytes=19456-19999',
    ])
    const hot = await edge.get('/a', { range })
    expect(spansOf(hot, 20_000)).toEqual(wanted)
    expect(hot.cache).toMatch(/^hit/)
    expect(edge.origin.requests).toHaveLength(4)
    for (const name of ['etag', 'cache-control', 'last-modified', 'date']) {
      expect(hot.field(name)).toBe(half.field(name))
    }
  })

  it('are one part when they overlap or lie close, and 416 when they are abuse', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 20_000, fields: FRESH })
    const merged = await edge.get('/a', { range: 'bytes=0-99, 90-199, 230-299' })
    expect(merged.field('content-range')).toBe('bytes 0-299/20000')
    expect(problem(merged.body, 0, 300)).toBeUndefined()
    const abuse = await edge.get('/a', { range: 'bytes=0-,0-,0-,0-' })
    expect(abuse.status).toBe(416)
    expect(abuse.field('content-range')).toBe('bytes */20000')
  })

  it('of a small object come from its one segment', async () => {
    const edge = edgeWith()
    edge.origin.put('/a', { sizeBytes: 1000, fields: FRESH })
    const range = 'bytes=0-1, 500-509'
    expect(spansOf(await edge.get('/a', { range }), 1000)).toEqual(['0-1', '500-509'])
    const hot = await edge.get('/a', { range })
    expect(spansOf(hot, 1000)).toEqual(['0-1', '500-509'])
    expect(hot.cache).toMatch(/^hit/)
    expect(edge.origin.requests).toHaveLength(1)
  })
})

describe('bytes nobody asked for', () => {
  it('are bounded: further parts are fetched as they are, and not kept', async () => {
    const edge = createEdge({ site: { fill: { maxExcessBytes: 3 * SEGMENT_BYTES } } })
    edge.origin.put('/a', { sizeBytes: 100_000, fields: FRESH })
    const starts = [1, 2, 3, 4, 5, 6].map((i) => i * 10_000)
    const range = `bytes=${starts.map((start) => `${start}-${start + 9}`).join()}`
    const got = await edge.get('/a', { range })
    expect(spansOf(got, 100_000)).toEqual(starts.map((start) => `${start}-${start + 9}`))
    expect(rangesOf(edge).slice(3)).toEqual([
      'bytes=40000-40009',
      'bytes=50000-50009',
      'bytes=60000-60009',
    ])
    expect(edge.origin.requests.at(-1)?.header('if-match')).toBe(got.field('etag'))
    expect(edge.origin.deliveredBytes).toBe(3 * SEGMENT_BYTES + 30)
    expect((await edge.get('/a', { range: 'bytes=60000-60009' })).cache).toMatch(/^fwd=partial/)
  })

  it('break the answer off when the origin has another version by then', async () => {
    const edge = createEdge({ site: { fill: { maxExcessBytes: SEGMENT_BYTES } } })
    edge.origin.put('/a', { sizeBytes: 100_000, fields: FRESH })
    const { answer } = await edge.ask('/a', { range: 'bytes=0-9,50000-50009' })
    edge.origin.put('/a', { sizeBytes: 100_000, fields: FRESH, version: 2 })
    const { body, error } = await readBody(answer)
    expect(error).toBeDefined()
    expect(Buffer.from(body).includes(`--\r\n`)).toBe(false)
  })
})

describe('gaps', () => {
  it('below the setting are fetched with what lies around them', async () => {
    const edge = createEdge({ site: { fill: { gapBytes: 2 * SEGMENT_BYTES } } })
    edge.origin.put('/a', { sizeBytes: 20 * SEGMENT_BYTES, fields: FRESH })
    await edge.get('/a', { range: `bytes=${4 * SEGMENT_BYTES}-${6 * SEGMENT_BYTES - 1}` })
    await edge.get('/a', { range: `bytes=${9 * SEGMENT_BYTES}-${12 * SEGMENT_BYTES - 1}` })
    const whole = await edge.get('/a')
    expect(problem(whole.body, 0, 20 * SEGMENT_BYTES)).toBeUndefined()
    expect(rangesOf(edge).slice(2)).toEqual([
      `bytes=0-${9 * SEGMENT_BYTES - 1}`,
      `bytes=${12 * SEGMENT_BYTES}-${20 * SEGMENT_BYTES - 1}`,
    ])
  })

  it('between ranges of one request are fetched with them', async () => {
    const edge = createEdge({ site: { fill: { gapBytes: 2 * SEGMENT_BYTES } } })
    edge.origin.put('/a', { sizeBytes: 20 * SEGMENT_BYTES, fields: FRESH })
    await edge.get('/a', { range: 'bytes=0-0' })
    const got = await edge.get('/a', { range: 'bytes=2048-2057, 5000-5009, 19000-19009' })
    expect(spansOf(got, 20 * SEGMENT_BYTES)).toHaveLength(3)
    expect(rangesOf(edge).slice(1)).toEqual(['bytes=2048-5119', 'bytes=18432-19455'])
  })
})

describe('a range far behind what is coming', () => {
  it('has a transfer of its own, and nothing is fetched twice', async () => {
    const edge = createEdge({ site: { fill: { maxWaitMs: 10 } } })
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 50_000, fields: FRESH })
    edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 2000 })
    const whole = edge.get('/a')
    await gate.arrived()
    const far = await edge.get('/a', { range: 'bytes=40000-40999' })
    expect(problem(far.body, 40_000, 41_000)).toBeUndefined()
    gate.release()
    expect(problem((await whole).body, 0, 50_000)).toBeUndefined()
    expect(rangesOf(edge)).toEqual([undefined, 'bytes=39936-41983', 'bytes=41984-49999'])
    // The last chunk of a transfer that ends earlier than it was to.
    expect(edge.origin.deliveredBytes).toBeLessThan(50_000 + 300)
  })

  it('is answered with the whole by an origin without ranges, in one transfer', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 50_000, fields: FRESH, acceptRanges: false })
    const [far, near] = await Promise.all([
      edge.get('/a', { range: 'bytes=40000-40999' }),
      edge.get('/a', { range: 'bytes=5000-5009' }),
    ])
    expect(far.status).toBe(200)
    expect(problem(far.body, 0, 50_000)).toBeUndefined()
    expect(near.status).toBe(206)
    expect(problem(near.body, 5000, 5010)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(1)
    const hot = await edge.get('/a', { range: 'bytes=40000-40999' })
    expect(hot.status).toBe(206)
    expect(hot.cache).toMatch(/^hit/)
  })
})

describe('an origin that ignores ranges', () => {
  it('is not asked for them until the time is up', async () => {
    const edge = createEdge({ memoryBytes: 30_000, site: { fill: { maxWaitBytes: 1e6 } } })
    const stale: [string, string][] = [['cache-control', 'max-age=0, must-revalidate']]
    edge.origin.put('/a', { sizeBytes: 20_000, fields: stale, acceptRanges: false })
    await edge.get('/a', { range: 'bytes=15000-15009' })
    edge.origin.put('/a', { sizeBytes: 20_000, fields: stale, acceptRanges: false, version: 2 })
    const got = await edge.get('/a', { range: 'bytes=15000-15009' })
    expect(got.status).toBe(206)
    expect(rangesOf(edge)).toEqual(['bytes=14336-15359', undefined])
    await edge.clock.step(61_000)
    await edge.get('/a', { range: 'bytes=15000-15009' })
    expect(rangesOf(edge).at(-1)).toBe('bytes=14336-15359')
  })

  it('sends all again after a cut, and the reader does not see it', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 20_000, fields: FRESH, acceptRanges: false })
    edge.origin.inject({ fault: 'truncate', afterBytes: 5000, end: 'rst' })
    const got = await whileStepping(edge.clock, edge.get('/a'))
    expect(got.error).toBeUndefined()
    expect(problem(got.body, 0, 20_000)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(2)
  })

  it('breaks off visibly when too much would come again', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 40_000, fields: FRESH, acceptRanges: false })
    edge.origin.inject({ fault: 'truncate', afterBytes: 20_000, end: 'rst' })
    const got = await whileStepping(edge.clock, edge.get('/a'))
    expect(got.error).toBeDefined()
    expect(problem(got.body, 0, got.body.byteLength)).toBeUndefined()
  })
})

describe('one range after the other', () => {
  const settings = { readAheadBytes: 8 * SEGMENT_BYTES }

  it('finds the next ones there, and stops when the client does', async () => {
    const edge = createEdge({ site: { fill: settings } })
    edge.origin.put('/a', { sizeBytes: 200 * SEGMENT_BYTES, fields: FRESH })
    const statuses: string[] = []
    for (let i = 0; i < 12; i++) {
      const range = `bytes=${i * SEGMENT_BYTES}-${(i + 1) * SEGMENT_BYTES - 1}`
      const got = await edge.get('/a', { range })
      expect(problem(got.body, i * SEGMENT_BYTES, (i + 1) * SEGMENT_BYTES)).toBeUndefined()
      await edge.fillScopes.settled()
      statuses.push(got.cache.split(';')[0] ?? '')
    }
    expect(statuses.slice(0, 2)).toEqual(['fwd=uri-miss', 'fwd=partial'])
    expect(new Set(statuses.slice(2))).toEqual(new Set(['hit']))
    expect(edge.origin.requests.length).toBeLessThan(9)
    expect(edge.origin.deliveredBytes).toBeLessThanOrEqual((12 + 8) * SEGMENT_BYTES)
    expect(edge.fills.count()).toBe(0)
  })

  it('is not what a client does that jumps', async () => {
    const edge = createEdge({ site: { fill: settings } })
    edge.origin.put('/a', { sizeBytes: 200 * SEGMENT_BYTES, fields: FRESH })
    for (const i of [7, 90, 3, 150, 40]) {
      await edge.get('/a', { range: `bytes=${i * SEGMENT_BYTES}-${i * SEGMENT_BYTES + 9}` })
    }
    await edge.fillScopes.settled()
    expect(edge.origin.deliveredBytes).toBe(5 * SEGMENT_BYTES)
  })
})

describe('a transfer that is slow', () => {
  const spread = {
    maxCount: 4,
    chunkBytes: 8 * SEGMENT_BYTES,
    slowBytesPerSecond: 100_000,
    minBytes: 8 * SEGMENT_BYTES,
  }

  async function fetched(bytesPerSecond: number, options = {}) {
    const windowBytes = 64 * SEGMENT_BYTES
    const edge = createEdge({ site: { fill: { windowBytes, spread, ...options } } })
    edge.origin.put('/a', { sizeBytes: 200 * SEGMENT_BYTES, fields: FRESH })
    edge.origin.inject({ fault: 'rate', bytesPerSecond, times: Infinity })
    const startedAtMs = edge.clock.monotonicMs()
    const got = await whileStepping(edge.clock, edge.get('/a'))
    expect(got.error).toBeUndefined()
    expect(problem(got.body, 0, 200 * SEGMENT_BYTES)).toBeUndefined()
    await whileStepping(edge.clock, edge.fillScopes.settled())
    return { edge, elapsedMs: edge.clock.monotonicMs() - startedAtMs }
  }

  it('is joined by others, and nothing is fetched twice', async () => {
    const { edge, elapsedMs } = await fetched(50_000)
    const oneStreamMs = ((200 * SEGMENT_BYTES) / 50_000) * 1000
    expect(oneStreamMs / elapsedMs).toBeGreaterThan(3)
    // What of a chunk lies behind the edge at which the first was shortened.
    expect(edge.origin.deliveredBytes).toBeLessThan(201 * SEGMENT_BYTES)
    expect(edge.fills.count()).toBe(0)
  })

  it('is left alone when it is not slow, or when little is left', async () => {
    expect((await fetched(1_000_000)).edge.origin.requests).toHaveLength(1)
    const minBytes = 300 * SEGMENT_BYTES
    const { edge } = await fetched(50_000, { spread: { ...spread, minBytes } })
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('goes on alone where an origin refuses more at once', async () => {
    const edge = createEdge({ site: { fill: { spread } } })
    edge.origin.put('/a', { sizeBytes: 100 * SEGMENT_BYTES, fields: FRESH })
    edge.origin.inject({ fault: 'rate', bytesPerSecond: 50_000, times: Infinity })
    edge.origin.inject({ fault: 'status', status: 503, skip: 1, times: 3 })
    const got = await whileStepping(edge.clock, edge.get('/a'))
    expect(got.error).toBeUndefined()
    expect(problem(got.body, 0, 100 * SEGMENT_BYTES)).toBeUndefined()
  })
})

describe('a reader that stands still', () => {
  it('keeps no segment alive when there is no room for it, but a copy of a part', async () => {
    const edge = createEdge({ pinnedBytes: 2 * 65_536, memoryBytes: 10 * 1024 * 1024 })
    const segmentBytes = 256 * 1024
    const site = { ...edge.site, segmentBytes }
    expect(site.segmentBytes).toBe(segmentBytes)
    edge.origin.put('/a', { sizeBytes: 20 * SEGMENT_BYTES, fields: FRESH })
    await edge.get('/a')
    const answers = await Promise.all(Array.from({ length: 200 }, () => edge.ask('/a')))
    for (const { answer } of answers) {
      if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
      await answer.body.source.read()
    }
    expect(edge.fills.budget.pinnedBytes).toBeGreaterThan(0)
    for (const { answer } of answers) {
      if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
      const { body } = await drainSource(answer.body.source)
      expect(body.byteLength).toBe(19 * SEGMENT_BYTES)
    }
    expect(edge.fills.budget.pinnedBytes).toBe(0)
  })
})
