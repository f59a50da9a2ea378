import { describe, expect, it } from 'vitest'

import type { Fields } from '#core/entry/fields.ts'
import { all, first } from '#core/entry/fields.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'
import { formatHttpDate } from '#core/http/http-date.ts'
import { decideInvalidation } from '#core/policy/invalidation.ts'
import {
  conditionalFields,
  freshenedFields,
  sameVersionFields,
  selectFreshened,
  strongValidatorOf,
  validatorsOf,
} from '#core/policy/validation.ts'

import { testBody, testHead, testKey } from '../../../support/stored.ts'

const NOW_MS = Date.UTC(2026, 10, 20)
const MODIFIED = formatHttpDate(NOW_MS - 5000)

function stored(fields: Fields): StoredResponse {
  const validators = validatorsOf(fields, NOW_MS)
  return testHead(testKey('a'), testBody('a'), { fields, validators })
}

const V1 = stored(['etag', '"v1"', 'last-modified', MODIFIED, 'date', formatHttpDate(NOW_MS)])
const V2 = stored(['etag', '"v2"'])
const WEAK = stored(['etag', 'W/"w"'])
const DATED = stored(['last-modified', MODIFIED, 'date', formatHttpDate(NOW_MS)])
const BARE = stored(['content-type', 'text/plain'])

describe('strongValidatorOf', () => {
  it('is a strong tag, else a strong date, else nothing (RFC 9110 §8.8.1)', () => {
    expect(strongValidatorOf(V1.validators)).toBe('"v1"')
    expect(strongValidatorOf(DATED.validators)).toBe(`date:${NOW_MS - 5000}`)
    expect(strongValidatorOf(BARE.validators)).toBeUndefined()
  })

  it('is no date beside a weak tag: that says the bytes may differ', () => {
    const fields = ['etag', 'W/"w"', ...DATED.fields]
    expect(strongValidatorOf(validatorsOf(fields, NOW_MS))).toBeUndefined()
  })

  it('is no date that is not a second older than Date (RFC 9110 §8.8.2.2)', () => {
    const sameSecond = ['last-modified', MODIFIED, 'date', MODIFIED]
    expect(strongValidatorOf(validatorsOf(sameSecond, NOW_MS))).toBeUndefined()
    expect(strongValidatorOf(validatorsOf(['last-modified', MODIFIED], NOW_MS))).toBeUndefined()
  })
})

describe('conditionalFields', () => {
  it('names the tags of all variants once, the selected first, and its date (RFC 9111 §4.3.1)', () => {
    const fields = conditionalFields(V1, [V2, V1, WEAK, BARE])
    expect(first(fields, 'if-none-match')).toBe('"v1", "v2", W/"w"')
    expect(first(fields, 'if-modified-since')).toBe(MODIFIED)
  })

  it('names nothing where there is no validator', () => {
    expect(conditionalFields(BARE, [BARE])).toEqual([])
  })
})

describe('sameVersionFields', () => {
  it('holds a fetch to one version (RFC 9110 §13.1.1, §13.1.4)', () => {
    expect(sameVersionFields(V1)).toEqual(['if-match', '"v1"'])
    expect(sameVersionFields(DATED)).toEqual(['if-unmodified-since', MODIFIED])
    expect(sameVersionFields(BARE)).toEqual([])
    // If-Match compares strongly: a weak tag would fail for ever.
    expect(first(sameVersionFields(WEAK), 'if-match')).toBeUndefined()
  })
})

describe('selectFreshened', () => {
  it.each([
    ['the variant that is named', ['etag', '"v2"'], V2],
    ['none where nothing is named, and several tags were sent', [], undefined],
    ['none for a version we have not', ['etag', '"v3"'], undefined],
    ['a weak one for a weak tag', ['etag', 'W/"w"'], WEAK],
    ['none for a strong tag where ours is weak', ['etag', '"w"'], undefined],
  ])('is %s (RFC 9111 §4.3.4)', (_name, fields, wanted) => {
    expect(selectFreshened(fields, V1, [V2, WEAK], NOW_MS)).toBe(wanted)
  })

  it('is the selected one where nothing is named, and only its tag was sent', () => {
    expect(selectFreshened([], V1, [V1], NOW_MS)).toBe(V1)
  })

  it('is none for another Last-Modified than ours (RFC 9111 §4.3.4)', () => {
    const date = ['last-modified', 'Sun, 06 Nov 1994 08:49:37 GMT']
    expect(selectFreshened(date, V1, [V1], NOW_MS)).toBeUndefined()
  })
})

describe('freshenedFields', () => {
  it('replaces the lines of a name together, and keeps the rest (RFC 9111 §3.2)', () => {
    const before = ['x-two', '1', 'content-type', 'a', 'x-two', '2', 'cache-control', 'max-age=1']
    const after = freshenedFields(before, [
      'x-two',
      '3',
      'cache-control',
      'max-age=2',
      'x-new',
      '4',
    ])
    expect(all(after, 'x-two')).toEqual(['3'])
    expect(first(after, 'content-type')).toBe('a')
    expect(first(after, 'cache-control')).toBe('max-age=2')
    expect(first(after, 'x-new')).toBe('4')
  })

  it('takes no length, range or age from a 304', () => {
    const after = freshenedFields(
      ['etag', '"a"'],
      ['content-length', '0', 'content-range', 'x', 'age', '5'],
    )
    expect(after).toEqual(['etag', '"a"'])
  })
})

describe('decideInvalidation', () => {
  it.each([
    ['PUT', 200, true],
    ['DELETE', 204, true],
    ['POST', 303, true],
    ['PATCH', 399, true],
    ['UNKNOWN', 200, true],
    ['PUT', 400, false],
    ['PUT', 500, false],
    ['PUT', 199, false],
    ['GET', 200, false],
    ['HEAD', 200, false],
    ['OPTIONS', 200, false],
    ['TRACE', 200, false],
  ])('for %s answered with %i: %s (RFC 9111 §4.4)', (method, status, wanted) => {
    expect(decideInvalidation(method, status)).toBe(wanted)
  })
})
