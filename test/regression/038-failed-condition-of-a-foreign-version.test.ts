// The 412 to a tag that is not of the stored response invalidated it, and so did away with its windows: any
// client could do that. And If-Match was asked of the origin for who wanted only what is cached.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

function conditional(control: string) {
  const origin = createAnsweringOrigin((request) =>
    request.header('if-match') === undefined
      ? { fields: { 'cache-control': control, etag: '"a"' }, body: 'one' }
      : { status: 412 },
  )
  return { edge: createEdge({ wrap: origin.wrap }), origin }
}

it('a 412 to the tag of another version says nothing of the stored one (RFC 9111 §4.4)', async () => {
  const { edge } = conditional('max-age=60')
  await edge.get('/a')
  expect((await edge.get('/a', { 'if-match': '"other"' })).status).toBe(412)
  expect((await edge.get('/a')).cache).toMatch(/^hit/)
})

it('a 412 to its own tag, once it is stale, still says that it is gone', async () => {
  const { edge } = conditional('max-age=60, stale-while-revalidate=600')
  await edge.get('/a')
  await edge.clock.step(61_000)
  expect((await edge.get('/a', { 'if-match': '"a"' })).status).toBe(412)
  expect((await edge.get('/a')).cache).not.toMatch(/^hit/)
})

it.each([
  ['stale', '"a"', 61_000],
  ['fresh, of another version', '"other"', 0],
])(
  'only-if-cached with If-Match is not forwarded: %s (RFC 9111 §5.2.1.7)',
  async (_name, tag, ms) => {
    const { edge, origin } = conditional('max-age=60')
    await edge.get('/a')
    await edge.clock.step(ms)
    const got = await edge.get('/a', { 'if-match': tag, 'cache-control': 'only-if-cached' })
    expect(got.status).toBe(504)
    expect(origin.requests).toHaveLength(1)
  },
)
