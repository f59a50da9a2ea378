import { describe, expect, it } from 'vitest'

import { createEdge, readBody, SEGMENT_BYTES } from '../support/edge.ts'
import { createGate } from '../support/gate.ts'
import { checkOracle } from '../support/oracle.ts'

const FRESH: [string, string][] = [['cache-control', 'max-age=60']]

function problem(body: Uint8Array, startByte: number, endByte: number, version = 1) {
  return checkOracle(body, { object: '/a', version, startByte, endByte })
}

describe('concurrent misses', () => {
  it('cause one origin transfer, and each gets every byte (RFC 9111 §4)', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 10_000, fields: FRESH })
    edge.origin.inject({ fault: 'gate-head', gate })
    const asked = Array.from({ length: 20 }, () => edge.get('/a'))
    await gate.arrived()
    gate.release()
    const got = await Promise.all(asked)
    for (const { status, body } of got) {
      expect(status).toBe(200)
      expect(problem(body, 0, 10_000)).toBeUndefined()
    }
    expect(edge.origin.requests).toHaveLength(1)
    expect(edge.origin.deliveredBytes).toBe(10_000)
    expect(got.filter(({ cache }) => cache === 'fwd=uri-miss; stored')).toHaveLength(1)
    expect(got.filter(({ cache }) => cache === 'fwd=uri-miss; stored; collapsed')).toHaveLength(19)
  })

  it('stream as the transfer arrives, not when it has ended', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 10_000, fields: FRESH })
    edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 700 })
    const [one, two] = await Promise.all([edge.ask('/a'), edge.ask('/a')])
    await gate.arrived()
    for (const { answer } of [one, two]) {
      if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
      const chunk = await answer.body.source.read()
      expect(chunk?.byteLength).toBeGreaterThan(0)
    }
    gate.release()
    await Promise.all([readBody(one.answer), readBody(two.answer)])
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('share one transfer at different offsets', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 10_000, fields: FRESH })
    edge.origin.inject({ fault: 'gate-head', gate })
    const whole = edge.get('/a')
    await gate.arrived()
    const part = edge.get('/a', { range: 'bytes=7000-7999' })
    gate.release()
    expect(problem((await whole).body, 0, 10_000)).toBeUndefined()
    expect(problem((await part).body, 7000, 8000)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('go their own ways at once when the answer is for one alone, and nothing waits again', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 100, fields: [['cache-control', 'private']] })
    edge.origin.inject({ fault: 'gate-head', gate })
    const asked = [edge.get('/a'), edge.get('/a'), edge.get('/a')]
    await gate.arrived()
    gate.release()
    for (const { body } of await Promise.all(asked)) expect(problem(body, 0, 100)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(3)
    // The mark: two more do not wait for one another.
    edge.origin.inject({ fault: 'gate-head', gate: createGate() })
    const held = edge.get('/a')
    const free = await edge.get('/a')
    expect(free.status).toBe(200)
    void held
  })

  it('survive the leader, who leaves before the head has come', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 3000, fields: FRESH })
    edge.origin.inject({ fault: 'gate-head', gate })
    const leader = edge.ask('/a')
    await gate.arrived()
    const follower = edge.get('/a')
    gate.release()
    const { answer } = await leader
    if (answer.body.kind === 'source') answer.body.source.cancel('left')
    expect(problem((await follower).body, 0, 3000)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('fail together when the origin does, with one attempt', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 100, fields: FRESH })
    edge.origin.inject({ fault: 'gate-head', gate })
    edge.origin.inject({ fault: 'fail', kind: 'connection_refused' })
    const asked = [edge.get('/a'), edge.get('/a')]
    await gate.arrived()
    gate.release()
    for (const { status, cache } of await Promise.all(asked)) {
      expect(status).toBe(502)
      expect(cache).toContain('detail=connection_refused')
    }
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('join a body without validator for as long as it is coming, and store it at its end', async () => {
    const edge = createEdge()
    const gate = createGate()
    const bare = { etag: false, lastModified: false } as const
    edge.origin.put('/a', { sizeBytes: 5000, ...bare, fields: FRESH, chunked: true })
    edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 2500 })
    const first = edge.get('/a')
    await gate.arrived()
    const late = edge.get('/a', { range: 'bytes=0-9' })
    const later = edge.get('/a', { range: 'bytes=4000-4009' })
    gate.release()
    expect(problem((await first).body, 0, 5000)).toBeUndefined()
    // What has come may be named, though nobody knows of how much it is (RFC 9110 §14.4).
    expect((await late).field('content-range')).toBe('bytes 0-9/*')
    expect(problem((await late).body, 0, 10)).toBeUndefined()
    // What has not come yet cannot: the whole is the answer (RFC 9110 §14.2).
    expect((await later).status).toBe(200)
    expect(problem((await later).body, 0, 5000)).toBeUndefined()
    await edge.fillScopes.settled()
    const hit = await edge.get('/a', { range: 'bytes=4000-4999' })
    expect(hit.cache).toMatch(/^hit/)
    expect(problem(hit.body, 4000, 5000)).toBeUndefined()
    expect(edge.origin.requests).toHaveLength(1)
    expect(edge.fills.count()).toBe(0)
  })
})

describe('who may share', () => {
  it.each([
    ['no-store', [['cache-control', 'no-store']]],
    ['private', [['cache-control', 'max-age=60, private="set-cookie"']]],
    ['Set-Cookie', [...FRESH, ['set-cookie', 'id=1']]],
    ['Vary: *', [...FRESH, ['vary', '*']]],
  ] as const)('nobody: %s', async (_name, fields) => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 100, fields: fields.map(([n, v]) => [n, v]) })
    await edge.get('/a')
    const again = await edge.get('/a')
    expect(again.cache).toBe('fwd=uri-miss')
    expect(edge.origin.requests).toHaveLength(2)
  })

  it('nobody, what was fetched with Authorization and not marked for all (RFC 9111 §3.5)', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 100, fields: FRESH })
    await edge.get('/a', { authorization: 'Bearer one' })
    await edge.get('/a', { authorization: 'Bearer two' })
    await edge.get('/a')
    expect(edge.origin.requests.map((request) => request.header('authorization'))).toEqual([
      'Bearer one',
      'Bearer two',
      undefined,
    ])
    edge.origin.put('/b', { sizeBytes: 100, fields: [['cache-control', 'public, max-age=60']] })
    await edge.get('/b', { authorization: 'Bearer one' })
    expect((await edge.get('/b', { authorization: 'Bearer two' })).cache).toMatch(/^hit/)
  })

  it('those whose nominated fields are alike (RFC 9111 §4.1)', async () => {
    const edge = createEdge()
    const vary: [string, string][] = [...FRESH, ['vary', 'Accept-Encoding, Accept-Language']]
    edge.origin.put('/a', { sizeBytes: 100, fields: vary })
    await edge.get('/a', { 'accept-encoding': 'gzip, br', 'accept-language': 'de' })
    const same = await edge.get('/a', { 'accept-encoding': 'br;q=1.0', 'accept-language': 'de' })
    expect(same.cache).toMatch(/^hit/)
    const other = await edge.get('/a', { 'accept-encoding': 'br', 'accept-language': 'fr' })
    expect(other.cache).toBe('fwd=vary-miss; stored')
    expect(
      (await edge.get('/a', { 'accept-encoding': 'br', 'accept-language': 'de' })).cache,
    ).toMatch(/^hit/)
    expect(edge.origin.requests).toHaveLength(2)
  })
})

describe('a large body', () => {
  it('ends its transfer at a segment edge when its reader stands still, and begins again by range', async () => {
    const edge = createEdge({ site: { fill: { windowBytes: 4 * SEGMENT_BYTES } } })
    edge.origin.put('/a', { sizeBytes: 40 * SEGMENT_BYTES, fields: FRESH })
    const { answer } = await edge.ask('/a')
    if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
    await answer.body.source.read()
    await edge.clock.step(10)
    // Four segments ahead of the reader, and no byte more; the connection is not held.
    expect(edge.origin.deliveredBytes).toBeLessThanOrEqual(6 * SEGMENT_BYTES)
    expect(edge.origin.openCount).toBe(0)
    const rest = await readBody(answer)
    expect(rest.error).toBeUndefined()
    const ranges = edge.origin.requests.map((request) => request.range)
    expect(ranges.length).toBeGreaterThan(1)
    expect(ranges[1]).toMatch(/^bytes=\d+-\d+$/)
    const whole = await edge.get('/a')
    expect(whole.cache).toMatch(/^hit/)
    expect(problem(whole.body, 0, 40 * SEGMENT_BYTES)).toBeUndefined()
  })

  it('stops when the last reader leaves, at the segment that had begun', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 40 * SEGMENT_BYTES, fields: FRESH })
    edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 2 * SEGMENT_BYTES + 100 })
    const { answer } = await edge.ask('/a')
    await gate.arrived()
    if (answer.body.kind === 'source') answer.body.source.cancel('left')
    gate.release()
    await edge.fillScopes.settled()
    expect(edge.origin.deliveredBytes).toBeLessThanOrEqual(3 * SEGMENT_BYTES + 300)
    expect(edge.fills.count()).toBe(0)
    const kept = await edge.get('/a', { range: `bytes=0-${3 * SEGMENT_BYTES - 1}` })
    expect(kept.cache).toMatch(/^hit/)
  })

  it('is finished for nobody if little of it remains', async () => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 4 * SEGMENT_BYTES, fields: FRESH })
    edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 100 })
    const { answer } = await edge.ask('/a')
    await gate.arrived()
    if (answer.body.kind === 'source') answer.body.source.cancel('left')
    gate.release()
    await edge.fillScopes.settled()
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
    expect(edge.origin.requests).toHaveLength(1)
  })

  it('reaches readers of very different speed once each, however little the store keeps', async () => {
    const edge = createEdge({ memoryBytes: 1, site: { fill: { windowBytes: 8 * SEGMENT_BYTES } } })
    edge.origin.put('/a', { sizeBytes: 30 * SEGMENT_BYTES, fields: FRESH })
    const [slow, fast] = await Promise.all([edge.ask('/a'), edge.ask('/a')])
    const fastBody = await readBody(fast.answer)
    const slowBody = await readBody(slow.answer)
    expect(fastBody.error).toBeUndefined()
    expect(slowBody.error).toBeUndefined()
    expect(problem(fastBody.body, 0, 30 * SEGMENT_BYTES)).toBeUndefined()
    expect(problem(slowBody.body, 0, 30 * SEGMENT_BYTES)).toBeUndefined()
    expect(edge.fills.count()).toBe(0)
  })

  it('waits for its slowest reader when it cannot be asked for again, and cuts who stands still', async () => {
    const edge = createEdge({ site: { fill: { windowBytes: 4 * SEGMENT_BYTES, stallMs: 1000 } } })
    const bare = { etag: false, lastModified: false } as const
    edge.origin.put('/a', { sizeBytes: 20 * SEGMENT_BYTES, ...bare, fields: FRESH })
    const [still, moving] = await Promise.all([edge.ask('/a'), edge.ask('/a')])
    const movingBody = readBody(moving.answer)
    await edge.clock.step(900)
    expect(edge.origin.deliveredBytes).toBeLessThanOrEqual(6 * SEGMENT_BYTES)
    await edge.clock.step(200)
    await edge.clock.step(1)
    expect(problem((await movingBody).body, 0, 20 * SEGMENT_BYTES)).toBeUndefined()
    const stillBody = await readBody(still.answer)
    expect(stillBody.error).toMatchObject({ kind: 'connection_terminated' })
    expect(edge.origin.requests).toHaveLength(1)
  })
})
