import type { Upstream } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'

export interface RetryOptions {
  /** Attempts in all, the first among them. */
  readonly maxAttemptCount: number
}

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Failures before the origin can have seen the request, or on an idle connection it had closed. */
const UNSEEN: ReadonlySet<string> = new Set([
  'connection_refused',
  'connection_terminated',
  'connection_timeout',
  'dns_error',
  'dns_timeout',
])

/**
 * Tries again what the origin has not answered, at another address where there is one. What it has seen
 * and failed at is not sent twice: that is for the stale response to mend.
 */
export function withRetry(inner: Upstream, { maxAttemptCount }: RetryOptions): Upstream {
  return {
    async fetch(request, scope) {
      const avoid = new Set(request.avoid)
      for (let attemptCount = 1; ; attemptCount++) {
        try {
          return await inner.fetch({ ...request, avoid }, scope)
        } catch (error) {
          const mayRetry =
            error instanceof UpstreamError &&
            error.retryable &&
            UNSEEN.has(error.kind) &&
            IDEMPOTENT.has(request.method) &&
            request.body === undefined &&
            attemptCount < maxAttemptCount &&
            !scope.signal.aborted
          if (!mayRetry) throw error
          if (error.address !== undefined) avoid.add(error.address)
        }
      }
    },
  }
}
