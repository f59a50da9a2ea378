// If-Modified-Since was never answered with 304 where the stored response has no Last-Modified.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

it('the Date stands in for an absent Last-Modified (RFC 9111 §4.3.2)', async () => {
  const origin = createAnsweringOrigin(() => ({
    fields: { 'cache-control': 'max-age=3600' },
    body: 'one',
  }))
  const edge = createEdge({ wrap: origin.wrap })
  const dateMs = edge.clock.nowMs()
  await edge.get('/a')
  await edge.fillScopes.settled()
  async function statusSince(ms: number): Promise<number> {
    return (await edge.get('/a', { 'if-modified-since': new Date(ms).toUTCString() })).status
  }
  expect(await statusSince(dateMs)).toBe(304)
  expect(await statusSince(dateMs + 60_000)).toBe(304)
  expect(await statusSince(dateMs - 1000)).toBe(200)
})
