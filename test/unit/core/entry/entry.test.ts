import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { BodyFacts } from '#core/entry/body-id.ts'
import { bodyIdOf, randomBodyId } from '#core/entry/body-id.ts'
import { cacheKeyOf } from '#core/entry/cache-key.ts'
import {
  covers,
  isSingleSegment,
  NO_SEGMENTS,
  segmentCountOf,
  segmentIndexOf,
  segmentLengthOf,
} from '#core/entry/segment.ts'

const part = fc.string({ unit: fc.constantFrom('a', 'b', '.', ':', '-', '0') })
const target = fc
  .string({ unit: fc.constantFrom('a', '/', '?', '=', '%') })
  .map((text) => `/${text}`)

describe('cacheKeyOf', () => {
  it('is the same only for the same site, authority and target', () => {
    const facts = fc.tuple(part, part, target)
    fc.assert(
      fc.property(facts, facts, (a, b) => {
        const isSame = a.every((text, i) => text === b[i])
        expect(cacheKeyOf(...a) === cacheKeyOf(...b)).toBe(isSame)
      }),
      { numRuns: 2000 },
    )
  })

  it('orders keys by the prefix of their paths', () => {
    const key = cacheKeyOf('site', '', '/a/b?c')
    expect(key.startsWith(cacheKeyOf('site', '', '/a/'))).toBe(true)
    expect(key.startsWith(cacheKeyOf('sit', '', '/a/'))).toBe(false)
  })
})

describe('bodyIdOf', () => {
  const FACTS: BodyFacts = {
    key: cacheKeyOf('site', '', '/a'),
    validator: '"v1"',
    codings: '',
    completeLength: 1000,
    segmentBytes: 100,
    generation: 0,
  }

  it('is 32 hexadecimal digits, the same wherever it is made', async () => {
    // Fixed here, because a change of it would orphan every stored segment.
    const id = await bodyIdOf(FACTS)
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    expect(await bodyIdOf({ ...FACTS })).toBe(id)
    const { createHash } = await import('node:crypto')
    const digest = createHash('sha256').update('site\n/a\n"v1"\n\n1000\n100\n0').digest('hex')
    expect(id).toBe(digest.slice(0, 32))
  })

  it('differs with each of the facts', async () => {
    const changes: Partial<BodyFacts>[] = [
      {},
      { key: cacheKeyOf('site', '', '/b') },
      { validator: '"v2"' },
      { validator: 'v1' },
      { codings: 'gzip' },
      { completeLength: 1001 },
      { segmentBytes: 200 },
      { generation: 1 },
    ]
    const ids = await Promise.all(changes.map((change) => bodyIdOf({ ...FACTS, ...change })))
    expect(new Set(ids).size).toBe(changes.length)
  })

  it('is random without a validator, never the same twice', () => {
    const ids = Array.from({ length: 1000 }, randomBodyId)
    expect(new Set(ids).size).toBe(1000)
    expect(ids.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true)
  })
})

describe('segment arithmetic', () => {
  const segmentBytes = fc.integer({ min: 1, max: 2 ** 24 })
  const lengths = fc.oneof(fc.nat({ max: 5000 }), fc.integer({ min: 0, max: 2 ** 43 }))

  it('cuts a body into segments that are whole but for the last, with nothing over', () => {
    fc.assert(
      fc.property(lengths, segmentBytes, (completeLength, bytes) => {
        const count = segmentCountOf(completeLength, bytes)
        expect(segmentCountOf(0, bytes)).toBe(0)
        const lastBytes = count === 0 ? 0 : segmentLengthOf(count - 1, completeLength, bytes)
        expect(Math.max(0, count - 1) * bytes + lastBytes).toBe(completeLength)
        expect(count === 0 || (lastBytes > 0 && lastBytes <= bytes)).toBe(true)
        expect(count < 2 || segmentLengthOf(0, completeLength, bytes) === bytes).toBe(true)
        expect(isSingleSegment(completeLength, bytes)).toBe(count <= 1)
      }),
    )
  })

  it('finds the segment that holds a byte', () => {
    fc.assert(
      fc.property(lengths, segmentBytes, (byte, bytes) => {
        const index = segmentIndexOf(byte, bytes)
        expect(index * bytes).toBeLessThanOrEqual(byte)
        expect((index + 1) * bytes).toBeGreaterThan(byte)
      }),
    )
  })

  it('covers a span exactly when every byte of it is in a segment that is here', () => {
    const span = fc.tuple(fc.nat({ max: 100 }), fc.nat({ max: 100 }))
    fc.assert(
      fc.property(
        span,
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat({ max: 20 })),
        (ends, bytes, held) => {
          const [startByte, endByte] = [Math.min(...ends), Math.max(...ends)]
          const set = new Set(held)
          let isCovered = true
          for (let byte = startByte; byte < endByte; byte++) {
            isCovered &&= set.has(Math.floor(byte / bytes))
          }
          fc.pre(endByte > startByte)
          expect(covers(set, startByte, endByte, bytes)).toBe(isCovered)
        },
      ),
    )
    expect(covers(NO_SEGMENTS, 0, 1, 10)).toBe(false)
    expect(covers(NO_SEGMENTS, 0, 0, 10)).toBe(true)
  })
})
