// A response whose Connection named Cache-Control, Vary or Set-Cookie was judged without that field, as it
// is forwarded: what it forbade was allowed.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const LATER = 'Fri, 01 Jan 2100 00:00:00 GMT'

describe('a response whose Connection names a field that decides on caching', () => {
  it.each([
    ['cache-control', { 'cache-control': 'private', expires: LATER }],
    ['vary', { 'cache-control': 'max-age=60', vary: '*' }],
    ['set-cookie', { 'cache-control': 'max-age=60', 'set-cookie': 'id=1' }],
    ['cdn-cache-control', { 'cache-control': 'max-age=60', 'cdn-cache-control': 'no-store' }],
  ])(
    'is not stored, though the field is not for forwarding: %s (RFC 9110 §7.6.1)',
    async (name, own) => {
      const origin = createAnsweringOrigin((_, number) => ({
        fields: { ...own, connection: name },
        body: `for ${number}`,
      }))
      const edge = createEdge({ wrap: origin.wrap })
      expect((await edge.get('/a')).field(name)).toBeUndefined()
      expect(textOf(await edge.get('/a'))).toBe('for 1')
    },
  )

  it('is not laid over what is stored either, when it is a 304 (RFC 9111 §4.3.4)', async () => {
    const origin = createAnsweringOrigin((_, number) =>
      number === 0
        ? { fields: { 'cache-control': 'max-age=60', etag: '"a"' }, body: 'one' }
        : {
            status: 304,
            fields: { connection: 'cache-control', 'cache-control': 'private', expires: LATER },
          },
    )
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    await edge.clock.step(61_000)
    await edge.get('/a')
    expect((await edge.get('/a')).cache).not.toMatch(/^hit/)
  })
})
