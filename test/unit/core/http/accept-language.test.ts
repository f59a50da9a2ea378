import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { sortLanguages } from '#core/http/accept-language.ts'

describe('sortLanguages', () => {
  it.each([
    ['en', 'en'],
    ['en-GB, de', 'de,en-gb'],
    ['de, en-GB', 'de,en-gb'],
    ['en;q=0.5, fr, de;q=1.0', 'de,fr,en;q=0.5'],
    ['de , fr ; q=1 , en;q=0.500', 'de,fr,en;q=0.5'],
    ['*;q=0, en', 'en,*;q=0'],
    ['', ''],
  ])('gives %j as %j (RFC 9110 §12.5.4)', (value, wanted) => {
    expect(sortLanguages(value)).toBe(wanted)
  })

  it.each(['de, en;q=2', 'en_GB, de', 'en;level=1, de', 'en;q=0.5;q=1, de', '"en", de'])(
    'leaves %j as it is: it cannot be read',
    (value) => {
      expect(sortLanguages(value)).toBe(value.toLowerCase())
    },
  )

  it('gives the same for any order of the same ranges, and for its own result', () => {
    const range = fc.tuple(
      fc.constantFrom('en', 'de-AT', 'fr', '*', 'EN-gb', 'zh-Hant-TW'),
      fc.constantFrom('', ';q=0', ';q=0.3', ';q=0.30', ';Q=1', ';q=1.000'),
    )
    fc.assert(
      fc.property(fc.array(range, { maxLength: 6 }), fc.nat(), (ranges, turn) => {
        const members = ranges.map((parts) => parts.join(''))
        const at = turn % (members.length + 1)
        const turned = [...members.slice(at), ...members.slice(0, at)]
        const sorted = sortLanguages(members.join(', '))
        expect(sortLanguages(turned.join(','))).toBe(sorted)
        expect(sortLanguages(sorted)).toBe(sorted)
      }),
    )
  })

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(typeof sortLanguages(text)).toBe('string')
      }),
    )
  })
})
