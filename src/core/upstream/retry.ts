import type { RequestScope } from '../ports/request-scope.ts'
import type { Upstream } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { RetryBudget } from './retry-budget.ts'

export interface RetryOptions {
  /** Attempts in all, the first among them. */
  readonly maxAttemptCount: number
  /** Addresses there are to try. */
  readonly addressCount: number
  readonly budget: RetryBudget
}

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Failures before the origin can have seen the request. */
const UNSEEN: ReadonlySet<string> = new Set([
  'connection_refused',
  'connection_timeout',
  'dns_error',
  'dns_timeout',
])

/**
 * Tries again what the origin has not answered, at another address where there is one, within a budget. What it has seen
 * and failed at is not sent twice: that is for the stale response to mend.
 */
export function withRetry(inner: Upstream, options: RetryOptions): Upstream {
  const { maxAttemptCount, addressCount, budget } = options

  return {
    async fetch(request, scope) {
      if (request.isRetry !== true) budget.noteRequest()
      else if (!budget.take()) throw spent(scope)
      const avoid = new Set(request.avoid)
      for (let attemptCount = 1; ; attemptCount++) {
        try {
          return await inner.fetch({ ...request, avoid }, scope)
        } catch (error) {
          const mayRetry =
            error instanceof UpstreamError &&
            error.retryable &&
            // An idle connection that ended may have been too old, or what was asked was too much for the
            // origin: that is for another address to say.
            (UNSEEN.has(error.kind) || isNew(error, avoid, addressCount)) &&
            IDEMPOTENT.has(request.method) &&
            request.body === undefined &&
            attemptCount < maxAttemptCount &&
            !scope.signal.aborted &&
            budget.take()
          if (!mayRetry) throw error
          if (error.address !== undefined) avoid.add(error.address)
        }
      }
    },
  }
}

function spent(scope: RequestScope): UpstreamError {
  scope.record({ kind: 'limit', name: 'retry budget' })
  const message = 'Cannot ask again: others have done so too often in these seconds'
  return new UpstreamError('connection_limit_reached', message, { retryable: true })
}

/** Whether a connection that was terminated leaves an address that has not been tried. */
function isNew(error: UpstreamError, tried: ReadonlySet<string>, addressCount: number): boolean {
  if (error.kind !== 'connection_terminated' || error.address === undefined) return false
  return new Set([...tried, error.address]).size < addressCount
}
