import { describe, expect, it } from 'vitest'

import { NO_DIRECTIVES } from '#core/http/cache-control.ts'
import { decideStaleOnError, isFailedStatus } from '#core/policy/stale-on-error.ts'
import type { StaleFacts } from '#core/policy/stale-on-error.ts'

describe('decideStaleOnError', () => {
  /** Born at 0 and fresh for a minute, so `nowMs` reads as the age. */
  const page: StaleFacts = {
    status: 200,
    bornAtMs: 0,
    freshnessLifetimeMs: 60_000,
    staleIfErrorMs: 30_000,
    mustRevalidate: false,
    mustValidate: false,
    ownWindowsOnly: false,
    invalidated: false,
    sharedWithCredentials: false,
  }

  function decide(facts: Partial<StaleFacts>, nowMs: number, asked = {}, hasCredentials = false) {
    return decideStaleOnError(
      { ...page, ...facts },
      { ...NO_DIRECTIVES, ...asked },
      hasCredentials,
      nowMs,
    )
  }

  it('serves to the last instant of the window, and not beyond (RFC 5861 §4)', () => {
    expect(decide({}, 90_000)).toEqual({ serve: true })
    expect(decide({}, 90_001)).toEqual({ serve: false, because: 'too stale' })
  })

  it('serves what is fresh, though a validation was asked for', () => {
    expect(decide({ staleIfErrorMs: 0 }, 59_999)).toEqual({ serve: true })
    expect(decide({ staleIfErrorMs: 0 }, 60_000)).toEqual({ serve: false, because: 'too stale' })
  })

  it('widens the window by what the request accepts (RFC 5861 §4, RFC 9111 §5.2.1.2)', () => {
    expect(decide({ staleIfErrorMs: 0 }, 100_000, { staleIfErrorMs: 40_000 }).serve).toBe(true)
    expect(decide({ staleIfErrorMs: 0 }, 100_000, { maxStaleMs: 40_000 }).serve).toBe(true)
    expect(decide({ staleIfErrorMs: 0 }, 100_001, { staleIfErrorMs: 40_000 }).serve).toBe(false)
  })

  it.each(['mustRevalidate', 'mustValidate', 'invalidated'] as const)(
    'never serves what is %s (RFC 9111 §4.2.4)',
    (name) => {
      expect(decide({ [name]: true }, 60_000)).toEqual({ serve: false, because: 'not permitted' })
    },
  )

  it('never serves a stored error in place of another', () => {
    expect(decide({ status: 503 }, 60_000)).toEqual({ serve: false, because: 'not permitted' })
    expect(decide({ status: 404 }, 60_000)).toEqual({ serve: true })
  })

  it('serves who has credentials only what was marked for all (RFC 9111 §3.5)', () => {
    expect(decide({}, 60_000, {}, true)).toEqual({ serve: false, because: 'credentials' })
    expect(decide({ sharedWithCredentials: true }, 60_000, {}, true)).toEqual({ serve: true })
  })
})

describe('isFailedStatus', () => {
  it('takes 500, 502, 503 and 504 for failures, and answers for answers (RFC 5861 §4)', () => {
    const failed = Array.from({ length: 500 }, (_, i) => i + 100).filter(isFailedStatus)
    expect(failed).toEqual([500, 502, 503, 504])
  })
})
