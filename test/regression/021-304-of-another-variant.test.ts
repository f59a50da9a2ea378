// A 304 that named another variant than the one selected freshened that one, with fields that were said to
// this request, and the selected one stayed stale for ever: each of its readers validated again.

import { expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const EN = { 'accept-language': 'en' }
const FR = { 'accept-language': 'fr' }

/** Has a page in both languages, and from some time on the English one for all. */
function merging() {
  let isMerged = false
  const origin = createAnsweringOrigin((request) => {
    const language = request.header('accept-language') ?? ''
    const version = isMerged ? 'en' : language
    const fields = {
      vary: 'accept-language',
      etag: `"${version}"`,
      'cache-control': 'max-age=60',
      'content-location': `/a.${language}`,
    }
    const isSame = request.header('if-none-match')?.includes(`"${version}"`) === true
    return isSame ? { status: 304, fields } : { fields, body: version }
  })
  const merge = () => {
    isMerged = true
  }
  return { edge: createEdge({ wrap: origin.wrap }), origin, merge }
}

it('a 304 that names another variant is stored as the answer to this request (RFC 9111 §4.3.4)', async () => {
  const { edge, origin, merge } = merging()
  await edge.get('/a', EN)
  await edge.get('/a', FR)
  await edge.clock.step(61_000)
  merge()
  expect(textOf(await edge.get('/a', FR))).toBe('en')
  const again = await edge.get('/a', FR)
  expect(again.cache).toMatch(/^hit/)
  expect(textOf(again)).toBe('en')
  expect(origin.requests).toHaveLength(3)
})

it('and leaves that variant as it was: nothing was said to its own readers', async () => {
  const { edge, merge } = merging()
  await edge.get('/a', EN)
  await edge.get('/a', FR)
  await edge.clock.step(61_000)
  merge()
  await edge.get('/a', FR)
  const english = await edge.get('/a', EN)
  expect(english.cache).not.toMatch(/^hit/)
  expect(english.field('content-location')).toBe('/a.en')
})

it('those who wait for it share it', async () => {
  const { edge, origin, merge } = merging()
  await edge.get('/a', EN)
  await edge.get('/a', FR)
  await edge.clock.step(61_000)
  merge()
  await Promise.all(Array.from({ length: 10 }, () => edge.get('/a', FR)))
  expect(origin.requests).toHaveLength(3)
})
