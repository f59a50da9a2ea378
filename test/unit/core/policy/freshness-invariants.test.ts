import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { combined } from '#core/entry/fields.ts'
import type { Fields } from '#core/entry/fields.ts'
import { parseRequestDirectives } from '#core/http/cache-control.ts'
import type { RequestDirectives } from '#core/http/cache-control.ts'
import { formatHttpDate, parseHttpDate } from '#core/http/http-date.ts'
import { controlOf } from '#core/policy/control.ts'
import { decideFreshness } from '#core/policy/freshness.ts'
import { decideReuse } from '#core/policy/reuse.ts'
import type { ReuseFacts } from '#core/policy/reuse.ts'
import { decideStaleOnError } from '#core/policy/stale-on-error.ts'

import { anyText } from '../../../support/near-misses.ts'
import { testPolicy } from '../../../support/policy.ts'
import { testBody, testHead, testKey } from '../../../support/stored.ts'

const NOW_MS = Date.UTC(2026, 10, 20, 12)
const MAX_DELTA_SECONDS = 2_147_483_648

const AGES = ['0', '5', '3600', '007', '2147483648', '9'.repeat(25), '5, 6', '-1', '1.5']
const CONTROLS = ['max-age=60', 's-maxage=0', 'max-age=99999999999, private', 'public']
const dateText = fc
  .integer({ min: -100_000, max: 100_000 })
  .map((seconds) => formatHttpDate(NOW_MS + seconds * 1000))
const DATES = [formatHttpDate(NOW_MS), 'Friday, 20-Nov-26 11:00:00 GMT']

function line(name: string, value: fc.Arbitrary<string>): fc.Arbitrary<Fields> {
  return fc
    .option(value, { nil: undefined })
    .map((text) => (text === undefined ? [] : [name, text]))
}

const responses = fc
  .tuple(
    line('age', fc.oneof(fc.nat().map(String), anyText(AGES))),
    line('date', fc.oneof(dateText, anyText(DATES))),
    line('expires', fc.oneof(dateText, anyText(DATES))),
    line('last-modified', fc.oneof(dateText, anyText(DATES))),
    line('cache-control', anyText(CONTROLS)),
  )
  .map((lists) => lists.flat())

const settings = fc.constantFrom(
  testPolicy(),
  testPolicy({ heuristicFraction: 0.1, storesAnyStatus: true }),
  testPolicy({ defaultTtlMs: 5000, staleWindowMs: 86_400_000, staleNeedsPermission: false }),
)

/** Wall-clock times around an exchange; the second may be before the first, as clocks are. */
const times = fc.record({
  sentAtMs: fc.integer({ min: -10_000, max: 10_000 }).map((ms) => NOW_MS + ms),
  receivedAtMs: fc.integer({ min: -10_000, max: 10_000 }).map((ms) => NOW_MS + ms),
  residentMs: fc.nat({ max: 2 ** 40 }),
  status: fc.constantFrom(200, 204, 301, 302, 404, 410, 500, 599),
})

/** The Age that was received, by the letter (RFC 9111 §5.1). */
function receivedAgeMs(fields: Fields): number {
  const [age = ''] = (combined(fields, 'age') ?? '').split(',')
  const digits = /^[0-9]+$/.exec(age)
  return digits === null ? 0 : Math.min(Number(age), MAX_DELTA_SECONDS) * 1000
}

describe('decideFreshness', () => {
  it('gives no age below the one received, below the time since Date, or below zero (RFC 9111 §4.2.3)', () => {
    fc.assert(
      fc.property(responses, times, settings, (fields, { residentMs, ...facts }, policy) => {
        const control = controlOf(fields, policy)
        const { bornAtMs } = decideFreshness({ ...facts, fields, control, path: '/a' }, policy)
        const nowMs = facts.receivedAtMs + residentMs
        const ageMs = nowMs - bornAtMs
        expect(ageMs).toBeGreaterThanOrEqual(residentMs + receivedAgeMs(fields))
        const dateMs = parseHttpDate(combined(fields, 'date') ?? '', facts.receivedAtMs)
        // Date counts whole seconds.
        expect(ageMs).toBeGreaterThan(nowMs - (dateMs ?? facts.receivedAtMs) - 1000)
      }),
      { numRuns: 3000 },
    )
  })

  it('gives times that can be reckoned with, whatever the fields (RFC 9111 §4.2)', () => {
    fc.assert(
      fc.property(responses, times, settings, (fields, facts, policy) => {
        const control = controlOf(fields, policy)
        const verdict = decideFreshness({ ...facts, fields, control, path: '/a' }, policy)
        const windows = [
          verdict.freshnessLifetimeMs,
          verdict.staleWhileRevalidateMs,
          verdict.staleIfErrorMs,
        ]
        for (const windowMs of windows) {
          expect(Number.isFinite(windowMs)).toBe(true)
          expect(windowMs).toBeGreaterThanOrEqual(0)
        }
        expect(Number.isFinite(verdict.bornAtMs)).toBe(true)
        expect(verdict.freshnessLifetimeMs).toBeLessThanOrEqual(policy.maxTtlMs)
        const isStrict = verdict.mustValidate || verdict.mustRevalidate
        const longestMs = Math.max(verdict.staleWhileRevalidateMs, verdict.staleIfErrorMs)
        expect(isStrict && longestMs > 0).toBe(false)
      }),
      { numRuns: 3000 },
    )
  })
})

const durations = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 1000, 5000, 60_000) },
  { weight: 1, arbitrary: fc.nat({ max: 2 ** 45 }) },
)

const storedFacts: fc.Arbitrary<ReuseFacts> = fc
  .record({
    bornAtMs: fc.integer({ min: -120_000, max: 1000 }).map((ms) => NOW_MS + ms),
    freshnessLifetimeMs: durations,
    staleWhileRevalidateMs: durations,
    mustRevalidate: fc.boolean(),
    ownWindowsOnly: fc.boolean(),
    mustValidate: fc.boolean(),
    immutable: fc.boolean(),
    invalidated: fc.boolean(),
    validatedAtMs: fc.integer({ min: -120_000, max: 1000 }).map((ms) => NOW_MS + ms),
  })
  .map((facts) => testHead(testKey('a'), testBody('a'), facts))

const REQUESTS = ['no-cache', 'max-age=0', 'max-age=5', 'min-fresh=1', 'max-stale', 'max-stale=60']
const asking: fc.Arbitrary<RequestDirectives> = fc
  .array(fc.oneof(fc.constantFrom(...REQUESTS), anyText(REQUESTS)), { maxLength: 3 })
  .map((members) => parseRequestDirectives(members.join(', ')))

const NOTHING_ASKED = parseRequestDirectives('')

describe('decideReuse', () => {
  it('has an answer for everything, and serves nothing that nobody permits (RFC 9111 §4.2.4)', () => {
    fc.assert(
      fc.property(storedFacts, asking, durations, (stored, asked, intervalMs) => {
        const { action } = decideReuse(stored, asked, NOW_MS, intervalMs)
        expect(['serve', 'serve-and-revalidate', 'revalidate']).toContain(action)
        if (action === 'revalidate') return
        const ageMs = NOW_MS - stored.bornAtMs
        const staleForMs = ageMs - stored.freshnessLifetimeMs
        expect(stored.invalidated || stored.mustValidate || ageMs < 0).toBe(false)
        if (staleForMs < 0) return
        expect(stored.mustRevalidate).toBe(false)
        const windowMs = action === 'serve' ? asked.maxStaleMs : stored.staleWhileRevalidateMs
        expect(staleForMs).toBeLessThanOrEqual(windowMs)
      }),
      { numRuns: 5000 },
    )
  })

  it('gives way as time passes, and never comes back (RFC 9111 §4.2)', () => {
    const order = ['serve', 'serve-and-revalidate', 'revalidate']
    fc.assert(
      fc.property(storedFacts, asking, fc.nat({ max: 200_000 }), (stored, asked, laterMs) => {
        const nowMs = Math.max(NOW_MS, stored.bornAtMs)
        const before = decideReuse(stored, asked, nowMs).action
        const after = decideReuse(stored, asked, nowMs + laterMs).action
        expect(order.indexOf(after)).toBeGreaterThanOrEqual(order.indexOf(before))
      }),
      { numRuns: 5000 },
    )
  })

  it('serves what is fresh when nothing is asked, to its last millisecond (RFC 9111 §4.2)', () => {
    fc.assert(
      fc.property(storedFacts, (facts) => {
        const freshnessLifetimeMs = facts.freshnessLifetimeMs + 1
        const kept = { invalidated: false, mustValidate: false }
        const stored = { ...facts, ...kept, freshnessLifetimeMs }
        const endsAtMs = stored.bornAtMs + stored.freshnessLifetimeMs
        expect(decideReuse(stored, NOTHING_ASKED, endsAtMs - 1).action).toBe('serve')
        expect(decideReuse(stored, NOTHING_ASKED, endsAtMs).action).not.toBe('serve')
      }),
    )
  })
})

describe('decideStaleOnError', () => {
  it('has an answer for everything, and none that is forbidden (RFC 9111 §4.2.4)', () => {
    fc.assert(
      fc.property(storedFacts, asking, fc.boolean(), durations, (facts, asked, isKnown, ms) => {
        const stored = testHead(testKey('a'), testBody('a'), { ...facts, staleIfErrorMs: ms })
        const { serve } = decideStaleOnError(stored, asked, isKnown, NOW_MS)
        expect(typeof serve).toBe('boolean')
        const isForbidden = stored.mustRevalidate || stored.mustValidate || stored.invalidated
        expect(isForbidden && serve).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })
})
