import { isFailedStatus } from '../policy/stale-on-error.ts'
import type { Clock } from '../ports/clock.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { Outcome, Upstream, UpstreamResponse } from '../ports/upstream.ts'
import { Cancelled, UpstreamError } from '../ports/upstream.ts'

export interface BreakerOptions {
  readonly clock: Clock
  readonly address: string
  /** Failures in a row that open it. */
  readonly maxFailureCount: number
  /** How long it stays open before one request may try. */
  readonly openMs: number
}

/** The breaker of one address; fields exist only in the state that uses them. */
export type BreakerState =
  | { readonly state: 'closed'; readonly failureCount: number }
  | { readonly state: 'open'; readonly untilMs: number }
  | { readonly state: 'half-open' }

export type BreakerEvent = 'success' | 'failure'

export interface BreakerRules {
  readonly maxFailureCount: number
  readonly openMs: number
}

/** The state after an outcome: pure, on the monotonic clock. */
export function nextBreakerState(
  current: BreakerState,
  event: BreakerEvent,
  rules: BreakerRules,
  nowMs: number,
): BreakerState {
  if (event === 'success') return { state: 'closed', failureCount: 0 }
  switch (current.state) {
    case 'closed': {
      const failureCount = current.failureCount + 1
      return failureCount >= rules.maxFailureCount
        ? { state: 'open', untilMs: nowMs + rules.openMs }
        : { state: 'closed', failureCount }
    }
    // A request that began before it opened says nothing new.
    case 'open':
      return current
    case 'half-open':
      return { state: 'open', untilMs: nowMs + rules.openMs }
  }
}

export interface BreakerUpstream extends Upstream {
  /** Whether a request would be let through now. */
  isOpen(): boolean
}

/**
 * Stops asking an address that fails: five times in a row a connection error, a timeout, a broken body or
 * a 5xx. While it is open nothing is sent and nothing waits: `destination_unavailable` at once.
 */
export function withBreaker(inner: Upstream, options: BreakerOptions): BreakerUpstream {
  const { clock, address, openMs } = options
  let current: BreakerState = { state: 'closed', failureCount: 0 }

  function move(next: BreakerState, scope: RequestScope): void {
    if (next.state !== current.state) scope.record({ kind: 'breaker', address, state: next.state })
    current = next
  }

  function tell(event: BreakerEvent, scope: RequestScope): void {
    move(nextBreakerState(current, event, options, clock.monotonicMs()), scope)
  }

  function judge(outcome: Outcome, status: number, scope: RequestScope): void {
    switch (outcome.kind) {
      case 'complete':
        return tell(isFailedStatus(status) ? 'failure' : 'success', scope)
      case 'broken':
        return tell('failure', scope)
      case 'cancelled':
        // The head came, so the address lives; what we did not read says nothing of it.
        return isFailedStatus(status) ? tell('failure', scope) : tell('success', scope)
    }
  }

  /** Lets one request through when the time is up; the others are still refused. */
  function admit(scope: RequestScope): void {
    if (current.state === 'closed') return
    const waitMs = current.state === 'open' ? current.untilMs - clock.monotonicMs() : openMs
    if (current.state === 'open' && waitMs <= 0) return move({ state: 'half-open' }, scope)
    const message = `Cannot reach "${address}": its breaker is open`
    throw new UpstreamError('destination_unavailable', message, {
      retryable: false,
      retryAfterMs: waitMs,
    })
  }

  return {
    isOpen: () => current.state === 'open' && current.untilMs > clock.monotonicMs(),
    async fetch(request, scope) {
      admit(scope)
      let response: UpstreamResponse
      try {
        response = await inner.fetch(request, scope)
      } catch (error) {
        const isOurs =
          error instanceof Cancelled ||
          (error instanceof UpstreamError && error.kind === 'connection_limit_reached')
        // A probe that was ours to end leaves the question open; the next request asks it.
        if (!isOurs) tell('failure', scope)
        else if (current.state === 'half-open') {
          move({ state: 'open', untilMs: clock.monotonicMs() }, scope)
        }
        throw error
      }
      void response.settled.then((outcome) => judge(outcome, response.status, scope))
      return response
    },
  }
}
