import { describe, expect, it } from 'vitest'

import type { BreakerState } from '#core/upstream/breaker.ts'
import { nextBreakerState } from '#core/upstream/breaker.ts'

const RULES = { maxFailureCount: 3, openMs: 5000 }

function after(state: BreakerState, event: 'success' | 'failure', nowMs = 0): BreakerState {
  return nextBreakerState(state, event, RULES, nowMs)
}

describe('nextBreakerState', () => {
  it('opens at the last allowed failure in a row, and not before', () => {
    const twice: BreakerState = { state: 'closed', failureCount: 2 }
    expect(after({ state: 'closed', failureCount: 1 }, 'failure')).toEqual(twice)
    expect(after(twice, 'failure', 100)).toEqual({ state: 'open', untilMs: 5100 })
  })

  it('counts failures in a row: one success forgets them', () => {
    const none: BreakerState = { state: 'closed', failureCount: 0 }
    expect(after({ state: 'closed', failureCount: 2 }, 'success')).toEqual(none)
  })

  it('stays open for as long as it began, whatever earlier requests still bring', () => {
    const open: BreakerState = { state: 'open', untilMs: 5000 }
    expect(after(open, 'failure', 4000)).toBe(open)
  })

  it('closes when the probe succeeds, and opens again for a whole time when it fails', () => {
    expect(after({ state: 'half-open' }, 'success')).toEqual({ state: 'closed', failureCount: 0 })
    const again: BreakerState = { state: 'open', untilMs: 12_000 }
    expect(after({ state: 'half-open' }, 'failure', 7000)).toEqual(again)
  })
})
