import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  isStrongMatch,
  isWeakMatch,
  parseEntityTag,
  parseEntityTagList,
} from '#core/http/entity-tag.ts'

const opaque = fc
  .string({
    unit: fc.constantFrom('a', '1', '!', '#', ',', ' ', '~', '\\').filter((c) => c !== ' '),
  })
  .map((text) => `"${text}"`)
const tag = fc.record({ weak: fc.boolean(), opaque })

function format({ weak, opaque: text }: { weak: boolean; opaque: string }): string {
  return weak ? `W/${text}` : text
}

describe('parseEntityTag', () => {
  it('reads strong and weak tags (RFC 9110 §8.8.3)', () => {
    expect(parseEntityTag('"v1"')).toEqual({ weak: false, opaque: '"v1"' })
    expect(parseEntityTag('W/"v1"')).toEqual({ weak: true, opaque: '"v1"' })
    expect(parseEntityTag('""')).toEqual({ weak: false, opaque: '""' })
  })

  it.each(['', 'v1', '"v1', 'v1"', 'w/"v1"', 'W/v1', '"a"b"', '"a b"', ' "a"', '"a", "b"', '"€"'])(
    'takes %j for none',
    (value) => {
      expect(parseEntityTag(value)).toBeUndefined()
    },
  )
})

describe('parseEntityTagList', () => {
  it('reads back any list of tags, commas within them and all', () => {
    fc.assert(
      fc.property(fc.array(tag), fc.constantFrom(',', ', ', ' ,\t', ',,'), (tags, separator) => {
        expect(parseEntityTagList(tags.map(format).join(separator))).toEqual(tags)
      }),
    )
  })

  it('knows the star, alone', () => {
    expect(parseEntityTagList('*')).toBe('*')
    expect(parseEntityTagList(' * ')).toBe('*')
    expect(parseEntityTagList('"*"')).toEqual([{ weak: false, opaque: '"*"' }])
    expect(parseEntityTagList('*, "a"')).toEqual([{ weak: false, opaque: '"a"' }])
  })

  it('leaves out what is no entity tag, and makes none of its parts one', () => {
    expect(parseEntityTagList('w/"a", x"b", "c"d, e, "f"')).toEqual([
      { weak: false, opaque: '"f"' },
    ])
    expect(parseEntityTagList('abc')).toEqual([])
  })

  it('never throws, and takes linear time', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseEntityTagList(text)).toBeDefined()
      }),
    )
    const startedAtMs = performance.now()
    parseEntityTagList('"'.repeat(60_000))
    parseEntityTagList(`${', '.repeat(30_000)}x`)
    expect(performance.now() - startedAtMs).toBeLessThan(1000)
  })
})

describe('isStrongMatch and isWeakMatch', () => {
  it.each([
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
  ])('compare %s with %s as the table of RFC 9110 §8.8.3.2 says', (left, right, strong, weak) => {
    const [a, b] = [parseEntityTag(left), parseEntityTag(right)]
    if (a === undefined || b === undefined) throw new Error('Cannot parse the example')
    expect([isStrongMatch(a, b), isStrongMatch(b, a)]).toEqual([strong, strong])
    expect([isWeakMatch(a, b), isWeakMatch(b, a)]).toEqual([weak, weak])
  })
})
