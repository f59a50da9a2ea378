import { describe, expect, it } from 'vitest'

import type { Fields } from '#core/entry/fields.ts'
import { formatHttpDate } from '#core/http/http-date.ts'
import { controlOf } from '#core/policy/control.ts'
import { decideFreshness } from '#core/policy/freshness.ts'
import type { FreshnessFacts } from '#core/policy/freshness.ts'
import type { PolicySettings, TtlRule } from '#core/policy/settings.ts'

import { testPolicy } from '../../../support/policy.ts'

const NOW_MS = Date.UTC(2026, 10, 20)
const DAY_MS = 86_400_000

function decide(
  fields: Fields,
  settings: Partial<PolicySettings> = {},
  facts: Partial<FreshnessFacts> = {},
) {
  const policy = testPolicy(settings)
  const control = controlOf(fields, policy)
  const times = { sentAtMs: NOW_MS, receivedAtMs: NOW_MS, path: '/a', status: 200 }
  return decideFreshness({ ...times, fields, control, ...facts }, policy)
}

function date(offsetSeconds: number): string {
  return formatHttpDate(NOW_MS + offsetSeconds * 1000)
}

const RULE: TtlRule = {
  name: 'rule',
  pathPrefix: undefined,
  statuses: undefined,
  contentType: undefined,
  ttlMs: 5000,
  overridesOrigin: false,
}

describe('the lifetime of decideFreshness', () => {
  it.each<[string, Fields, number, boolean]>([
    ['s-maxage before max-age', ['cache-control', 's-maxage=1, max-age=2'], 1000, true],
    ['max-age before Expires', ['cache-control', 'max-age=2', 'expires', date(9)], 2000, true],
    ['Expires minus Date', ['expires', date(9), 'date', date(-1)], 10_000, true],
    ['Expires minus now without Date', ['expires', date(9)], 9000, true],
    ['none for Expires in the past', ['expires', date(-9)], 0, true],
    ['none for an odd Expires', ['expires', '0'], 0, true],
    ['none for two Expires', ['expires', date(9), 'expires', date(9)], 0, true],
    ['none for an odd max-age', ['cache-control', 'max-age=x', 'expires', date(9)], 0, true],
    ['none when nothing is said', [], 0, false],
  ])('is %s (RFC 9111 §4.2.1)', (_name, fields, lifetimeMs, isExplicit) => {
    const verdict = decide(fields)
    expect(verdict.freshnessLifetimeMs).toBe(lifetimeMs)
    expect(verdict.isExplicit).toBe(isExplicit)
  })

  it('is the default of the site for 200, 301 and 308 alone, where nothing is said', () => {
    for (const status of [200, 301, 308]) {
      expect(decide([], { defaultTtlMs: 7000 }, { status }).freshnessLifetimeMs).toBe(7000)
    }
    for (const status of [203, 302, 404, 500]) {
      expect(decide([], { defaultTtlMs: 7000 }, { status }).freshnessLifetimeMs).toBe(0)
    }
    const said = decide(['cache-control', 'max-age=1'], { defaultTtlMs: 7000 })
    expect(said.freshnessLifetimeMs).toBe(1000)
  })

  it('is capped, and more so for errors', () => {
    const fields = ['cache-control', 'max-age=31536000']
    const caps = { maxTtlMs: DAY_MS }
    expect(decide(fields, caps).freshnessLifetimeMs).toBe(DAY_MS)
    expect(decide(fields, caps, { status: 404 }).freshnessLifetimeMs).toBe(10_000)
    expect(decide(fields, caps, { status: 410 }).freshnessLifetimeMs).toBe(10_000)
  })

  it('is that of the first rule that applies, and gives way to the origin unless it overrides', () => {
    const maxAge = ['cache-control', 'max-age=60', 'content-type', 'Image/PNG; x=y']
    const ttlOf = (rule: Partial<TtlRule>, fields: Fields): number =>
      decide(fields, { ttlRules: [{ ...RULE, ...rule }] }).freshnessLifetimeMs
    expect(ttlOf({}, [])).toBe(5000)
    expect(ttlOf({}, maxAge)).toBe(60_000)
    expect(ttlOf({ overridesOrigin: true }, maxAge)).toBe(5000)
    expect(ttlOf({ overridesOrigin: true, pathPrefix: '/b' }, maxAge)).toBe(60_000)
    expect(ttlOf({ overridesOrigin: true, pathPrefix: '/a' }, maxAge)).toBe(5000)
    expect(ttlOf({ overridesOrigin: true, statuses: new Set([404]) }, maxAge)).toBe(60_000)
    expect(ttlOf({ overridesOrigin: true, contentType: 'image/*' }, maxAge)).toBe(5000)
    expect(ttlOf({ overridesOrigin: true, contentType: 'image/png' }, maxAge)).toBe(5000)
    expect(ttlOf({ overridesOrigin: true, contentType: 'image/p' }, maxAge)).toBe(60_000)
    const first = { ...RULE, ttlMs: 1 }
    expect(decide([], { ttlRules: [first, RULE] }).freshnessLifetimeMs).toBe(1)
  })
})

describe('the age of decideFreshness', () => {
  it.each<[string, Fields, number]>([
    ['what Date tells', ['date', date(-30)], 30_000],
    ['nothing for a Date ahead', ['date', date(30)], 2000],
    ['Age and the delay', ['date', date(0), 'age', '10'], 12_000],
    ['the larger of both', ['date', date(-30), 'age', '10'], 30_000],
    ['the first of several Ages', ['age', '10, 20'], 12_000],
    ['the delay for an odd Age', ['age', '-10'], 2000],
    ['2^31 seconds for an Age beyond that (§1.2.2)', ['age', '99999999999'], 2_147_483_650_000],
    ['the delay where nothing is said', [], 2000],
  ])('begins at %s (RFC 9111 §4.2.3)', (_name, fields, ageMs) => {
    const verdict = decide(fields, {}, { sentAtMs: NOW_MS - 2000 })
    expect(NOW_MS - verdict.bornAtMs).toBe(ageMs)
  })
})

describe('the stale windows of decideFreshness', () => {
  const window = { staleWindowMs: DAY_MS }

  it('are those the response names, before the site’s (RFC 5861 §3, §4)', () => {
    const fields = ['cache-control', 'max-age=1, stale-while-revalidate=2, stale-if-error=3']
    expect(decide(fields, window)).toMatchObject({
      staleWhileRevalidateMs: 2000,
      staleIfErrorMs: 3000,
      mustRevalidate: false,
    })
  })

  it('are the site’s where the response is anybody’s, and none elsewhere', () => {
    expect(decide(['cache-control', 'max-age=1'], window).staleIfErrorMs).toBe(DAY_MS)
    expect(decide(['cache-control', 'public'], window).staleIfErrorMs).toBe(DAY_MS)
    expect(decide([], window).staleIfErrorMs).toBe(0)
    expect(decide([], { ...window, isOriginShared: true }).staleIfErrorMs).toBe(DAY_MS)
  })

  it.each([
    'must-revalidate',
    'proxy-revalidate',
    'no-cache',
    's-maxage=1',
    'must-revalidate, stale-if-error=60',
    'no-cache, stale-while-revalidate=60',
  ])('are closed by %s (RFC 9111 §5.2.2)', (value) => {
    const verdict = decide(['cache-control', `max-age=1, ${value}`], window)
    expect(verdict).toMatchObject({
      mustRevalidate: true,
      staleIfErrorMs: 0,
      staleWhileRevalidateMs: 0,
    })
  })

  it('are opened again for s-maxage by a window named beside it', () => {
    const fields = ['cache-control', 's-maxage=1, stale-if-error=60']
    expect(decide(fields, window)).toMatchObject({ mustRevalidate: false, staleIfErrorMs: 60_000 })
  })

  it('say whether credentials may meet what is stored (RFC 9111 §3.5)', () => {
    for (const value of ['public', 's-maxage=1', 'must-revalidate']) {
      expect(decide(['cache-control', value]).sharedWithCredentials).toBe(true)
    }
    expect(decide(['cache-control', 'max-age=1']).sharedWithCredentials).toBe(false)
  })
})
