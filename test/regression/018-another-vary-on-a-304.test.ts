// A 304 that brought (another) Vary changed what the stored response says, and not what selects it: the
// next reader got it whatever his language was.

import { expect, it } from 'vitest'

import type { AnswerRequest } from '../support/answering-origin.ts'
import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const EN = { 'accept-language': 'en' }
const FR = { 'accept-language': 'fr' }

/** Varies on the language from its second answer on, and says so in its 304 too. */
function varyingLater(varyBefore: string | undefined): AnswerRequest {
  return (request, number) => {
    const language = request.header('accept-language') ?? 'none'
    const vary = number === 0 ? varyBefore : 'accept-language'
    const fields = {
      'cache-control': 'max-age=60',
      etag: `"${language}"`,
      ...(vary !== undefined && { vary }),
    }
    const isSame = request.header('if-none-match')?.includes(`"${language}"`) === true
    return isSame ? { status: 304, fields } : { fields, body: language }
  }
}

it.each([
  ['none before', undefined],
  ['another one before', 'accept'],
])('the Vary of a 304 selects from then on: %s (RFC 9111 §4.1)', async (_name, before) => {
  const origin = createAnsweringOrigin(varyingLater(before))
  const edge = createEdge({ wrap: origin.wrap })
  await edge.get('/a', EN)
  await edge.clock.step(61_000)
  expect((await edge.get('/a', EN)).cache).toContain('fwd-status=304')
  expect((await edge.get('/a', EN)).cache).toMatch(/^hit/)
  expect(textOf(await edge.get('/a', FR))).toBe('fr')
  expect(textOf(await edge.get('/a', EN))).toBe('en')
})

it('what was selected without it is not used as it was (RFC 9111 §4.1, §4.3.4)', async () => {
  const origin = createAnsweringOrigin(varyingLater(undefined))
  const edge = createEdge({ wrap: origin.wrap })
  await edge.get('/a', EN)
  // Fresh, so that only the 304 to a reload says that it varies.
  expect((await edge.get('/a', { ...EN, 'cache-control': 'no-cache' })).status).toBe(200)
  const french = await edge.get('/a', FR)
  expect(french.cache).not.toMatch(/^hit/)
  expect(textOf(french)).toBe('fr')
})

it('who waited for the 304 and selects another variant gets his own (RFC 9111 §4.1)', async () => {
  const released = Promise.withResolvers<void>()
  const answer = varyingLater(undefined)
  const origin = createAnsweringOrigin((request, number) => ({
    ...answer(request, number),
    ...(number === 1 && { after: released.promise }),
  }))
  const edge = createEdge({ wrap: origin.wrap })
  await edge.get('/a', EN)
  await edge.clock.step(61_000)
  const english = edge.get('/a', EN)
  const french = edge.get('/a', FR)
  await edge.clock.step(1)
  released.resolve()
  expect(textOf(await english)).toBe('en')
  expect(textOf(await french)).toBe('fr')
})
