import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  NO_DIRECTIVES,
  parseRequestDirectives,
  parseResponseDirectives,
} from '#core/http/cache-control.ts'

/** Whether a response with this Cache-Control may be stored and used at all. */
function isForbidden(value: string): boolean {
  const { noStore, isPrivate, noCache } = parseResponseDirectives(value)
  return noStore || isPrivate || noCache
}

describe('parseResponseDirectives', () => {
  it('reads what is written as it is mostly written (RFC 9111 §5.2.2)', () => {
    const value =
      'public, max-age=60, s-maxage=120, stale-while-revalidate=30, stale-if-error=3600, immutable'
    expect(parseResponseDirectives(value)).toEqual({
      noStore: false,
      noCache: false,
      isPrivate: false,
      noCacheFields: [],
      privateFields: [],
      isPublic: true,
      permitsAuthorized: true,
      mustRevalidate: false,
      proxyRevalidate: false,
      mustUnderstand: false,
      immutable: true,
      maxAgeSeconds: 60,
      sMaxAgeSeconds: 120,
      staleWhileRevalidateSeconds: 30,
      staleIfErrorSeconds: 3600,
    })
  })

  it('keeps apart the fields that a qualified directive names (RFC 9111 §5.2.2.4, §5.2.2.7)', () => {
    const value = 'max-age=60, private="Set-Cookie, x-a", private=x-b, no-cache="x-c"'
    expect(parseResponseDirectives(value)).toMatchObject({
      isPrivate: false,
      privateFields: ['set-cookie', 'x-a', 'x-b'],
      noCache: false,
      noCacheFields: ['x-c'],
    })
  })

  it.each([
    'private',
    'Private',
    'PRIVATE',
    'private=""',
    'private, private="x"',
    'private="etag, set-cookie"',
    'private="set-cookie", private="vary"',
    'private="set cookie"',
    'max-age=60, private',
    'no-store',
    'NO-STORE',
    'max-age=60,no-store',
    'no-store=1',
    ' no-store ',
    'no-store, no-store',
    'no-cache',
    'no-cache="',
    'no-cache="content-type"',
    'private = "x"',
    '"private"',
    '"no-store"',
    'no-store;',
    'nostore',
    'no-store\u00a0',
    'max-age=60;private',
    'public, private',
    ',,no-store,,',
    'private\\',
  ])('forbids for %j, in any spelling', (value) => {
    const isNostore = value === 'nostore'
    expect(isForbidden(value)).toBe(!isNostore)
  })

  it.each([
    'ext="a, no-store',
    'max-age="60, private',
    'ext="x, no-store, other="y"',
    'a="b" no-store',
    'max-age=60;no-store',
  ])('does not let an odd quote in %j hide a prohibition', (value) => {
    expect(isForbidden(value)).toBe(true)
  })

  it.each([
    'ext="private"',
    'ext="no-store, private"',
    'ext="a\\"no-store"',
    'x-private',
    'public',
  ])('takes no prohibition from %j, which has none', (value) => {
    expect(isForbidden(value)).toBe(false)
  })

  it.each([
    ['max-age=0', 0],
    ['max-age=60', 60],
    ['MAX-AGE=60', 60],
    ['max-age="60"', 60],
    ['max-age=060', 60],
    ['max-age=60, max-age=60', 60],
    ['max-age=60, max-age=61', 0],
    ['max-age', 0],
    ['max-age=', 0],
    ['max-age=-1', 0],
    ['max-age=+60', 0],
    ['max-age=1e9', 0],
    ['max-age=60s', 0],
    ['max-age=1.5', 0],
    ['max-age= 60', 0],
    ['max-age=2147483648', 2_147_483_648],
    ['max-age=2147483649', 2_147_483_648],
    [`max-age=${'9'.repeat(400)}`, 2_147_483_648],
    ['max-age=\u0661', 0],
    ['', undefined],
    ['maxage=60', undefined],
    ['x-max-age=60', undefined],
  ])('gives %j the lifetime %j (RFC 9111 §1.2.2, §4.2.1)', (value, seconds) => {
    expect(parseResponseDirectives(value).maxAgeSeconds).toBe(seconds)
  })

  it('takes a member between two stray quotes for what it is, and a listed field for a field', () => {
    expect(isForbidden('A=", no-store, "')).toBe(true)
    expect(isForbidden('x="a", public')).toBe(false)
    expect(isForbidden('x="private", public')).toBe(false)
  })

  it('never throws, and never loses a prohibition by what stands around it', () => {
    const noise = fc.array(
      fc.oneof(fc.constantFrom('max-age=1', 'public', 'a="b"', '', 'x=y'), fc.string()),
    )
    fc.assert(
      fc.property(fc.string(), noise, noise, (text, before, after) => {
        parseResponseDirectives(text)
        parseRequestDirectives(text)
        for (const prohibition of ['no-store', 'private', 'no-cache']) {
          expect(isForbidden([...before, prohibition, ...after].join(', '))).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('parseRequestDirectives', () => {
  it('limits nothing when nothing is said', () => {
    expect(parseRequestDirectives('')).toEqual(NO_DIRECTIVES)
    expect(parseRequestDirectives('unknown, other=1')).toEqual(NO_DIRECTIVES)
  })

  it('reads seconds as milliseconds (RFC 9111 §5.2.1)', () => {
    const asked = parseRequestDirectives('max-age=10, min-fresh=5, max-stale=7, stale-if-error=9')
    expect(asked).toMatchObject({
      maxAgeMs: 10_000,
      minFreshMs: 5000,
      maxStaleMs: 7000,
      staleIfErrorMs: 9000,
    })
  })

  it('takes any staleness for a bare max-stale, and none for an odd one (RFC 9111 §5.2.1.2)', () => {
    expect(parseRequestDirectives('max-stale').maxStaleMs).toBe(Infinity)
    expect(parseRequestDirectives('max-stale=x').maxStaleMs).toBe(0)
    expect(parseRequestDirectives('max-stale, max-stale=5').maxStaleMs).toBe(0)
  })

  it('takes an odd max-age for the strictest', () => {
    expect(parseRequestDirectives('max-age=x').maxAgeMs).toBe(0)
    expect(parseRequestDirectives('no-cache, no-store, only-if-cached')).toMatchObject({
      noCache: true,
      noStore: true,
      onlyIfCached: true,
    })
  })
})
