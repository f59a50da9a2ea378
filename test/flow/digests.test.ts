// A body is what its origin says it is, or it is not kept.

import { createHash } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import type { Edge } from '../support/edge.ts'
import { checkOracle, oracleBytes } from '../support/oracle.ts'

const SIZE_BYTES = 10 * SEGMENT_BYTES + 7

function digestOf(version: number): string {
  const bytes = oracleBytes({ object: '/a', version, startByte: 0, endByte: SIZE_BYTES })
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
}

function put(edge: Edge, digest: string, more = {}): void {
  const fields: [string, string][] = [
    ['cache-control', 'max-age=60'],
    ['repr-digest', digest],
  ]
  edge.origin.put('/a', { sizeBytes: SIZE_BYTES, fields, ...more })
}

function problem(body: Uint8Array) {
  return checkOracle(body, { object: '/a', version: 1, startByte: 0, endByte: SIZE_BYTES })
}

async function verifiedOf(edge: Edge) {
  const key = edge.origin.requests[0]?.request.key
  const entry = key === undefined ? undefined : await edge.store.read(key)
  return entry?.variants[0]?.head.verified
}

describe('a body with Repr-Digest (RFC 9530)', () => {
  it('is known to be verified once it has passed', async () => {
    const edge = createEdge()
    put(edge, digestOf(1))
    expect(problem((await edge.get('/a')).body)).toBeUndefined()
    await edge.fillScopes.settled()
    expect(await verifiedOf(edge)).toBe('sha-256')
  })

  it('is verified by reading it, when it came in parts and out of order', async () => {
    const edge = createEdge()
    put(edge, digestOf(1))
    await edge.get('/a', { range: 'bytes=5000-5999' })
    await edge.get('/a', { range: 'bytes=0-999' })
    await edge.fillScopes.settled()
    expect(await verifiedOf(edge)).toBeUndefined()
    expect(problem((await edge.get('/a')).body)).toBeUndefined()
    for (let i = 0; i < 30; i++) await edge.clock.step(10)
    await edge.fillScopes.settled()
    expect(await verifiedOf(edge)).toBe('sha-256')
  })

  it.each([
    ['with a strong validator', {}],
    ['without', { etag: false, lastModified: false }],
  ])('breaks off before its end when it is not that, %s', async (_name, more) => {
    const edge = createEdge()
    put(edge, digestOf(2), more)
    const cut = await edge.get('/a')
    expect(cut.error).toBeDefined()
    expect(cut.body.byteLength).toBeLessThan(SIZE_BYTES)
    await edge.fillScopes.settled()
    expect(edge.fills.count()).toBe(0)
    // What the origin goes on to send is passed on as it is, and nothing of it is kept.
    const passed = await edge.get('/a')
    expect(passed.error).toBeUndefined()
    expect(problem(passed.body)).toBeUndefined()
    expect((await edge.get('/a', { range: 'bytes=0-9' })).cache).toMatch(/^fwd=uri-miss/)
    put(edge, digestOf(1), more)
    await edge.clock.step(61_000)
    await edge.get('/a')
    await edge.fillScopes.settled()
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
  })

  it('is dropped when a pass finds it damaged', async () => {
    const edge = createEdge()
    put(edge, digestOf(2))
    await edge.get('/a', { range: 'bytes=5000-5999' })
    await edge.get('/a', { range: 'bytes=0-999' })
    await edge.get('/a')
    for (let i = 0; i < 30; i++) await edge.clock.step(10)
    await edge.fillScopes.settled()
    expect((await edge.get('/a')).cache).toMatch(/^fwd=uri-miss/)
  })
})
