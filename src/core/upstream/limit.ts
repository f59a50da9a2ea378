import type { Clock } from '../ports/clock.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { Upstream } from '../ports/upstream.ts'
import { Cancelled, UpstreamError } from '../ports/upstream.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'

export interface LimitOptions {
  readonly clock: Clock
  /** Transfers at once, counted until their bodies have ended. */
  readonly maxConcurrentCount: number
  /** However slow the answers, so many there may be. */
  readonly minConcurrentCount: number
  /** Requests that may wait for a place. */
  readonly maxQueueCount: number
  /** How long one may wait, within its own deadline. */
  readonly maxWaitMs: number
  /** How many there may be now, of as many as there might. */
  concurrency(maxCount: number): number
}

export interface LimitStatus {
  readonly limitCount: number
  readonly runningCount: number
  readonly queueCount: number
}

export interface LimitedUpstream extends Upstream {
  status(): LimitStatus
}

/** With places that come with time, nobody has to leave for the next to enter. */
const LOOK_AGAIN_MS = 100

/**
 * Bounds the transfers of one address, and fewer while its answers are slow. What finds no place is refused with
 * `connection_limit_reached`, which is our own doing and no failure of the origin.
 */
export function withLimit(inner: Upstream, options: LimitOptions): LimitedUpstream {
  const { clock, maxConcurrentCount, minConcurrentCount, maxQueueCount, maxWaitMs } = options
  const adaptive = new AdaptiveLimit({
    minCount: minConcurrentCount,
    maxCount: maxConcurrentCount,
  })
  /** Who waits longest first. */
  const queue = new Set<() => void>()
  let runningCount = 0
  let stopLooking: (() => void) | undefined

  const limitCount = () => options.concurrency(adaptive.count)

  /** Places go straight to who waits longest, so that nobody slips in between. */
  function letIn(): void {
    for (const grant of queue) {
      if (runningCount >= limitCount()) break
      queue.delete(grant)
      runningCount++
      grant()
    }
    stopLooking?.()
    stopLooking = queue.size === 0 ? undefined : clock.after(LOOK_AGAIN_MS, letIn)
  }

  async function enter(scope: RequestScope, mayWait: boolean): Promise<void> {
    if (queue.size === 0 && runningCount < limitCount()) {
      runningCount++
      return
    }
    if (!mayWait || queue.size >= maxQueueCount) throw full(scope, 'queue')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    queue.add(resolve)
    letIn()
    const waitMs = Math.min(maxWaitMs, scope.deadlineAtMs - clock.monotonicMs())
    // At once out of the queue: a place that is given to who has left is lost.
    const refuse = (error: Error) => {
      queue.delete(resolve)
      reject(error)
    }
    const stop = clock.after(waitMs, () => refuse(full(scope, 'wait')))
    const onAbort = () => refuse(new Cancelled('Nobody waits any more'))
    scope.signal.addEventListener('abort', onAbort)
    try {
      await promise
    } finally {
      scope.signal.removeEventListener('abort', onAbort)
      stop()
    }
  }

  function leave(): void {
    runningCount--
    letIn()
  }

  return {
    status: () => ({ limitCount: limitCount(), runningCount, queueCount: queue.size }),
    async fetch(request, scope) {
      await enter(scope, request.hasFallback !== true)
      const sentAtMs = clock.monotonicMs()
      const atOnceCount = runningCount
      try {
        const response = await inner.fetch(request, scope)
        adaptive.answered(clock.monotonicMs() - sentAtMs, atOnceCount)
        void response.settled.then(leave)
        return response
      } catch (error) {
        if (isLate(error)) adaptive.late()
        leave()
        throw error
      }
    },
  }
}

function isLate(error: unknown): boolean {
  return error instanceof UpstreamError && error.kind === 'http_response_timeout'
}

function full(scope: RequestScope, name: string): UpstreamError {
  scope.record({ kind: 'limit', name: `origin ${name}` })
  const message = `Cannot reach origin: its limit of concurrent requests is reached (${name})`
  return new UpstreamError('connection_limit_reached', message, {
    retryable: false,
    retryAfterMs: 1000,
  })
}
