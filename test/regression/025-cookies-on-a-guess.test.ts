// Where Set-Cookie may be stored, a guessed lifetime was enough to give one client's cookie to all.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const SITE = { policy: { storesSetCookie: true, heuristicFraction: 0.1 } }
const OLD = 'Wed, 01 Jan 2020 00:00:00 GMT'

it('a cookie is not shared by a heuristic, only by the word of the origin (RFC 9111 §7.3)', async () => {
  const origin = createAnsweringOrigin((_, number) => ({
    fields: { 'last-modified': OLD, 'set-cookie': `id=${number}` },
    body: 'hello',
  }))
  const edge = createEdge({ wrap: origin.wrap, site: SITE })
  await edge.get('/a')
  expect((await edge.get('/a')).field('set-cookie')).toBe('id=1')
})

it('what has no cookie is guessed at as before (RFC 9111 §4.2.2)', async () => {
  const origin = createAnsweringOrigin(() => ({ fields: { 'last-modified': OLD }, body: 'hello' }))
  const edge = createEdge({ wrap: origin.wrap, site: SITE })
  await edge.get('/a')
  expect((await edge.get('/a')).cache).toMatch(/^hit/)
})
