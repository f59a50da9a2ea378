import { describe, expect, it } from 'vitest'

import type { Edge } from '../support/edge.ts'
import { createEdge } from '../support/edge.ts'

const FRESH: [string, string][] = [['cache-control', 'max-age=60']]

/** An edge that relays other methods, with `/a` and `/b` stored. */
async function storedEdge(
  answer: [string, string][],
  status = 200,
  scheme: 'http' | 'https' = 'http',
): Promise<Edge> {
  const edge = createEdge({ site: { methods: 'all' }, scheme })
  for (const path of ['/a', '/b']) {
    edge.origin.put(path, { sizeBytes: 100, fields: FRESH })
    await edge.get(path)
  }
  edge.origin.inject({
    fault: 'status',
    status,
    fields: answer,
    when: ({ method }) => method !== 'GET',
  })
  return edge
}

describe('an unsafe method that succeeds (RFC 9111 §4.4)', () => {
  it('invalidates its target, and nothing else', async () => {
    const edge = await storedEdge([])
    expect((await edge.get('/a', {}, 'DELETE')).cache).toBe('fwd=method')
    expect((await edge.get('/a')).cache).toContain('fwd=stale; fwd-status=304')
    expect((await edge.get('/b')).cache).toMatch(/^hit/)
  })

  const FIELDS = ['location', 'content-location'] as const
  const SCHEMES = ['http', 'https'] as const
  const cases = FIELDS.flatMap((name) => SCHEMES.map((scheme) => [name, scheme] as const))
  it.each(cases)('invalidates what %s names at its origin, which has %s', async (name, scheme) => {
    for (const value of ['/b', 'b', `${scheme}://edge.test/b`]) {
      const edge = await storedEdge([[name, value]], 200, scheme)
      await edge.get('/a', {}, 'POST')
      expect((await edge.get('/b')).cache).toContain('fwd=stale; fwd-status=304')
    }
  })

  it.each(SCHEMES)('leaves alone what is named at another origin than %s', async (scheme) => {
    const other = scheme === 'http' ? 'https' : 'http'
    for (const value of [`${scheme}://other.test/b`, `${other}://edge.test/b`]) {
      const edge = await storedEdge([['location', value]], 200, scheme)
      await edge.get('/a', {}, 'POST')
      expect((await edge.get('/b')).cache).toMatch(/^hit/)
    }
  })

  it('counts when nobody here knows the method', async () => {
    const edge = await storedEdge([])
    await edge.get('/a', {}, 'FROBNICATE')
    expect((await edge.get('/a')).cache).toContain('fwd=stale')
  })

  it('invalidates nothing when it fails', async () => {
    const edge = await storedEdge([], 500)
    await edge.get('/a', {}, 'POST')
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
  })
})
