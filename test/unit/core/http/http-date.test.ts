import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { formatHttpDate, parseHttpDate } from '#core/http/http-date.ts'

const NOW_MS = Date.UTC(2026, 10, 20)

describe('parseHttpDate', () => {
  it('reads the three forms of one instant alike (RFC 9110 §5.6.7)', () => {
    const atMs = Date.UTC(1994, 10, 6, 8, 49, 37)
    expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT', NOW_MS)).toBe(atMs)
    expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', NOW_MS)).toBe(atMs)
    expect(parseHttpDate('Sun Nov  6 08:49:37 1994', NOW_MS)).toBe(atMs)
  })

  it('reads back what formatHttpDate writes, to the second', () => {
    const range = { min: new Date(0), max: new Date(Date.UTC(9999, 11, 31)), noInvalidDate: true }
    fc.assert(
      fc.property(fc.date(range), (date) => {
        const wholeSecondsMs = Math.floor(date.getTime() / 1000) * 1000
        expect(parseHttpDate(formatHttpDate(date.getTime()), NOW_MS)).toBe(wholeSecondsMs)
      }),
    )
  })

  it('takes two digits of a year for the past when they are over 50 years ahead', () => {
    expect(parseHttpDate('Friday, 20-Nov-76 00:00:00 GMT', NOW_MS)).toBe(Date.UTC(2076, 10, 20))
    expect(parseHttpDate('Friday, 20-Nov-77 00:00:00 GMT', NOW_MS)).toBe(Date.UTC(1977, 10, 20))
  })

  it('takes a leap second, and no 61st', () => {
    expect(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT', NOW_MS)).toBe(Date.UTC(2017, 0, 1))
    expect(parseHttpDate('Sat, 31 Dec 2016 23:59:61 GMT', NOW_MS)).toBeUndefined()
    expect(parseHttpDate('Sun, 30 Feb 2025 10:00:60 GMT', NOW_MS)).toBeUndefined()
  })

  it.each([
    'Sun, 06 nov 1994 08:49:37 GMT',
    'SUN, 06 NOV 1994 08:49:37 gmt',
    'sunday, 06-nov-94 08:49:37 gmt',
    'sun nov  6 08:49:37 1994',
  ])('takes %j: case means nothing in dates (RFC 9111 §4.2)', (value) => {
    expect(parseHttpDate(value, NOW_MS)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37))
  })

  it('knows leap years', () => {
    expect(parseHttpDate('Thu, 29 Feb 2024 00:00:00 GMT', NOW_MS)).toBe(Date.UTC(2024, 1, 29))
    expect(parseHttpDate('Sat, 29 Feb 2025 00:00:00 GMT', NOW_MS)).toBeUndefined()
    expect(parseHttpDate('Thu, 29 Feb 1900 00:00:00 GMT', NOW_MS)).toBeUndefined()
  })

  it.each([
    '',
    '0',
    '-1',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    '06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 06  Nov 1994 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
    'Sun, 31 Nov 1994 08:49:37 GMT',
  ])('refuses %j', (value) => {
    expect(parseHttpDate(value, NOW_MS)).toBeUndefined()
  })

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseHttpDate(text, NOW_MS)).toBeUndefined()
      }),
    )
  })
})
