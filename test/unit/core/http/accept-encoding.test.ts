import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { chooseCoding, isCodingClass } from '#core/http/accept-encoding.ts'

const ALL = ['zstd', 'br', 'gzip'] as const

describe('chooseCoding', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['identity', 'identity'],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip;q=1.0, br;q=0.1', 'br'],
    ['br;q=0, gzip', 'gzip'],
    ['br; q=0.000 , gzip ; q=0.5', 'gzip'],
    ['*', 'zstd'],
    ['*;q=0', 'identity'],
    ['zstd;q=0, *', 'br'],
    ['deflate', 'identity'],
    ['gzip;q=0', 'identity'],
  ])('chooses of %j %s (RFC 9110 §12.5.3)', (value, coding) => {
    expect(chooseCoding(value, ALL)).toBe(coding)
  })

  it.each(['gzip;q=cats', 'gzip;q=0.0000', 'gzip;q=2', 'gzip;x=1', '"gzip"', 'gzip;q=-1', 'g zip'])(
    'takes the malformed %j for absent',
    (value) => {
      expect(chooseCoding(value, ALL)).toBe('identity')
    },
  )

  it('offers nothing but what is offered, to whatever is sent', () => {
    fc.assert(
      fc.property(fc.string(), fc.subarray([...ALL]), (value, offered) => {
        const coding = chooseCoding(value, offered)
        expect(coding === 'identity' || offered.includes(coding)).toBe(true)
        expect(isCodingClass(coding)).toBe(true)
      }),
    )
    expect(chooseCoding('gzip, br', [])).toBe('identity')
    expect(chooseCoding('gzip, br', ['gzip', 'br'])).toBe('gzip')
  })
})
