// One exchange with an origin as undici tells of it, turned into a source that is pulled.

import type { Dispatcher } from 'undici'

import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Fields } from '#core/entry/fields.ts'
import { admitFields, all, endToEnd, without } from '#core/entry/fields.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import type { Outcome, UpstreamRequest, UpstreamResponse } from '#core/ports/upstream.ts'
import { Cancelled, UpstreamError } from '#core/ports/upstream.ts'
import { abortReason, isDelimited, protocolError } from '#core/ports/upstream-response.ts'
import { versionTold } from './response-filter.ts'
import { toUpstreamFailure } from './undici-error.ts'

/** Limits on what an origin may send before its body. */
export interface ResponseLimits {
  readonly maxFieldCount: number
  readonly maxInterimCount: number
}

export interface ExchangeOptions {
  readonly request: UpstreamRequest
  readonly scope: RequestScope
  readonly clock: Clock
  readonly address: string
  readonly limits: ResponseLimits
  /** Whether the connection of this error had answered before. */
  wasReused(error: unknown): boolean
  /** The error with which a connection is ending at this moment. */
  endingError(): Error | undefined
}

const CODINGS: ReadonlySet<string> = new Set(['transfer-encoding'])

type Reading = PromiseWithResolvers<Uint8Array | undefined>

/** What one turn may take from a socket, so that one fill does not keep the loop from the others. */
const TURN_BYTES = 64 * 1024

export class UndiciExchange implements Dispatcher.DispatchHandler, ByteSource {
  readonly head: Promise<UpstreamResponse>
  readonly #options: ExchangeOptions
  readonly #sentAtMs: number
  readonly #beganAtMs: number
  readonly #head = Promise.withResolvers<UpstreamResponse>()
  readonly #settled = Promise.withResolvers<Outcome>()
  readonly #onAbort: () => void
  #controller: Dispatcher.DispatchController | undefined
  #hadHead = false
  #isDelimited = true
  #interimCount = 0
  #chunks: Uint8Array[] = []
  #queuedBytes = 0
  #reading: Reading | undefined
  #end: Outcome | undefined

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.head = this.#head.promise
    this.#sentAtMs = options.clock.nowMs()
    this.#beganAtMs = options.clock.monotonicMs()
    this.#onAbort = () => this.#abort(abortReason(options.scope.signal))
    options.scope.signal.addEventListener('abort', this.#onAbort)
  }

  // What undici calls.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#options.scope.signal.aborted) this.#onAbort()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const lines = this.#fieldsOf(controller.rawHeaders)
    if (status < 200) return this.#interim(status, lines)
    const fields = this.#framedFields(status, lines)
    this.#hadHead = true
    const { scope, clock, address, request } = this.#options
    this.#isDelimited = isDelimited(request.method, status, fields)
    scope.signal.removeEventListener('abort', this.#onAbort)
    const durationMs = clock.monotonicMs() - this.#beganAtMs
    scope.record({ kind: 'fetch', address, status, durationMs })
    this.#head.resolve({
      status,
      fields,
      sentAtMs: this.#sentAtMs,
      receivedAtMs: clock.nowMs(),
      from: { kind: 'origin', address },
      isDelimited: this.#isDelimited,
      body: this,
      settled: this.#settled.promise,
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (chunk.byteLength === 0 || this.#end !== undefined) return
    const reading = this.#reading
    if (reading !== undefined) {
      this.#reading = undefined
      reading.resolve(chunk)
    } else {
      this.#chunks.push(chunk)
      this.#queuedBytes += chunk.byteLength
    }
    if (this.#queuedBytes + chunk.byteLength >= TURN_BYTES) controller.pause()
  }

  onResponseEnd(): void {
    // undici takes a reset for the end of what only the end of the connection ends.
    const error = this.#isDelimited ? undefined : this.#options.endingError()
    if (error === undefined) this.#finish({ kind: 'complete' })
    else this.onResponseError(undefined, error)
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    const { address, wasReused, scope, clock } = this.#options
    const failure = toUpstreamFailure(error, {
      address,
      hadHead: this.#hadHead,
      wasReused: wasReused(error),
    })
    if (!this.#hadHead) {
      scope.signal.removeEventListener('abort', this.#onAbort)
      if (failure instanceof UpstreamError) {
        const durationMs = clock.monotonicMs() - this.#beganAtMs
        scope.record({ kind: 'fetch-failed', error: failure.kind, durationMs })
      }
      this.#head.reject(failure)
    }
    this.#finish(
      failure instanceof Cancelled ? { kind: 'cancelled' } : { kind: 'broken', error: failure },
    )
  }

  // What the reader calls.

  read(): Promise<Uint8Array | undefined> | Uint8Array | undefined {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.byteLength
      return chunk
    }
    if (this.#end?.kind === 'broken') throw this.#end.error
    if (this.#end !== undefined) return undefined
    this.#reading ??= Promise.withResolvers()
    // In a later turn: between two reads of one socket the others get theirs.
    if (this.#controller?.paused === true) setImmediate(() => this.#resume())
    return this.#reading.promise
  }

  cancel(why: unknown): void {
    if (this.#end !== undefined) {
      this.#chunks = []
      return
    }
    this.#finish({ kind: 'cancelled' })
    this.#abort(why instanceof Cancelled ? why : new Cancelled('Nobody reads any more'))
  }

  #resume(): void {
    if (this.#end === undefined && this.#controller?.aborted !== true) this.#controller?.resume()
  }

  #abort(reason: Error): void {
    this.#controller?.abort(reason)
  }

  #finish(outcome: Outcome): void {
    if (this.#end !== undefined) return
    this.#end = outcome
    if (outcome.kind === 'cancelled') this.#chunks = []
    const reading = this.#reading
    this.#reading = undefined
    if (outcome.kind === 'broken') reading?.reject(outcome.error)
    else reading?.resolve(undefined)
    this.#settled.resolve(outcome)
  }

  #interim(status: number, fields: Fields): void {
    const { scope, limits } = this.#options
    if (status === 101) throw protocolError('101 was not asked for')
    if (++this.#interimCount > limits.maxInterimCount) {
      throw protocolError('too many interim responses')
    }
    // 100 answers an expectation of ours; the others are for who asked (RFC 9110 §15.2).
    if (status !== 100) scope.onInterim?.(status, endToEnd(fields))
  }

  #fieldsOf(raw: unknown): Fields {
    const { scope, limits } = this.#options
    if (!Array.isArray(raw)) throw protocolError('no raw fields')
    if (raw.length / 2 > limits.maxFieldCount) {
      const message = 'Cannot take response: too many fields'
      throw new UpstreamError('http_response_header_section_size', message, { retryable: false })
    }
    const lines = raw.map((part: unknown) =>
      part instanceof Uint8Array ? Buffer.from(part).toString('latin1') : String(part),
    )
    return admitFields(lines, (name) => scope.record({ kind: 'field-dropped', name }))
  }

  /** Refuses what a parser lets by and a cache must not (RFC 9112 §6.1). */
  #framedFields(status: number, fields: Fields): Fields {
    if (status > 599) throw protocolError(`status ${status}`)
    const version = versionTold()
    if (version !== '1.1' && version !== '1.0') throw protocolError(`version ${version}`)
    const codings = all(fields, 'transfer-encoding')
    const isChunked = codings.length === 1 && codings[0]?.toLowerCase() === 'chunked'
    // The faulty framing of a message of HTTP/1.0, which knows no codings (RFC 9112 §6.1).
    if (codings.length > 0 && version === '1.0') throw protocolError('transfer coding in HTTP/1.0')
    const isUnknown = codings.length > 0 && !isChunked
    if (isUnknown && this.#options.request.takesUnknownCodings !== true) {
      throw protocolError('unknown transfer coding')
    }
    const [contentLength, ...others] = all(fields, 'content-length')
    if (others.length > 0) throw protocolError('several lengths')
    if (contentLength !== undefined) {
      if (codings.length > 0) throw protocolError('two framings')
      if (!/^[0-9]+$/.test(contentLength) || !Number.isSafeInteger(Number(contentLength))) {
        throw protocolError('impossible length')
      }
    }
    return isUnknown ? without(fields, CODINGS) : fields
  }
}
