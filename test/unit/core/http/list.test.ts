import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { isToken, splitList, splitOutsideQuotes, trimWhitespace } from '#core/http/list.ts'

describe('splitList', () => {
  it('splits at commas outside quotes and leaves empty members out (RFC 9110 §5.6.1)', () => {
    expect(splitList('a, b ,,\t"c, d" , e="f,\\"g", h')).toEqual([
      'a',
      'b',
      '"c, d"',
      'e="f,\\"g"',
      'h',
    ])
    expect(splitList('')).toEqual([])
    expect(splitList(' , ,')).toEqual([])
    expect(splitList('a, "b, c')).toEqual(['a', '"b, c'])
    expect(splitOutsideQuotes('a;b="c;d";e', ';')).toEqual(['a', 'b="c;d"', 'e'])
  })

  it('gives back tokens joined by commas', () => {
    const token = fc.string({
      unit: fc.constantFrom('a', 'b', 'z', '0', '9', '!', '#', '-', '_'),
      minLength: 1,
    })
    fc.assert(
      fc.property(fc.array(token), (tokens) => {
        expect(splitList(tokens.join(' ,\t'))).toEqual(tokens)
        expect(tokens.every(isToken)).toBe(true)
      }),
    )
  })

  it('never throws, and takes linear time', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(splitList(text)).toBeDefined()
      }),
    )
    const startedAtMs = performance.now()
    splitList('"\\'.repeat(100_000))
    splitList(' '.repeat(200_000))
    expect(performance.now() - startedAtMs).toBeLessThan(1000)
  })
})

describe('trimWhitespace', () => {
  it('takes spaces and tabs away, and nothing else', () => {
    expect(trimWhitespace(' \ta b\t ')).toBe('a b')
    expect(trimWhitespace('\u00a0a\n')).toBe('\u00a0a\n')
    expect(trimWhitespace(' \t ')).toBe('')
  })
})
