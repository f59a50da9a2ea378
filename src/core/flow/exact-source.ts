import type { ByteSource } from '../entry/byte-source.ts'
import { sliceSource } from '../entry/byte-source.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import { disown, fetchPart, judgeContinuation, otherVersion } from './body-origin.ts'
import type { Exchange } from './exchange.ts'
import { originOf } from './exchange.ts'

/** Bytes of a stored version that are fetched as they are asked for, passed on, and not kept. */
export class ExactSource implements ByteSource {
  readonly #x: Exchange
  readonly #head: StoredResponse
  readonly #span: ByteSpan
  #body: ByteSource | undefined
  #atByte: number
  #isOver = false

  constructor(x: Exchange, head: StoredResponse, span: ByteSpan) {
    this.#x = x
    this.#head = head
    this.#span = span
    this.#atByte = span.startByte
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#isOver) return undefined
    const body = (this.#body ??= await this.#fetch())
    if (this.#isOver) {
      body.cancel('nobody reads it')
      return undefined
    }
    const bytes = await body.read()
    if (bytes === undefined) {
      if (this.#atByte < this.#span.endByte) throw incomplete(this.#atByte, this.#span.endByte)
      return undefined
    }
    this.#atByte += bytes.byteLength
    this.#x.scope.record({ kind: 'origin-bytes', bytes: bytes.byteLength })
    if (this.#atByte > this.#span.endByte) throw incomplete(this.#atByte, this.#span.endByte)
    return bytes
  }

  cancel(why: unknown): void {
    this.#isOver = true
    this.#body?.cancel(why)
  }

  async #fetch(): Promise<ByteSource> {
    const head = this.#head
    const request = {
      head,
      span: this.#span,
      avoid: new Set<string>(),
      isRetry: false,
      asksAgain: false,
    }
    const response = await fetchPart(originOf(this.#x, head), request, this.#x.scope)
    try {
      return this.#bytesOf(response)
    } catch (error) {
      response.body.cancel(error)
      throw error
    }
  }

  #bytesOf(response: UpstreamResponse): ByteSource {
    const { core, scope } = this.#x
    const { startByte, endByte } = this.#span
    switch (judgeContinuation(this.#head, response, this.#span, core.clock.nowMs())) {
      case 'part':
        return response.body
      case 'whole':
        return sliceSource(response.body, startByte, endByte)
      case 'gone':
        scope.background(disown(core.store, this.#head))
        throw otherVersion()
    }
  }
}

function incomplete(atByte: number, endByte: number): UpstreamError {
  const message = `Cannot complete part: it ended at byte ${atByte} of ${endByte}`
  return new UpstreamError('http_response_incomplete', message, { retryable: false })
}
