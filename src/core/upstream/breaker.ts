// Stops asking an address that fails, and begins again with care.

import { isFailedStatus } from '../policy/stale-on-error.ts'
import type { Clock } from '../ports/clock.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { Outcome, Upstream, UpstreamErrorKind, UpstreamResponse } from '../ports/upstream.ts'
import { Cancelled, UpstreamError } from '../ports/upstream.ts'
import type { BreakerOutcome, BreakerRules, BreakerState } from './breaker-state.ts'
import { CLOSED, admit, concurrencyOf, countsOf, settle } from './breaker-state.ts'

export interface BreakerOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly address: string
  readonly rules: BreakerRules
}

export interface BreakerStatus {
  readonly state: BreakerState['state']
  /** In the window; 0 while nothing is let through. */
  readonly requestCount: number
  readonly failureCount: number
}

/** What is known of one address, whoever asks it. */
export interface Breaker {
  /** Until a request may be sent; 0 when it may be now. */
  waitMs(): number
  /** How many requests there may be at once, of as many as are allowed otherwise. */
  concurrency(maxCount: number): number
  status(): BreakerStatus
  /**
   * To be called before an attempt.
   *
   * @throws UpstreamError `destination_unavailable` when nothing may be sent.
   */
  begin(scope: RequestScope): Attempt
}

interface Attempt {
  /** Whether it is to find out if the address is back. */
  readonly isProbe: boolean
  /** Once what became of it, and after `answered` perhaps `broken`. */
  tell(outcome: BreakerOutcome): void
}

/** For so long a probe's body is waited for: an address that only sends heads is not back. */
const PROBE_BODY_MS = 1000

const UNREACHED: ReadonlySet<UpstreamErrorKind> = new Set<UpstreamErrorKind>([
  'dns_error',
  'dns_timeout',
  'connection_refused',
  'connection_timeout',
  'destination_ip_unroutable',
  'tls_certificate_error',
  'tls_protocol_error',
])

export function createBreaker({ clock, random, address, rules }: BreakerOptions): Breaker {
  let current = CLOSED

  /** A probe and its failure are no change: it was open, and is. */
  function move(next: BreakerState, scope: RequestScope): void {
    const [before, after] = [current.state, next.state].map((state) =>
      state === 'half-open' ? 'open' : state,
    )
    if (after !== undefined && after !== before) {
      scope.record({ kind: 'breaker', address, state: after })
    }
    current = next
  }

  return {
    waitMs() {
      const admission = admit(current, rules, clock.monotonicMs())
      return admission.isAdmitted ? 0 : admission.waitMs
    },
    concurrency: (maxCount) => concurrencyOf(current, rules, maxCount, clock.monotonicMs()),
    status: () => ({ state: current.state, ...countsOf(current, rules, clock.monotonicMs()) }),
    begin(scope) {
      const admission = admit(current, rules, clock.monotonicMs())
      move(admission.state, scope)
      if (!admission.isAdmitted) {
        const message = `Cannot reach "${address}": its breaker is open`
        const { waitMs } = admission
        throw new UpstreamError('destination_unavailable', message, {
          retryable: true,
          retryAfterMs: waitMs,
        })
      }
      const { epoch, state } = current
      return {
        isProbe: state === 'half-open',
        tell(outcome) {
          const now = { nowMs: clock.monotonicMs(), chance: random() }
          move(settle(current, { epoch, outcome }, rules, now), scope)
        },
      }
    },
  }
}

/** While the breaker is open nothing is sent and nothing waits: `destination_unavailable` at once. */
export function withBreaker(
  inner: Upstream,
  breaker: Breaker,
  { clock }: { readonly clock: Clock },
): Upstream {
  return {
    async fetch(request, scope) {
      const { isProbe, tell } = breaker.begin(scope)
      let response: UpstreamResponse
      try {
        response = await inner.fetch(request, scope)
      } catch (error) {
        tell(outcomeOf(error))
        throw error
      }
      if (isFailedStatus(response.status)) tell('failed')
      else watchBody(response.settled, isProbe, tell)
      return response
    },
  }

  function watchBody(
    settled: Promise<Outcome>,
    isProbe: boolean,
    tell: (outcome: BreakerOutcome) => void,
  ): void {
    let hasTold = false
    const answered = () => {
      if (!hasTold) tell('answered')
      hasTold = true
    }
    const cancel = isProbe ? clock.after(PROBE_BODY_MS, answered) : undefined
    if (!isProbe) answered()
    void settled.then(({ kind }) => {
      cancel?.()
      if (kind === 'broken') tell('broken')
      else answered()
    })
  }
}

function outcomeOf(error: unknown): BreakerOutcome {
  if (error instanceof Cancelled) return 'withdrawn'
  if (!(error instanceof UpstreamError)) return 'failed'
  if (error.kind === 'connection_limit_reached') return 'withdrawn'
  // A kept connection that ended says nothing: the fresh one that is asked next will.
  if (error.kind === 'connection_terminated') return error.retryable ? 'withdrawn' : 'unreached'
  if (error.kind === 'http_response_timeout') return 'late'
  return UNREACHED.has(error.kind) ? 'unreached' : 'failed'
}
