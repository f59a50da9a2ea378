// A run: one origin transfer of consecutive segments of a body, resumed when it breaks.

import type { ByteSource, Maybe } from '../entry/byte-source.ts'
import { isPromise, sliceSource } from '../entry/byte-source.ts'
import { segmentIndexOf } from '../entry/segment.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError, toUpstreamError } from '../ports/upstream.ts'
import type { BodyFill } from './body-fill.ts'
import { fetchPart, judgeContinuation, protocolError } from './body-origin.ts'

export class Run {
  /** Aligned to segments, as is `endByte` unless the body ends there. */
  startByte: number
  /** `Infinity` while the complete length is unknown. */
  endByte: number
  /** The next byte to come. */
  atByte: number
  /** Whether it is one of several at once: readers can do without it. */
  readonly isExtra: boolean
  readonly #fill: BodyFill
  #buffer: Uint8Array | undefined
  #bufferStartByte = 0
  #noProgressCount = 0
  /** Whether what broke off last had brought nothing new: to ask again for it is a second attempt. */
  #isRetry = false
  /** Where the transfer under way will end by its own word; beyond `endByte` where the run was shortened. */
  #announcedEndByte = 0
  #firstByteAtMs: number | undefined
  #receivedBytes = 0
  /** Where it broke off: other addresses are tried first. */
  readonly #avoid = new Set<string>()

  constructor(fill: BodyFill, { startByte, endByte }: ByteSpan, isExtra = false) {
    this.#fill = fill
    this.startByte = startByte
    this.atByte = startByte
    this.endByte = endByte
    this.isExtra = isExtra
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

  /** Ends it earlier: others bring what follows. */
  shorten(endByte: number): void {
    this.endByte = Math.min(this.endByte, endByte)
  }

  /** Of what has come, once enough has to tell; else `undefined`. */
  bytesPerSecond(): number | undefined {
    if (this.#firstByteAtMs === undefined || this.#fill.isBusy()) return undefined
    const elapsedMs = this.#fill.clock.monotonicMs() - this.#firstByteAtMs
    return elapsedMs < MIN_MEASURED_MS ? undefined : (this.#receivedBytes / elapsedMs) * 1000
  }

  /** How long the byte will take to come, at the rate so far; as long as nothing is known, at a slow one. */
  expectedMs(byte: number): number {
    const { head, settings } = this.#fill
    const distanceBytes = byte - this.atByte
    if (distanceBytes <= head.segmentBytes) return 0
    const rate = this.bytesPerSecond() ?? settings.spread.slowBytesPerSecond
    return (distanceBytes / Math.max(1, rate)) * 1000
  }

  /** Runs to its end, whatever that is; never rejects. */
  async drive(adopted: Maybe<UpstreamResponse> | undefined): Promise<void> {
    let begun = adopted
    for (;;) {
      const beganAtByte = this.atByte
      let response: UpstreamResponse | undefined
      try {
        this.#announcedEndByte = this.endByte
        response = isPromise(begun) ? await begun : (begun ?? (await this.#fetch()))
        await this.#pump(response.body)
        this.#fill.runEnded(this, undefined)
        return
      } catch (thrown) {
        response?.body.cancel(thrown)
        // All that was announced has come: what breaks behind it is not its own.
        const isWhole = this.atByte >= this.endByte && this.#fill.gone === undefined
        const error = isWhole ? undefined : toUpstreamError(thrown)
        if (error === undefined || !this.#mayResume(error, beganAtByte, response !== undefined)) {
          this.#fill.runEnded(this, error)
          return
        }
        const address = response?.from.address ?? error.address
        if (address !== undefined) this.#avoid.add(address)
        begun = undefined
        await this.#pause(error)
        this.#fill.scope.record({ kind: 'resumed', atByte: this.atByte })
      }
    }
  }

  /** Gives back what it holds; called once it has ended. */
  release(): void {
    this.#setBuffer(undefined)
  }

  #mayResume(error: UpstreamError, beganAtByte: number, hadResponse: boolean): boolean {
    const hasProgress = this.atByte - beganAtByte >= this.#fill.head.segmentBytes
    this.#isRetry = this.atByte === beganAtByte
    this.#noProgressCount = hasProgress ? 1 : this.#noProgressCount + 1
    const { settings, head, gone, ranges } = this.#fill
    // A first request that failed was retried below, where the other addresses are known. Who has nothing yet can
    // be told; for a download under way, which would break, it is sent once more.
    const isBegun = hadResponse || this.atByte > this.startByte
    const isBroken = isBegun || (!this.isExtra && this.#fill.hasBegunReader(this))
    const maxCount = isBegun ? settings.maxResumeCount : Math.min(1, settings.maxResumeCount)
    // Without ranges all that has come comes again.
    const isCheap = ranges !== 'ignored' || this.atByte <= settings.maxWaitBytes
    return (
      isBroken &&
      isCheap &&
      head.joinable &&
      gone === undefined &&
      error.retryable &&
      this.#noProgressCount <= maxCount
    )
  }

  /** Full jitter, so that many broken transfers do not come back as one. */
  async #pause({ retryAfterMs = 0 }: UpstreamError): Promise<void> {
    const { clock, random, settings } = this.#fill
    const jitteredMs = random() * settings.resumeDelayMs * 2 ** (this.#noProgressCount - 1)
    // A breaker that opened meanwhile says when it may be tried; readers wait that long for the rest of a download.
    const delayMs = Math.max(jitteredMs, Math.min(retryAfterMs, MAX_PATIENCE_MS))
    await new Promise<void>((resolve) => clock.after(delayMs, resolve))
  }

  /** The bytes of this version that are wanted, and no others. */
  async #fetch(): Promise<UpstreamResponse> {
    const fill = this.#fill
    const { head, origin, scope, clock } = fill
    const span = { startByte: this.atByte, endByte: this.endByte }
    const asked = fill.ranges === 'ignored' ? undefined : span
    const response = await fetchPart(
      origin,
      { head, span: asked, avoid: this.#avoid, isRetry: this.#isRetry, asksAgain: true },
      scope,
    )
    try {
      switch (judgeContinuation(head, response, span, clock.nowMs())) {
        case 'gone':
          throw fill.versionChanged()
        case 'whole':
          return this.#takeWhole(response)
        case 'part':
          fill.ranges = 'taken'
          fill.heed(response)
          return response
      }
    } catch (error) {
      response.body.cancel(error)
      throw error
    }
  }

  /** The origin ignores ranges. The whole body passes, and what is missing of it is kept. */
  #takeWhole(response: UpstreamResponse): UpstreamResponse {
    const fill = this.#fill
    const { completeLength, settings } = fill
    fill.rangesAreIgnored()
    if (this.isExtra) throw protocolError('Cannot take a part: the origin sends the whole')
    if (completeLength === undefined) throw protocolError('Cannot continue body of unknown length')
    fill.heed(response)
    this.endByte = completeLength
    this.#announcedEndByte = completeLength
    if (this.#buffer !== undefined) {
      if (this.atByte > settings.maxWaitBytes) {
        throw protocolError('Cannot continue body: the origin would send all of it again')
      }
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
      this.#firstByteAtMs ??= this.#fill.clock.monotonicMs()
      this.#receivedBytes += chunk.byteLength
      if (this.atByte + chunk.byteLength > this.#announcedEndByte) {
        const message = `Cannot take body: more than the ${this.#announcedEndByte} bytes announced`
        throw protocolError(message)
      }
      // Up to each segment's edge, as there the run may have to wait, or to end.
      while (chunk.byteLength > 0) {
        const takenBytes = this.#take(chunk)
        this.#fill.bytesCame(this, takenBytes)
        chunk = chunk.subarray(takenBytes)
        if (this.#buffer !== undefined || this.atByte >= this.#announcedEndByte) continue
        const pace = this.atByte >= this.endByte ? 'end' : this.#fill.pace(this)
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
    const buffer = this.#buffer ?? this.#newBuffer()
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
    const buffer = new Uint8Array(Math.min(segmentBytes, restBytes))
    this.#setBuffer(buffer)
    return buffer
  }

  #setBuffer(buffer: Uint8Array | undefined): void {
    const { budget } = this.#fill
    budget.fillingBytes += (buffer?.byteLength ?? 0) - (this.#buffer?.byteLength ?? 0)
    this.#buffer = buffer
  }

  #finishSegment(bytes: Uint8Array): void {
    const index = segmentIndexOf(this.#bufferStartByte, this.#fill.head.segmentBytes)
    this.#setBuffer(undefined)
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

/** What an address may ask for before it is asked for the rest. */
const MAX_PATIENCE_MS = 2000
/** The first bytes come at any rate. */
const MIN_MEASURED_MS = 250
