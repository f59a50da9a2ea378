// Behind a stale answer the origin was asked as the client that happened to come, and again for each client:
// its 304 to a Cookie was never stored, and one that was down was asked for every hit.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const FIELDS = { 'cache-control': 'public, max-age=1, stale-while-revalidate=600', etag: '"a"' }
const SITE = { forward: { mode: 'all' } } as const

describe('the validation behind a stale answer', () => {
  it.each([
    ['a cookie', { cookie: 'id=1' }],
    ['credentials', { authorization: 'Bearer a' }],
    ['no-store', { 'cache-control': 'no-store' }],
  ])(
    'is asked for as by nobody, and for all: a client with %s (RFC 5861 §3)',
    async (_name, asks) => {
      const origin = createAnsweringOrigin((_, number) =>
        number === 0 ? { fields: FIELDS, body: 'one' } : { status: 304, fields: FIELDS },
      )
      const edge = createEdge({ wrap: origin.wrap, site: SITE })
      await edge.get('/a')
      await edge.clock.step(5000)
      const stale = await edge.get('/a', asks)
      await stale.scope.settled()
      expect([stale.cache, textOf(stale)]).toEqual(['hit; ttl=-4', 'one'])
      for (const name of ['cookie', 'authorization']) {
        expect(origin.requests[1]?.header(name)).toBeUndefined()
      }
      expect((await edge.get('/a', asks)).cache).toBe('hit; ttl=1')
      expect(origin.requests).toHaveLength(2)
    },
  )

  it('is not begun again for each hit while the origin fails', async () => {
    const origin = createAnsweringOrigin((_, number) =>
      number === 0 ? { fields: FIELDS, body: 'one' } : { status: 503, body: 'down' },
    )
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    await edge.clock.step(5000)
    for (let i = 0; i < 20; i++) {
      const hit = await edge.get('/a')
      await hit.scope.settled()
      expect(textOf(hit)).toBe('one')
    }
    expect(origin.requests).toHaveLength(2)
    await edge.clock.step(10_000)
    await (await edge.get('/a')).scope.settled()
    expect(origin.requests).toHaveLength(3)
  })
})
