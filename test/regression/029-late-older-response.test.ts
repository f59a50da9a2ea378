// What was asked for earlier and came later was stored over what had come meanwhile: an old version came
// back, and stayed for a lifetime.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

const CONTROL = { 'cache-control': 'public, max-age=60' }
const ALONE = { authorization: 'Bearer a' }

describe('the most recent response', () => {
  it.each([1, 400, 5000])(
    'is not replaced by the 200 to an earlier question, %i ms before (RFC 9111 §4)',
    async (gapMs) => {
      const released = Promise.withResolvers<void>()
      const origin = createAnsweringOrigin((_, number) => ({
        fields: { ...CONTROL, etag: `"${number}"` },
        body: `version ${number}`,
        ...(number === 0 && { after: released.promise }),
      }))
      const edge = createEdge({ wrap: origin.wrap })
      const early = edge.get('/a', ALONE)
      await edge.clock.step(gapMs)
      await edge.get('/a')
      await edge.clock.step(100)
      released.resolve()
      expect(textOf(await early)).toBe('version 0')
      const hit = await edge.get('/a')
      expect(hit.cache).toMatch(/^hit/)
      expect(textOf(hit)).toBe('version 1')
    },
  )

  it.each([
    [1, 'one segment', 100],
    [5000, 'one segment', 100],
    [1, 'several segments', 3 * SEGMENT_BYTES],
    [5000, 'several segments', 3 * SEGMENT_BYTES],
  ])(
    'is not replaced by what a 304 to an earlier question freshens, %i ms before, of %s (RFC 9111 §4.3.4)',
    async (gapMs, _size, sizeBytes) => {
      const released = Promise.withResolvers<void>()
      const origin = createAnsweringOrigin((_, number) => {
        if (number === 1) {
          const fields = { ...CONTROL, etag: '"old"' }
          return { status: 304, fields, after: released.promise }
        }
        const isOld = number === 0
        return {
          fields: { ...CONTROL, etag: isOld ? '"old"' : '"new"' },
          body: (isOld ? 'o' : 'n').repeat(sizeBytes),
        }
      })
      const edge = createEdge({ wrap: origin.wrap })
      await edge.get('/a')
      await edge.clock.step(61_000)
      const early = edge.get('/a')
      await edge.clock.step(gapMs)
      expect(textOf(await edge.get('/a', ALONE))).toBe('n'.repeat(sizeBytes))
      await edge.clock.step(100)
      released.resolve()
      await early
      const hit = await edge.get('/a')
      expect(hit.cache).toMatch(/^hit/)
      expect(textOf(hit)).toBe('n'.repeat(sizeBytes))
    },
  )
})
