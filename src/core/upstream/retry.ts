// A second attempt for what failed before anything was sent to the client.

import { first } from '../entry/fields.ts'
import { parseHttpDate } from '../http/http-date.ts'
import { isFailedStatus } from '../policy/stale-on-error.ts'
import type { Clock } from '../ports/clock.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { RetryBudget } from './retry-budget.ts'

export interface RetryOptions {
  readonly clock: Clock
  readonly random: () => number
  /** Attempts in all, the first among them. */
  readonly maxAttemptCount: number
  /** Whether there is an address to use that is none of these. */
  hasOther(tried: ReadonlySet<string>): boolean
  readonly budget: RetryBudget
  /** Before the same address is asked again, at least and at most; Retry-After may ask for up to `maxDelayMs`. */
  readonly minDelayMs: number
  readonly jitterMs: number
  readonly maxDelayMs: number
}

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** What is said by who passes requests on, or has too many of them; another failure would only come again. */
const PASSING: ReadonlySet<number> = new Set([502, 503, 504])

/** Failures before the origin can have seen the request. */
const UNSEEN: ReadonlySet<string> = new Set([
  'connection_refused',
  'connection_timeout',
  'dns_error',
  'dns_timeout',
])

/**
 * Tries again what the origin has not answered, or has answered with a failure, within a budget: at once at an address
 * that is left to try, else once more at the same, if the origin cannot have seen it or says that it may pass.
 */
export function withRetry(inner: Upstream, options: RetryOptions): Upstream {
  const { maxAttemptCount, budget } = options

  return {
    async fetch(request, scope) {
      if (request.isRetry !== true) budget.noteRequest()
      else if (!budget.take()) throw spent(scope)
      const attempts = new Attempts(request, options)
      for (let count = 1; ; count++) {
        const isLast = count >= maxAttemptCount || !mayRepeat(request, scope)
        try {
          const response = await inner.fetch(attempts.next(), scope)
          const delayMs = isLast ? undefined : attempts.afterFailure(response)
          if (delayMs === undefined || !isInTime(delayMs, scope) || !budget.take()) return response
          response.body.cancel('asking again')
          await attempts.pause(delayMs, scope)
        } catch (error) {
          if (!(error instanceof UpstreamError)) throw error
          const delayMs = isLast ? undefined : attempts.afterError(error)
          if (delayMs === undefined || !isInTime(delayMs, scope) || !budget.take()) throw error
          await attempts.pause(delayMs, scope)
        }
        scope.record({ kind: 'retried' })
      }
    },
  }

  function isInTime(delayMs: number, scope: RequestScope): boolean {
    return options.clock.monotonicMs() + delayMs < scope.deadlineAtMs
  }
}

function mayRepeat({ method, body }: UpstreamRequest, { signal }: RequestScope): boolean {
  return IDEMPOTENT.has(method) && body === undefined && !signal.aborted
}

/** The attempts of one request: where they went, and when and where the next may go. */
class Attempts {
  readonly #request: UpstreamRequest
  readonly #options: RetryOptions
  readonly #avoid: Set<string>
  #needsFreshConnection = false
  #sameAddressCount = 0

  constructor(request: UpstreamRequest, options: RetryOptions) {
    this.#request = request
    this.#options = options
    this.#avoid = new Set(request.avoid)
  }

  next(): UpstreamRequest {
    return {
      ...this.#request,
      avoid: this.#avoid,
      needsFreshConnection: this.#needsFreshConnection,
    }
  }

  /** @returns How long to wait before the next attempt; `undefined`: there is none. */
  afterFailure(response: UpstreamResponse): number | undefined {
    if (!isFailedStatus(response.status)) return undefined
    const { address } = response.from
    if (this.#isOtherLeft(address)) return 0
    if (!PASSING.has(response.status) || !this.#takeSameAddress()) return undefined
    const { clock, minDelayMs, jitterMs, maxDelayMs, random } = this.#options
    const askedMs = retryAfterMs(response, clock.nowMs())
    if (askedMs > maxDelayMs) return undefined
    return Math.max(askedMs, minDelayMs + random() * jitterMs)
  }

  /** @returns As `afterFailure`. */
  afterError(error: UpstreamError): number | undefined {
    const { address, kind, retryable } = error
    if (!retryable) return undefined
    const isUnseen = UNSEEN.has(kind)
    if ((!isUnseen && kind !== 'connection_terminated') || address === undefined) return undefined
    if (this.#isOtherLeft(address)) return 0
    if (isUnseen) return undefined
    // A kept connection may have been closed just as we wrote; a fresh one that ends so would say something of what was
    // asked.
    this.#needsFreshConnection = true
    return this.#takeSameAddress() ? 0 : undefined
  }

  async pause(delayMs: number, { signal }: RequestScope): Promise<void> {
    if (delayMs === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#options.clock.after(delayMs, resolve)
    const onAbort = () => resolve()
    // What goes on then, finds the signal aborted by itself.
    signal.addEventListener('abort', onAbort)
    await promise
    signal.removeEventListener('abort', onAbort)
    cancel()
  }

  #isOtherLeft(address: string): boolean {
    this.#avoid.add(address)
    return this.#options.hasOther(this.#avoid)
  }

  /** Who can be given what is stored is not to wait for what will likely be no better. */
  #takeSameAddress(): boolean {
    const { hasFallback, asksAgain } = this.#request
    if (hasFallback === true || asksAgain === true) return false
    return this.#avoid.size <= 1 && this.#sameAddressCount++ === 0
  }
}

/** Retry-After in seconds or as a date (RFC 9110 §10.2.3); 0 where it says nothing. */
function retryAfterMs({ fields }: UpstreamResponse, nowMs: number): number {
  const value = first(fields, 'retry-after')
  if (value === undefined) return 0
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const atMs = parseHttpDate(value, nowMs)
  return atMs === undefined ? 0 : Math.max(0, atMs - nowMs)
}

function spent(scope: RequestScope): UpstreamError {
  scope.record({ kind: 'limit', name: 'retry budget' })
  const message = 'Cannot ask again: others have done so too often in these seconds'
  return new UpstreamError('connection_limit_reached', message, { retryable: true })
}
