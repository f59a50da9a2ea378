import { isPromise } from '../entry/byte-source.ts'
import type { ByteSource } from '../entry/byte-source.ts'
import type { Clock } from '../ports/clock.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { Upstream, UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'

export interface DeadlineOptions {
  readonly clock: Clock
  /** From the request to the response head. */
  readonly firstByteMs: number
  /** Between bytes of the body that somebody waits for. */
  readonly idleMs: number
}

/**
 * Ends what takes too long: the head as `http_response_timeout`, the body as `connection_read_timeout`.
 * The idle time runs only while a read is waiting, so a reader's own pauses count for nothing.
 */
export function withDeadline(inner: Upstream, options: DeadlineOptions): Upstream {
  const { clock, firstByteMs, idleMs } = options
  return {
    async fetch(request, scope) {
      const limitMs = Math.min(firstByteMs, scope.deadlineAtMs - clock.monotonicMs())
      const abort = new AbortController()
      const onAbort = () => abort.abort(scope.signal.reason)
      if (scope.signal.aborted) onAbort()
      scope.signal.addEventListener('abort', onAbort)
      let timeout: UpstreamError | undefined
      const stop = clock.after(limitMs, () => {
        timeout = noResponse(limitMs)
        abort.abort(timeout)
      })
      try {
        const response = await inner.fetch(request, withSignal(scope, abort.signal))
        return { ...response, body: withIdleLimit(response, clock, idleMs) }
      } catch (error) {
        throw timeout ?? error
      } finally {
        scope.signal.removeEventListener('abort', onAbort)
        stop()
      }
    },
  }
}

function noResponse(limitMs: number): UpstreamError {
  const message = `Cannot get a response: none came within ${Math.round(limitMs)} ms`
  return new UpstreamError('http_response_timeout', message, { retryable: true })
}

/** The scope with another signal in place of its own. */
function withSignal(scope: RequestScope, signal: AbortSignal): RequestScope {
  return {
    id: scope.id,
    trace: scope.trace,
    deadlineAtMs: scope.deadlineAtMs,
    signal,
    record: (event) => scope.record(event),
    background: (task) => scope.background(task),
    onInterim: scope.onInterim,
  }
}

function withIdleLimit(response: UpstreamResponse, clock: Clock, idleMs: number): ByteSource {
  const { body } = response
  return {
    read() {
      const read = body.read()
      return isPromise(read) ? limited(read) : read
    },
    cancel: (why) => body.cancel(why),
  }

  async function limited(read: Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
    const { promise, reject } = Promise.withResolvers<never>()
    const stop = clock.after(idleMs, () => {
      const message = `Cannot read body: nothing came for ${idleMs} ms`
      const error = new UpstreamError('connection_read_timeout', message, { retryable: true })
      // First: cancelling may end the read that waits, and that must not look like the body's end.
      reject(error)
      body.cancel(error)
    })
    try {
      return await Promise.race([read, promise])
    } finally {
      stop()
    }
  }
}
