import { describe, expect, it } from 'vitest'

import { NO_PRECONDITIONS } from '#core/entry/asked.ts'
import { formatHttpDate } from '#core/http/http-date.ts'
import type { Preconditions, Validators } from '#core/http/preconditions.ts'
import {
  holdsIfRange,
  holdsUnmodified,
  isNotModified,
  isStrongDate,
} from '#core/http/preconditions.ts'

const MODIFIED_MS = Date.UTC(2026, 0, 1)
const NOW_MS = Date.UTC(2026, 10, 20)
const AT = formatHttpDate(MODIFIED_MS)
const BEFORE = formatHttpDate(MODIFIED_MS - 1000)
const AFTER = formatHttpDate(MODIFIED_MS + 1000)

const STRONG: Validators = {
  etag: { weak: false, opaque: '"v1"' },
  lastModifiedMs: MODIFIED_MS,
  dateMs: NOW_MS,
}
const WEAK: Validators = { ...STRONG, etag: { weak: true, opaque: '"v1"' } }
const NONE: Validators = { etag: undefined, lastModifiedMs: undefined, dateMs: undefined }

function asked(fields: Partial<Preconditions>): Preconditions {
  return { ...NO_PRECONDITIONS, ...fields }
}

describe('isNotModified', () => {
  it.each([
    ['"v1"', STRONG, true],
    ['W/"v1"', STRONG, true],
    ['"v1"', WEAK, true],
    ['"v0", "v1"', STRONG, true],
    ['"v2"', STRONG, false],
    ['*', STRONG, true],
    ['*', NONE, true],
    ['"v1"', NONE, false],
    ['garbage', STRONG, false],
    ['', STRONG, false],
  ])('compares If-None-Match %s weakly (RFC 9110 §13.1.2)', (ifNoneMatch, has, wanted) => {
    expect(isNotModified(asked({ ifNoneMatch }), has, NOW_MS)).toBe(wanted)
  })

  it('looks at If-Modified-Since only without If-None-Match (RFC 9110 §13.2.2)', () => {
    const both = asked({ ifNoneMatch: '"v2"', ifModifiedSince: AFTER })
    expect(isNotModified(both, STRONG, NOW_MS)).toBe(false)
    expect(isNotModified(asked({ ifModifiedSince: AFTER }), STRONG, NOW_MS)).toBe(true)
  })

  it.each([
    [AT, STRONG, true],
    [AFTER, STRONG, true],
    [BEFORE, STRONG, false],
    [AFTER, NONE, false],
    ['yesterday', STRONG, false],
  ])('compares If-Modified-Since %s (RFC 9110 §13.1.3)', (ifModifiedSince, has, wanted) => {
    expect(isNotModified(asked({ ifModifiedSince }), has, NOW_MS)).toBe(wanted)
  })

  it('is false when nothing was asked', () => {
    expect(isNotModified(NO_PRECONDITIONS, STRONG, NOW_MS)).toBe(false)
  })
})

describe('holdsUnmodified', () => {
  it.each([
    ['"v1"', STRONG, true],
    ['"v0", "v1"', STRONG, true],
    ['W/"v1"', STRONG, false],
    ['"v1"', WEAK, false],
    ['"v2"', STRONG, false],
    ['*', NONE, true],
    ['"v1"', NONE, false],
    ['garbage', STRONG, false],
  ])('compares If-Match %s strongly (RFC 9110 §13.1.1)', (ifMatch, has, wanted) => {
    expect(holdsUnmodified(asked({ ifMatch }), has, NOW_MS)).toBe(wanted)
  })

  it('looks at If-Unmodified-Since only without If-Match (RFC 9110 §13.2.2)', () => {
    const both = asked({ ifMatch: '"v1"', ifUnmodifiedSince: BEFORE })
    expect(holdsUnmodified(both, STRONG, NOW_MS)).toBe(true)
    expect(holdsUnmodified(asked({ ifUnmodifiedSince: BEFORE }), STRONG, NOW_MS)).toBe(false)
  })

  it.each([
    [AT, STRONG, true],
    [AFTER, STRONG, true],
    [AT, NONE, false],
    ['yesterday', STRONG, true],
  ])('compares If-Unmodified-Since %s (RFC 9110 §13.1.4)', (ifUnmodifiedSince, has, wanted) => {
    expect(holdsUnmodified(asked({ ifUnmodifiedSince }), has, NOW_MS)).toBe(wanted)
  })
})

describe('holdsIfRange', () => {
  it.each([
    [undefined, STRONG, true],
    ['"v1"', STRONG, true],
    ['"v2"', STRONG, false],
    ['W/"v1"', STRONG, false],
    ['"v1"', WEAK, false],
    [AT, STRONG, true],
    [AFTER, STRONG, false],
    [BEFORE, STRONG, false],
    [AT, NONE, false],
    ['garbage', STRONG, false],
    ['"v1", "v2"', STRONG, false],
  ])('for %s is exact and strong (RFC 9110 §13.1.5)', (ifRange, has, wanted) => {
    expect(holdsIfRange(ifRange, has, NOW_MS)).toBe(wanted)
  })

  it('takes a date only where it is strong, a second before Date (RFC 9110 §8.8.2.2)', () => {
    const sameSecond = { ...STRONG, dateMs: MODIFIED_MS + 999 }
    const oneBefore = { ...STRONG, dateMs: MODIFIED_MS + 1000 }
    expect([isStrongDate(sameSecond), isStrongDate(oneBefore)]).toEqual([false, true])
    expect(holdsIfRange(AT, sameSecond, NOW_MS)).toBe(false)
    expect(holdsIfRange(AT, oneBefore, NOW_MS)).toBe(true)
    expect(isStrongDate({ ...STRONG, dateMs: undefined })).toBe(false)
  })
})
