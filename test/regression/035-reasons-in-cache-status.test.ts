// Cache-Status told of failures what was not so: stale for what was fresh, a miss for each error, a next hop
// that had said 200; and a broken member of a cache before us took ours with it.

import { describe, expect, it } from 'vitest'

import { UpstreamError } from '#core/ports/upstream.ts'
import { createAnsweringOrigin } from '../support/answering-origin.ts'
import type { OriginAnswer } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

function refused(): never {
  throw new UpstreamError('connection_refused', 'Cannot connect', { retryable: false })
}

/** Answers once; then fails as told. */
function afterwards(control: string, then: () => OriginAnswer) {
  const fields = { 'cache-control': control, etag: '"a"' }
  const origin = createAnsweringOrigin((_, number) =>
    number === 0 ? { fields, body: 'one' } : then(),
  )
  return createEdge({ wrap: origin.wrap, site: { methods: 'all' } })
}

const DOWN = (): OriginAnswer => ({ status: 503, body: 'down' })

describe('Cache-Status', () => {
  it('says what the next hop said where a stale response stands in (RFC 9211 §2.3)', async () => {
    const edge = afterwards('max-age=60, stale-if-error=600', DOWN)
    await edge.get('/a')
    await edge.clock.step(61_000)
    expect((await edge.get('/a')).cache).toContain('fwd=stale; fwd-status=503')
  })

  it('says that the request wanted it, where a fresh response stands in (RFC 9211 §2.2)', async () => {
    const edge = afterwards('max-age=60, stale-if-error=600', refused)
    await edge.get('/a')
    const got = await edge.get('/a', { 'cache-control': 'no-cache' })
    expect([got.status, got.cache]).toEqual([200, expect.stringContaining('fwd=request')])
  })

  it.each([
    ['stale', 'GET', 'max-age=1, must-revalidate'],
    ['method', 'POST', 'max-age=1'],
  ])(
    'says of an error why the request went forward: %s (RFC 9211 §2.2)',
    async (because, method, control) => {
      const edge = afterwards(control, refused)
      await edge.get('/a')
      await edge.clock.step(2000)
      const got = await edge.get('/a', {}, method)
      expect([got.status, got.cache]).toEqual([502, expect.stringContaining(`fwd=${because}`)])
    },
  )

  it('stands behind what the caches before us said only where that can be read (RFC 9211 §2)', async () => {
    const origin = createAnsweringOrigin(({ target }) => ({
      fields: {
        'cache-control': 'max-age=60',
        'cache-status': target === '/broken' ? '"bad; hit' : 'Parent; hit',
      },
    }))
    const edge = createEdge({ wrap: origin.wrap })
    expect((await edge.get('/broken')).field('cache-status')).toMatch(/^sluice; fwd=uri-miss/)
    expect((await edge.get('/whole')).field('cache-status')).toMatch(/^Parent; hit, sluice; fwd/)
  })
})
