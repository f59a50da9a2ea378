// Asks an address from time to time whether it is well, so that nobody has to find out by failing.

import { NO_FIELDS } from '../entry/fields.ts'
import type { CacheKey } from '../entry/cache-key.ts'
import type { Clock } from '../ports/clock.ts'
import type { FlowEvent, RequestScope } from '../ports/request-scope.ts'
import type { Upstream } from '../ports/upstream.ts'
import { Cancelled } from '../ports/upstream.ts'

export interface HealthOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly address: string
  /** Behind its breaker: where that is open, a check is the request that may try whether it is back. */
  readonly upstream: Upstream
  /** Origin-form. */
  readonly target: string
  readonly statuses: ReadonlySet<number>
  readonly intervalMs: number
  /** The deadline of a check, which its upstream keeps. */
  readonly timeoutMs: number
  record(event: FlowEvent): void
}

export interface Health {
  /** Well until it has failed twice in a row. */
  readonly isWell: boolean
  /** What the last check saw: a status, an error, or nothing yet. */
  readonly lastResult: string
  stop(): void
}

const MAX_FAILURE_COUNT = 2
const KEY = '' as CacheKey

export function startHealth(options: HealthOptions): Health {
  const { clock, random, address, statuses, intervalMs, record } = options
  let failureCount = 0
  let lastResult = 'not checked yet'
  const stopping = new AbortController()
  let cancel = clock.after(random() * intervalMs, begin)

  function begin(): void {
    void check(options, stopping.signal).then((result) => {
      if (stopping.signal.aborted) return
      tell(result)
      // Not all nodes at the same moment.
      cancel = clock.after(intervalMs * (0.75 + random() / 2), begin)
    })
  }

  function tell(result: number | string): void {
    const wasWell = failureCount < MAX_FAILURE_COUNT
    lastResult = String(result)
    failureCount = typeof result === 'number' && statuses.has(result) ? 0 : failureCount + 1
    const isWell = failureCount < MAX_FAILURE_COUNT
    if (isWell !== wasWell) record({ kind: 'health', address, isWell, result: lastResult })
  }

  return {
    get isWell() {
      return failureCount < MAX_FAILURE_COUNT
    },
    get lastResult() {
      return lastResult
    },
    stop() {
      cancel()
      stopping.abort(new Cancelled('No more checks'))
    },
  }
}

/** @returns The status, or what went wrong. */
async function check(options: HealthOptions, signal: AbortSignal): Promise<number | string> {
  const { upstream, target } = options
  const request = {
    method: 'GET',
    target,
    fields: NO_FIELDS,
    authority: undefined,
    key: KEY,
    body: undefined,
    hasFallback: true,
  }
  try {
    const response = await upstream.fetch(request, scopeOf(options, signal))
    response.body.cancel('it was asked for its status alone')
    return response.status
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function scopeOf({ clock, timeoutMs, record }: HealthOptions, signal: AbortSignal): RequestScope {
  return {
    id: 'health',
    trace: undefined,
    deadlineAtMs: clock.monotonicMs() + timeoutMs,
    signal,
    record,
    background: (task) => void task.catch(() => undefined),
  }
}
