import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { RequestDirectives } from '#core/http/cache-control.ts'
import { NO_DIRECTIVES } from '#core/http/cache-control.ts'
import type { ReuseFacts } from '#core/policy/reuse.ts'
import { decideReuse } from '#core/policy/reuse.ts'

/** Born at 0 and fresh for a minute, so that `nowMs` reads as the age. */
const PAGE: ReuseFacts = {
  bornAtMs: 0,
  freshnessLifetimeMs: 60_000,
  staleWhileRevalidateMs: 30_000,
  mustRevalidate: false,
  mustValidate: false,
  ownWindowsOnly: false,
  immutable: false,
  invalidated: false,
  validatedAtMs: 0,
}

function asking(directives: Partial<RequestDirectives>): RequestDirectives {
  return { ...NO_DIRECTIVES, ...directives }
}

describe('decideReuse', () => {
  it.each([
    [0, 'serve'],
    [59_999, 'serve'],
    [60_000, 'serve-and-revalidate'],
    [90_000, 'serve-and-revalidate'],
    [90_001, 'revalidate'],
  ])('at an age of %i ms: %s (RFC 9111 §4.2; RFC 5861 §3)', (nowMs, action) => {
    expect(decideReuse(PAGE, NO_DIRECTIVES, nowMs).action).toBe(action)
  })

  it('opens no window of zero, not even for the instant', () => {
    const page = { ...PAGE, staleWhileRevalidateMs: 0 }
    expect(decideReuse(page, NO_DIRECTIVES, 60_000)).toEqual({
      action: 'revalidate',
      because: 'stale',
    })
  })

  it.each([
    [{ noCache: true }, 0, 'revalidate'],
    [{ maxAgeMs: 10_000 }, 10_000, 'serve'],
    [{ maxAgeMs: 10_000 }, 10_001, 'revalidate'],
    [{ maxAgeMs: 0 }, 0, 'serve'],
    [{ maxAgeMs: 0 }, 1, 'revalidate'],
    [{ minFreshMs: 10_000 }, 50_000, 'serve'],
    [{ minFreshMs: 10_000 }, 50_001, 'revalidate'],
    [{ maxStaleMs: 5000 }, 65_000, 'serve'],
    [{ maxStaleMs: 5000 }, 65_001, 'serve-and-revalidate'],
    [{ maxStaleMs: Infinity }, 1e12, 'serve'],
  ])('for %j at %i ms: %s (RFC 9111 §5.2.1)', (directives, nowMs, action) => {
    const reuse = decideReuse(PAGE, asking(directives), nowMs)
    expect(reuse.action).toBe(action)
  })

  it('says whether the request or the age is to blame', () => {
    const forced = decideReuse(PAGE, asking({ noCache: true }), 0)
    expect(forced).toEqual({ action: 'revalidate', because: 'request' })
    const old = decideReuse(PAGE, NO_DIRECTIVES, 90_001)
    expect(old).toEqual({ action: 'revalidate', because: 'stale' })
  })

  it('never serves stale what must be revalidated, whatever is asked (RFC 9111 §5.2.2.2)', () => {
    const strict = { ...PAGE, mustRevalidate: true }
    const lenient = asking({ maxStaleMs: Infinity })
    expect(decideReuse(strict, lenient, 59_999).action).toBe('serve')
    expect(decideReuse(strict, lenient, 60_000).action).toBe('revalidate')
  })

  it('never serves without validation what was invalidated, must be validated, or is of the future', () => {
    const times = fc.integer({ min: -1_000_000, max: 1_000_000 })
    const flag = fc.constantFrom('invalidated' as const, 'mustValidate' as const, 'future' as const)
    fc.assert(
      fc.property(times, flag, (nowMs, kind) => {
        const page =
          kind === 'future' ? { ...PAGE, bornAtMs: nowMs + 1 } : { ...PAGE, [kind]: true }
        const reuse = decideReuse(page, asking({ maxStaleMs: Infinity }), nowMs, 1e9)
        expect(reuse.action).toBe('revalidate')
      }),
    )
  })

  it('lets a request force no validation within the interval since the last one', () => {
    const page = { ...PAGE, validatedAtMs: 10_000 }
    const noCache = asking({ noCache: true })
    expect(decideReuse(page, noCache, 14_999, 5000).action).toBe('serve')
    expect(decideReuse(page, noCache, 15_000, 5000).action).toBe('revalidate')
  })
})
