import { describe, expect, it } from 'vitest'

import { createEdge } from '../support/edge.ts'

const RFC = { storesAnyStatus: true, storesSetCookie: true, heuristicFraction: 0.1 }
const FRESH: [string, string][] = [['cache-control', 'max-age=60']]

describe('an error with explicit freshness', () => {
  it('is stored where the policy stores any status (RFC 9111 §3)', async () => {
    const edge = createEdge({ site: { policy: RFC } })
    edge.origin.put('/a', { body: 'down', status: 503, fields: FRESH })
    await edge.get('/a')
    await edge.fillScopes.settled()
    const again = await edge.get('/a')
    expect(again.status).toBe(503)
    expect(again.cache).toMatch(/^hit/)
  })

  it('never takes the place of a response that may still stand in (RFC 9111 §4.3.3)', async () => {
    const edge = createEdge({ site: { policy: RFC } })
    edge.origin.put('/a', { sizeBytes: 100, fields: FRESH })
    await edge.get('/a')
    await edge.clock.step(61_000)
    edge.origin.inject({ fault: 'status', status: 503, fields: FRESH })
    const stale = await edge.get('/a')
    expect(stale.status).toBe(200)
    expect(stale.cache).toContain('detail="503"')
    expect((await edge.get('/a')).cache).toContain('fwd-status=304')
  })

  it('is not stored by the careful policy', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { body: 'down', status: 503, fields: FRESH })
    await edge.get('/a')
    expect((await edge.get('/a')).cache).toBe('fwd=uri-miss')
  })
})

describe('fields that mean nothing where they are', () => {
  it('are kept as they came: Content-Range of a 200 (RFC 9110 §14.4)', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 100, fields: [...FRESH, ['content-range', 'bytes 0-4/9']] })
    await edge.get('/a')
    expect((await edge.get('/a')).field('content-range')).toBe('bytes 0-4/9')
    const part = await edge.get('/a', { range: 'bytes=5-9' })
    expect(part.field('content-range')).toBe('bytes 5-9/100')
  })
})

describe('Vary on Accept-Language', () => {
  it('takes tags in any case for the same (RFC 9110 §12.5.4)', async () => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 100, fields: [...FRESH, ['vary', 'accept-language']] })
    await edge.get('/a', { 'accept-language': 'en-GB, de' })
    expect((await edge.get('/a', { 'accept-language': 'EN-gb,DE' })).cache).toMatch(/^hit/)
    expect((await edge.get('/a', { 'accept-language': 'de' })).cache).toContain('vary-miss')
  })
})
