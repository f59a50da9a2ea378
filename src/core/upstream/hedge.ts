// A second request for what is slow to begin, at another address; the one that answers first is taken.

import { isFailedStatus } from '../policy/stale-on-error.ts'
import type { Clock } from '../ports/clock.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { UpstreamRequest, UpstreamResponse } from '../ports/upstream.ts'
import { Cancelled } from '../ports/upstream.ts'
import { within } from '../ports/within.ts'
import type { Pick } from './pick.ts'
import type { RetryBudget } from './retry-budget.ts'
import { linkedController, withSignal } from './scope-signal.ts'

export interface HedgeOptions {
  readonly clock: Clock
  /** Of recent heads, above 0 and below 1: who waits longer than this share of them is slow. */
  readonly percentile: number
  /** Nothing is slow before that. */
  readonly minDelayMs: number
  /** Shared with retries: a hedge is a second attempt. */
  readonly budget: RetryBudget
}

interface Attempt {
  /** Where it went, once that is known. */
  readonly address: string | undefined
  readonly head: Promise<UpstreamResponse>
  /** Of no use any more. */
  drop(): void
}

/** Without so many recent heads nobody knows what is slow. */
const MIN_SAMPLE_COUNT = 20
const SAMPLE_COUNT = 200

export function withHedge(inner: Pick, options: HedgeOptions): Pick {
  const { clock, percentile, minDelayMs, budget } = options
  const latencies: number[] = []
  let sampleCount = 0

  function noteLatency(ms: number): void {
    latencies[sampleCount++ % SAMPLE_COUNT] = ms
  }

  function slowMs(): number | undefined {
    if (latencies.length < MIN_SAMPLE_COUNT) return undefined
    const sorted = latencies.toSorted((a, b) => a - b)
    return Math.max(minDelayMs, sorted[Math.floor(percentile * sorted.length)] ?? 0)
  }

  function begin(request: UpstreamRequest, scope: RequestScope): Attempt {
    const controller = linkedController(scope)
    const sentAtMs = clock.monotonicMs()
    let chosen: string | undefined
    const head = inner
      .fetch(
        { ...request, onAddress: (address) => (chosen = address) },
        withSignal(scope, controller.signal),
      )
      .then((response) => {
        noteLatency(clock.monotonicMs() - sentAtMs)
        return response
      })
      .finally(() => controller.free())
    return {
      head,
      get address() {
        return chosen
      },
      drop() {
        controller.abort(new Cancelled('Another was first'))
        head.then(
          ({ body }) => body.cancel('another was first'),
          () => undefined,
        )
      },
    }
  }

  return {
    hasOther: (tried) => inner.hasOther(tried),
    async fetch(request, scope) {
      const delayMs = slowMs()
      if (delayMs === undefined || request.method !== 'GET') {
        return begin(request, scope).head
      }
      const first = begin(request, scope)
      const settled = await within(Promise.allSettled([first.head]), delayMs, clock)
      if (settled !== undefined) return first.head
      const tried = new Set(request.avoid)
      if (first.address !== undefined) tried.add(first.address)
      if (!inner.hasOther(tried) || !budget.take()) return first.head
      scope.record({ kind: 'hedged' })
      return better(first, begin({ ...request, avoid: tried }, scope))
    },
  }
}

/** The first that is no failure; if both fail, what the first of them said. */
async function better(first: Attempt, second: Attempt): Promise<UpstreamResponse> {
  const good = (attempt: Attempt, other: Attempt) =>
    attempt.head.then((response) => {
      if (isFailedStatus(response.status)) throw new Error('It failed')
      other.drop()
      return response
    })
  try {
    return await Promise.any([good(first, second), good(second, first)])
  } catch {
    second.drop()
    return first.head
  }
}
