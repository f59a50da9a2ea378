// Legal answers to ranges that are of no use to a cache became 502: what a plain proxy would have passed on.

import { describe, expect, it } from 'vitest'

import type { OriginAnswer } from '../support/answering-origin.ts'
import { createAnsweringOrigin, partOrWhole, textOf } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

const BODY = Uint8Array.from({ length: 3 * SEGMENT_BYTES }, (_, i) => 97 + (i % 26))
const FIELDS = { 'cache-control': 'max-age=60', etag: '"a"' }

describe('a 206 that is not the part we asked for', () => {
  it.each([
    ['of unknown length', 'bytes 0-9/*', 10],
    ['of less', 'bytes 0-499/3000', 500],
  ])(
    'is for who asked, and not stored: %s (RFC 9110 §14.4, §15.3.7)',
    async (_name, range, bytes) => {
      const origin = createAnsweringOrigin(() => ({
        status: 206,
        fields: { ...FIELDS, 'content-range': range },
        body: BODY.subarray(0, bytes),
      }))
      const edge = createEdge({ wrap: origin.wrap })
      const got = await edge.get('/a', { range: `bytes=0-${bytes - 1}` })
      expect([got.status, got.body]).toEqual([206, BODY.subarray(0, bytes)])
      expect(got.field('content-range')).toBe(range)
      expect((await edge.get('/a', { range: 'bytes=0-3' })).cache).not.toMatch(/^hit/)
    },
  )
})

describe('an answer to the rest of a stored body', () => {
  it.each<[number, Readonly<Record<string, string>>]>([
    [403, {}],
    [302, { location: '/login' }],
    [400, {}],
  ])(
    'that is no part of it is the answer of who asked: %i (RFC 9110 §15)',
    async (status, said) => {
      const origin = createAnsweringOrigin((request, number): OriginAnswer => {
        if (number === 0) return partOrWhole(request, BODY, FIELDS)
        return { status, fields: said, body: 'as the origin says' }
      })
      const edge = createEdge({ wrap: origin.wrap })
      await edge.get('/a', { range: 'bytes=0-9' })
      const got = await edge.get('/a', { range: 'bytes=2000-2009' })
      expect([got.status, textOf(got)]).toEqual([status, 'as the origin says'])
      expect(got.field('location')).toBe(said.location)
    },
  )

  it('is asked for as the client did, where the origin takes no conditions', async () => {
    const origin = createAnsweringOrigin((request): OriginAnswer => {
      if (request.header('if-match') === undefined) return partOrWhole(request, BODY, FIELDS)
      return { status: 400, body: 'no conditions' }
    })
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a', { range: 'bytes=0-9' })
    const got = await edge.get('/a', { range: 'bytes=2000-2009' })
    expect([got.status, got.body]).toEqual([206, BODY.subarray(2000, 2010)])
  })
})
