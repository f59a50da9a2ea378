// A 304 without a tag was nobody's as soon as something else without one was stored beside: each validation
// cost two requests, and the whole body.

import { expect, it } from 'vitest'

import type { OriginAnswer } from '../support/answering-origin.ts'
import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

it('a 304 without a tag is about the one whose tag was sent, whatever is beside (RFC 9111 §4.3.4)', async () => {
  const origin = createAnsweringOrigin((request): OriginAnswer => {
    const isEnglish = request.header('accept-language') === 'en'
    const fields = { 'cache-control': 'max-age=60', vary: 'accept-language' }
    if (isEnglish && request.header('if-none-match') === '"a"') return { status: 304, fields }
    return { fields: { ...fields, ...(isEnglish && { etag: '"a"' }) }, body: 'one' }
  })
  const edge = createEdge({ wrap: origin.wrap })
  await edge.get('/a', { 'accept-language': 'fr' })
  await edge.get('/a', { 'accept-language': 'en' })
  await edge.clock.step(61_000)
  expect((await edge.get('/a', { 'accept-language': 'en' })).cache).toContain('fwd-status=304')
  expect(origin.requests).toHaveLength(3)
})

it('nor is what a new Vary left behind anybody', async () => {
  const origin = createAnsweringOrigin((request, number): OriginAnswer => {
    const vary = number === 0 ? {} : { vary: 'accept-language' }
    const fields = { 'cache-control': 'max-age=60', ...vary }
    if (request.header('if-none-match') === '"a"') return { status: 304, fields }
    return { fields: { ...fields, etag: '"a"' }, body: 'one' }
  })
  const edge = createEdge({ wrap: origin.wrap })
  for (let i = 0; i < 4; i++) {
    await edge.get('/a')
    await edge.clock.step(61_000)
  }
  expect(origin.requests).toHaveLength(4)
})
