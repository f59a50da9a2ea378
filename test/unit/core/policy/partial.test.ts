import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Fields } from '#core/entry/fields.ts'
import { formatContentRange, parseRange, resolveRanges } from '#core/http/byte-range.ts'
import type { OriginRange } from '#core/policy/origin-range.ts'
import { decideOriginRange, formatOriginRange, WHOLE } from '#core/policy/origin-range.ts'
import { checkPartial, isSameVersion } from '#core/policy/partial.ts'
import { validatorsOf } from '#core/policy/validation.ts'

import { testBody, testHead, testKey } from '../../../support/stored.ts'

const SEGMENT_BYTES = 100
const WINDOW_BYTES = 400

function asked(value: string): OriginRange {
  return decideOriginRange(parseRange(value), SEGMENT_BYTES, WINDOW_BYTES)
}

describe('decideOriginRange', () => {
  it.each([
    ['bytes=0-0', 'bytes=0-99'],
    ['bytes=99-99', 'bytes=0-99'],
    ['bytes=99-100', 'bytes=0-199'],
    ['bytes=100-199', 'bytes=100-199'],
    ['bytes=150-', 'bytes=100-499'],
    ['bytes=0-', 'bytes=0-399'],
    ['bytes=-1', 'bytes=-100'],
    ['bytes=-0', 'bytes=-100'],
    ['bytes=-101', 'bytes=-200'],
    ['bytes=250-260,0-10', 'bytes=200-299'],
    ['bytes=0-99999999999999999999', 'bytes=0-9007199254740990'],
    ['garbage', undefined],
  ])('asks for %s as %s', (value, wanted) => {
    expect(formatOriginRange(asked(value))).toBe(wanted)
  })

  it('covers what was asked with whole segments, and no more than those', () => {
    const position = fc.nat({ max: 10_000 })
    fc.assert(
      fc.property(position, position, (a, b) => {
        const [firstPos, lastPos] = [Math.min(a, b), Math.max(a, b)]
        const range = asked(`bytes=${firstPos}-${lastPos}`)
        const { startByte, endByte } =
          range.kind === 'span' ? range : { startByte: NaN, endByte: NaN }
        expect([startByte % SEGMENT_BYTES, endByte % SEGMENT_BYTES]).toEqual([0, 0])
        expect(startByte).toBeGreaterThan(firstPos - SEGMENT_BYTES)
        expect(startByte).toBeLessThanOrEqual(firstPos)
        expect(endByte).toBeGreaterThan(lastPos)
        expect(endByte).toBeLessThanOrEqual(lastPos + SEGMENT_BYTES)
      }),
    )
  })
})

describe('checkPartial', () => {
  const span = { kind: 'span', startByte: 100, endByte: 200 } as const

  function kindOf(fields: Fields, range: OriginRange = span): string {
    return checkPartial(fields, range).kind
  }

  it('takes exactly what was asked for', () => {
    const fields = ['content-range', 'bytes 100-199/1000', 'content-length', '100']
    expect(checkPartial(fields, span)).toEqual({
      kind: 'part',
      span: { startByte: 100, endByte: 200 },
      completeLength: 1000,
    })
    expect(kindOf(['content-range', 'bytes 100-149/150'])).toBe('part')
  })

  it.each([
    ['bytes 101-199/1000'],
    ['bytes 99-199/1000'],
    ['bytes 100-198/1000'],
    ['bytes 100-200/1000'],
    ['bytes 0-999/1000'],
    ['bytes 100-199/*'],
    ['bytes */1000'],
    ['bytes 100-149/1000'],
    ['items 100-199/1000'],
    ['bytes 100-199/1000, bytes 100-199/1000'],
    ['garbage'],
    [''],
  ])('takes nothing for Content-Range %j (T-35; RFC 9111 §3.4)', (value) => {
    expect(kindOf(['content-range', value])).toBe('wrong')
  })

  it('takes nothing without one, with two, with another length, or in parts', () => {
    const right = ['content-range', 'bytes 100-199/1000']
    expect(kindOf([])).toBe('wrong')
    expect(kindOf([...right, ...right])).toBe('wrong')
    expect(kindOf([...right, 'content-length', '99'])).toBe('wrong')
    expect(kindOf([...right, 'content-length', 'x'])).toBe('wrong')
    expect(kindOf([...right, 'content-type', 'Multipart/ByteRanges; boundary=x'])).toBe('wrong')
    expect(kindOf(right, WHOLE)).toBe('wrong')
  })

  it('takes the tail that was asked for, whole bodies shorter than it included', () => {
    const suffix = { kind: 'suffix', suffixBytes: 100 } as const
    expect(kindOf(['content-range', 'bytes 900-999/1000'], suffix)).toBe('part')
    expect(kindOf(['content-range', 'bytes 0-49/50'], suffix)).toBe('part')
    expect(kindOf(['content-range', 'bytes 899-999/1000'], suffix)).toBe('wrong')
    expect(kindOf(['content-range', 'bytes 900-998/1000'], suffix)).toBe('wrong')
  })

  it('agrees with a right origin on every range', () => {
    const numbers = fc.tuple(
      fc.nat({ max: 1200 }),
      fc.nat({ max: 1200 }),
      fc.integer({ min: 1, max: 1000 }),
    )
    fc.assert(
      fc.property(numbers, fc.boolean(), ([a, b, completeLength], isSuffix) => {
        const range = asked(isSuffix ? `bytes=-${a}` : `bytes=${Math.min(a, b)}-${Math.max(a, b)}`)
        const specs = parseRange(formatOriginRange(range) ?? '') ?? []
        const answered = resolveRanges(specs, completeLength)
        fc.pre(answered.kind === 'span')
        const given = answered.kind === 'span' ? answered.span : undefined
        if (given === undefined) throw new Error('Cannot happen')
        const partial = checkPartial(
          ['content-range', formatContentRange(given, completeLength)],
          range,
        )
        expect(partial).toEqual({ kind: 'part', span: given, completeLength })
      }),
    )
  })
})

describe('isSameVersion', () => {
  const fields = ['etag', '"v1"', 'content-encoding', 'gzip']
  const stored = testHead(testKey('a'), testBody('a'), {
    fields,
    validators: validatorsOf(fields, 0),
    completeLength: 1000,
  })

  it('wants validator, coding and length alike, and the validator strong', () => {
    expect(isSameVersion(stored, fields, 1000, 0)).toBe(true)
    expect(isSameVersion(stored, ['etag', '"v2"', 'content-encoding', 'gzip'], 1000, 0)).toBe(false)
    expect(isSameVersion(stored, ['etag', 'W/"v1"', 'content-encoding', 'gzip'], 1000, 0)).toBe(
      false,
    )
    expect(isSameVersion(stored, ['content-encoding', 'gzip'], 1000, 0)).toBe(false)
    expect(isSameVersion(stored, ['etag', '"v1"'], 1000, 0)).toBe(false)
    expect(isSameVersion(stored, fields, 1001, 0)).toBe(false)
    expect(isSameVersion(stored, fields, undefined, 0)).toBe(false)
  })

  it('never joins bodies that have no strong validator', () => {
    const none = testHead(testKey('a'), testBody('a'), {
      fields: [],
      validators: validatorsOf([], 0),
    })
    expect(isSameVersion(none, [], none.completeLength, 0)).toBe(false)
  })
})
