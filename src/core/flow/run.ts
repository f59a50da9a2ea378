// A run: one origin transfer of consecutive segments of a body, resumed when it breaks.

import type { Maybe } from '../entry/byte-source.ts'
import { isPromise, sliceSource } from '../entry/byte-source.ts'
import { first } from '../entry/fields.ts'
import { segmentIndexOf } from '../entry/segment.ts'
import type { ByteSource } from '../entry/byte-source.ts'
import { formatRange } from '../http/byte-range.ts'
import { checkPartial, isSameVersion } from '../policy/partial.ts'
import { isFailedStatus } from '../policy/stale-on-error.ts'
import { sameVersionFields } from '../policy/validation.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError, toUpstreamError } from '../ports/upstream.ts'
import type { BodyFill } from './body-fill.ts'

export class Run {
  /** Aligned to segments, as is `endByte` unless the body ends there. */
  startByte: number
  /** `Infinity` while the complete length is unknown. */
  endByte: number
  /** The next byte to come. */
  atByte: number
  readonly #fill: BodyFill
  #buffer: Uint8Array | undefined
  #bufferStartByte = 0
  #noProgressCount = 0
  /** Where it broke off: other addresses are tried first. */
  readonly #avoid = new Set<string>()

  constructor(fill: BodyFill, startByte: number, endByte: number) {
    this.#fill = fill
    this.startByte = startByte
    this.atByte = startByte
    this.endByte = endByte
  }

  /** What has arrived of the segment that is being received. */
  view(fromByte: number, toByte: number): Uint8Array | undefined {
    if (this.#buffer === undefined) return undefined
    if (fromByte < this.#bufferStartByte || fromByte >= this.atByte) return undefined
    return this.#buffer.subarray(
      fromByte - this.#bufferStartByte,
      Math.min(toByte, this.atByte) - this.#bufferStartByte,
    )
  }

  /** Whether the byte is still to come, so that waiting for it makes sense. */
  isComing(byte: number): boolean {
    return byte >= this.atByte && byte < this.endByte
  }

  /** Whether the byte is of this run, come or to come. */
  holds(byte: number): boolean {
    return byte >= this.startByte && byte < this.endByte
  }

  /** Runs to its end, whatever that is; never rejects. */
  async drive(adopted: Maybe<UpstreamResponse> | undefined): Promise<void> {
    let begun = adopted
    for (;;) {
      const beganAtByte = this.atByte
      let response: UpstreamResponse | undefined
      try {
        response = isPromise(begun) ? await begun : (begun ?? (await this.#fetch()))
        await this.#pump(response.body)
        this.#fill.runEnded(this, undefined)
        return
      } catch (thrown) {
        response?.body.cancel(thrown)
        const error = toUpstreamError(thrown)
        if (!this.#mayResume(error, beganAtByte, response !== undefined)) {
          this.#fill.runEnded(this, error)
          return
        }
        const address = response?.from.address ?? error.address
        if (address !== undefined) this.#avoid.add(address)
        begun = undefined
        await this.#pause()
        this.#fill.scope.record({ kind: 'resumed', atByte: this.atByte })
      }
    }
  }

  #mayResume(error: UpstreamError, beganAtByte: number, hadResponse: boolean): boolean {
    const hasProgress = this.atByte - beganAtByte >= this.#fill.head.segmentBytes
    this.#noProgressCount = hasProgress ? 1 : this.#noProgressCount + 1
    const { settings, mayResume, gone } = this.#fill
    // A first request that failed was retried below, where the other addresses are known.
    const isBroken = hadResponse || this.atByte > this.startByte
    return (
      isBroken &&
      mayResume &&
      gone === undefined &&
      error.retryable &&
      this.#noProgressCount <= settings.maxResumeCount
    )
  }

  /** Full jitter, so that many broken transfers do not come back as one. */
  async #pause(): Promise<void> {
    const { clock, random, settings } = this.#fill
    const delayMs = random() * settings.resumeDelayMs * 2 ** (this.#noProgressCount - 1)
    await new Promise<void>((resolve) => clock.after(delayMs, resolve))
  }

  async #fetch(): Promise<UpstreamResponse> {
    const { head, origin, scope } = this.#fill
    const response = await origin.upstream.fetch(
      {
        method: 'GET',
        target: origin.target,
        authority: origin.authority,
        key: head.key,
        body: undefined,
        avoid: this.#avoid,
        fields: [
          ...origin.fields,
          ...sameVersionFields(head),
          'range',
          formatRange(this.atByte, this.endByte),
        ],
      },
      scope,
    )
    try {
      return this.#check(origin.receive(response))
    } catch (error) {
      response.body.cancel(error)
      throw error
    }
  }

  /** Takes only the bytes of this version that were asked for (RFC 9111 §3.4). */
  #check(response: UpstreamResponse): UpstreamResponse {
    const { head, clock } = this.#fill
    const { status, fields } = response
    if (status === 206) {
      const asked = { kind: 'span', startByte: this.atByte, endByte: this.endByte } as const
      const partial = checkPartial(fields, asked)
      if (partial.kind === 'wrong') throw protocolError(`Cannot take 206: ${partial.because}`)
      if (!isSameVersion(head, fields, partial.completeLength, clock.nowMs())) {
        throw this.#fill.versionChanged()
      }
      this.#fill.heed(response)
      return response
    }
    if (status === 200) return this.#checkWhole(response)
    // 412 is our own If-Match; the others say that what we hold is no longer there.
    if (status === 412 || status === 404 || status === 410 || status === 416) {
      throw this.#fill.versionChanged()
    }
    const kind = isFailedStatus(status) ? 'destination_unavailable' : 'http_request_denied'
    throw new UpstreamError(kind, `Cannot continue body: origin answered ${status}`, {
      retryable: isFailedStatus(status),
    })
  }

  /** A 200 to our range: the origin ignores ranges. The whole body passes, and what is missing is kept. */
  #checkWhole(response: UpstreamResponse): UpstreamResponse {
    const { head, clock } = this.#fill
    const contentLength = first(response.fields, 'content-length')
    const completeLength = contentLength === undefined ? undefined : Number(contentLength)
    if (!isSameVersion(head, response.fields, completeLength, clock.nowMs())) {
      throw this.#fill.versionChanged()
    }
    this.#fill.heed(response)
    this.#fill.mayResume = false
    this.endByte = completeLength ?? this.endByte
    if (this.#buffer !== undefined) {
      return { ...response, body: sliceSource(response.body, this.atByte, this.endByte) }
    }
    this.startByte = 0
    this.atByte = 0
    return response
  }

  async #pump(body: ByteSource): Promise<void> {
    for (;;) {
      const read: Maybe<Uint8Array | undefined> = body.read()
      let chunk = isPromise(read) ? await read : read
      if (chunk === undefined) break
      if (this.atByte + chunk.byteLength > this.endByte) {
        throw protocolError(`Cannot take body: more than the ${this.endByte} bytes announced`)
      }
      // Up to each segment's edge, as there the run may have to wait, or to end.
      while (chunk.byteLength > 0) {
        const takenBytes = this.#take(chunk)
        this.#fill.bytesCame(this, takenBytes)
        chunk = chunk.subarray(takenBytes)
        if (this.#buffer !== undefined || this.atByte >= this.endByte) continue
        const pace = this.#fill.pace(this)
        if ((isPromise(pace) ? await pace : pace) === 'end') {
          body.cancel('far enough ahead')
          this.endByte = this.atByte
          return
        }
      }
    }
    this.#end()
  }

  /** Copies what belongs to the current segment. @returns How much that was. */
  #take(chunk: Uint8Array): number {
    const buffer = (this.#buffer ??= this.#newBuffer())
    const atInBuffer = this.atByte - this.#bufferStartByte
    const piece = chunk.subarray(0, buffer.byteLength - atInBuffer)
    buffer.set(piece, atInBuffer)
    this.atByte += piece.byteLength
    if (atInBuffer + piece.byteLength === buffer.byteLength) this.#finishSegment(buffer)
    return piece.byteLength
  }

  /** Exactly as long as the segment, so that a full buffer is a whole segment. */
  #newBuffer(): Uint8Array {
    const { segmentBytes } = this.#fill.head
    this.#bufferStartByte = segmentIndexOf(this.atByte, segmentBytes) * segmentBytes
    const { completeLength } = this.#fill
    const restBytes =
      completeLength === undefined ? segmentBytes : completeLength - this.#bufferStartByte
    return new Uint8Array(Math.min(segmentBytes, restBytes))
  }

  #finishSegment(bytes: Uint8Array): void {
    const index = segmentIndexOf(this.#bufferStartByte, this.#fill.head.segmentBytes)
    this.#buffer = undefined
    this.#fill.segmentCame(index, bytes)
  }

  /** The transfer is over: it has everything, or it broke off. */
  #end(): void {
    if (this.endByte === Number.POSITIVE_INFINITY) {
      const rest = this.#buffer?.slice(0, this.atByte - this.#bufferStartByte)
      this.endByte = this.atByte
      this.#fill.lengthBecameKnown(this.atByte)
      if (rest !== undefined) this.#finishSegment(rest)
      return
    }
    if (this.atByte < this.endByte) {
      const message = `Cannot complete body: it ended at byte ${this.atByte} of ${this.endByte}`
      throw new UpstreamError('http_response_incomplete', message, { retryable: true })
    }
  }
}

function protocolError(message: string): UpstreamError {
  return new UpstreamError('http_protocol_error', message, { retryable: false })
}
