// Requests that differ in a nominated field were taken for the same: absent and empty, commas in quotes,
// fields that are sent though the site forwards others, and a Vary that cannot be read.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const SITE = { forward: { mode: 'all' } } as const
type Lines = Readonly<Record<string, string>>

/** Says what it was sent in the field that it varies on. */
function echoing(name: string) {
  const origin = createAnsweringOrigin((request) => ({
    fields: { 'cache-control': 'max-age=60', vary: name },
    body: `sent: ${request.header(name)}`,
  }))
  return createEdge({ wrap: origin.wrap, site: SITE })
}

describe('a stored response', () => {
  it.each<[string, string, Lines, Lines]>([
    ['absent, then empty', 'x-a', {}, { 'x-a': '' }],
    ['empty, then absent', 'x-a', { 'x-a': '' }, {}],
    ['whitespace in quotes', 'x-a', { 'x-a': '"a, b"' }, { 'x-a': '"a,b"' }],
    ['no credentials, then some', 'authorization', {}, { authorization: 'Bearer b' }],
    ['another Via', 'via', { via: '1.1 one' }, { via: '1.1 two' }],
    ['a Via, then none', 'via', { via: '1.1 canary' }, {}],
    ['another CDN-Loop', 'cdn-loop', { 'cdn-loop': 'one' }, { 'cdn-loop': 'two' }],
  ])(
    'does not answer where a nominated field differs: %s (RFC 9111 §4.1)',
    async (_name, field, a, b) => {
      const edge = echoing(field)
      const first = await edge.get('/a', a)
      const second = await edge.get('/a', b)
      expect(second.cache).not.toMatch(/^hit/)
      expect(textOf(second)).not.toBe(textOf(first))
    },
  )

  it.each<[string, Lines, Lines]>([
    ['whitespace between members', { 'x-a': 'a, b' }, { 'x-a': 'a ,b' }],
    ['empty members', { 'x-a': 'a,,b' }, { 'x-a': 'a,b' }],
  ])('answers where the difference means nothing: %s (RFC 9111 §4.1)', async (_name, a, b) => {
    const edge = echoing('x-a')
    await edge.get('/a', a)
    expect((await edge.get('/a', b)).cache).toMatch(/^hit/)
  })

  it.each(['"*"', 'accept-language, a b', 'x-a; q=1', '*, x-a'])(
    'answers nobody where Vary has a member that is no name: %s (RFC 9110 §12.5.5)',
    async (vary) => {
      const origin = createAnsweringOrigin((_, number) => ({
        fields: { 'cache-control': 'max-age=60', vary },
        body: `answer ${number}`,
      }))
      const edge = createEdge({ wrap: origin.wrap, site: SITE })
      await edge.get('/a')
      expect(textOf(await edge.get('/a'))).toBe('answer 1')
    },
  )
})
