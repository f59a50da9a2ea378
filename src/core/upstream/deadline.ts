import { isPromise } from '../entry/byte-source.ts'
import type { ByteSource } from '../entry/byte-source.ts'
import { has } from '../entry/fields.ts'
import type { Clock } from '../ports/clock.ts'
import type { Upstream, UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import { linkedController, withSignal } from './scope-signal.ts'

export interface DeadlineOptions {
  readonly clock: Clock
  /** From the request to the response head. */
  readonly firstByteMs: number
  /** Between bytes of the body that somebody waits for. */
  readonly idleMs: number
  /** Of a body whose length is known, as long as somebody waits for it; 0: any. */
  readonly minBytesPerSecond: number
  /** How long it may be slower than that. */
  readonly slowMs: number
}

/**
 * Ends what takes too long: the head as `http_response_timeout`, the body as `connection_read_timeout`.
 * Time runs only while a read is waiting, so a reader's own pauses count for nothing. What comes drop by drop without an
 * announced end may be meant so.
 */
export function withDeadline(inner: Upstream, options: DeadlineOptions): Upstream {
  const { clock, firstByteMs } = options
  return {
    async fetch(request, scope) {
      const limitMs = Math.min(firstByteMs, scope.deadlineAtMs - clock.monotonicMs())
      const abort = linkedController(scope)
      let timeout: UpstreamError | undefined
      const stop = clock.after(limitMs, () => {
        timeout = noResponse(limitMs)
        abort.abort(timeout)
      })
      try {
        const response = await inner.fetch(request, withSignal(scope, abort.signal))
        return { ...response, body: withPatience(response, options) }
      } catch (error) {
        throw timeout ?? error
      } finally {
        abort.free()
        stop()
      }
    },
  }
}

function noResponse(limitMs: number): UpstreamError {
  const message = `Cannot get a response: none came within ${Math.round(limitMs)} ms`
  return new UpstreamError('http_response_timeout', message, { retryable: true })
}

function withPatience(response: UpstreamResponse, options: DeadlineOptions): ByteSource {
  const { body, fields } = response
  const { clock, idleMs, minBytesPerSecond, slowMs } = options
  const leastBytesPerMs = has(fields, 'content-length') ? minBytesPerSecond / 1000 : 0
  let waitedMs = 0
  let cameBytes = 0

  async function awaited(read: Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
    const beganAtMs = clock.monotonicMs()
    const { promise, reject } = Promise.withResolvers<never>()
    const stop = clock.after(idleMs, () => {
      const error = tooSlow(`nothing came for ${idleMs} ms`)
      // First: cancelling may end the read that waits, and that must not look like the body's end.
      reject(error)
      body.cancel(error)
    })
    try {
      return counted(await Promise.race([read, promise]), clock.monotonicMs() - beganAtMs)
    } finally {
      stop()
    }
  }

  function counted(chunk: Uint8Array | undefined, ms: number): Uint8Array | undefined {
    waitedMs += ms
    cameBytes += chunk?.byteLength ?? 0
    if (waitedMs < slowMs) return chunk
    if (cameBytes < leastBytesPerMs * waitedMs && chunk !== undefined) {
      const error = tooSlow(`${cameBytes} bytes came in ${Math.round(waitedMs)} ms`)
      body.cancel(error)
      throw error
    }
    waitedMs = 0
    cameBytes = 0
    return chunk
  }

  return {
    read() {
      const read = body.read()
      return isPromise(read) ? awaited(read) : counted(read, 0)
    },
    cancel: (why) => body.cancel(why),
  }
}

function tooSlow(what: string): UpstreamError {
  const message = `Cannot read body: ${what}`
  return new UpstreamError('connection_read_timeout', message, { retryable: true })
}
