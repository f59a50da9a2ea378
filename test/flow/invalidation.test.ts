import { describe, expect, it } from 'vitest'

import type { Edge } from '../support/edge.ts'
import { createEdge } from '../support/edge.ts'

const FRESH: [string, string][] = [['cache-control', 'max-age=60']]

/** An edge that relays other methods, with `/a` and `/b` stored. */
async function storedEdge(answer: [string, string][], status = 200): Promise<Edge> {
  const edge = createEdge({ site: { methods: 'all' } })
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

  it.each(['location', 'content-location'])(
    'invalidates what %s names at its origin',
    async (name) => {
      for (const value of ['/b', 'b', 'http://edge.test/b', 'https://edge.test/b']) {
        const edge = await storedEdge([[name, value]])
        await edge.get('/a', {}, 'POST')
        expect((await edge.get('/b')).cache).toContain('fwd=stale; fwd-status=304')
      }
    },
  )

  it('leaves alone what is named at another origin: anybody could name that', async () => {
    const edge = await storedEdge([['location', 'http://other.test/b']])
    await edge.get('/a', {}, 'POST')
    expect((await edge.get('/b')).cache).toMatch(/^hit/)
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
