import type { Clock } from '../ports/clock.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { Upstream } from '../ports/upstream.ts'
import { Cancelled, UpstreamError } from '../ports/upstream.ts'

export interface LimitOptions {
  readonly clock: Clock
  /** Transfers at once, counted until their bodies have ended. */
  readonly maxConcurrentCount: number
  /** Requests that may wait for a place. */
  readonly maxQueueCount: number
  /** How long one may wait, within its own deadline. */
  readonly maxWaitMs: number
}

interface Waiting {
  grant(): void
}

/**
 * Bounds the transfers of one address. What finds no place is refused with `connection_limit_reached`,
 * which is our own doing and no failure of the origin.
 */
export function withLimit(inner: Upstream, options: LimitOptions): Upstream {
  const { clock, maxConcurrentCount, maxQueueCount, maxWaitMs } = options
  const queue = new Set<Waiting>()
  let runningCount = 0

  async function enter(scope: RequestScope): Promise<void> {
    if (runningCount < maxConcurrentCount) {
      runningCount++
      return
    }
    if (queue.size >= maxQueueCount) throw full(scope, 'queue')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { grant: resolve }
    queue.add(waiting)
    const waitMs = Math.min(maxWaitMs, scope.deadlineAtMs - clock.monotonicMs())
    const stop = clock.after(waitMs, () => reject(full(scope, 'wait')))
    const onAbort = () => reject(new Cancelled('Nobody waits any more'))
    scope.signal.addEventListener('abort', onAbort)
    try {
      await promise
    } finally {
      queue.delete(waiting)
      scope.signal.removeEventListener('abort', onAbort)
      stop()
    }
  }

  /** The place goes straight to who waits longest, so that nobody slips in between. */
  function leave(): void {
    for (const waiting of queue) {
      queue.delete(waiting)
      waiting.grant()
      return
    }
    runningCount--
  }

  return {
    async fetch(request, scope) {
      await enter(scope)
      try {
        const response = await inner.fetch(request, scope)
        void response.settled.then(leave)
        return response
      } catch (error) {
        leave()
        throw error
      }
    },
  }
}

function full(scope: RequestScope, name: string): UpstreamError {
  scope.record({ kind: 'limit', name: `origin ${name}` })
  const message = `Cannot reach origin: its limit of concurrent requests is reached (${name})`
  return new UpstreamError('connection_limit_reached', message, {
    retryable: false,
    retryAfterMs: 1000,
  })
}
