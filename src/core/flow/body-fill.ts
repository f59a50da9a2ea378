// The fills of one body: its runs, its readers, and what they share.

import type { Maybe } from '../entry/byte-source.ts'
import { isPromise, sliceSource } from '../entry/byte-source.ts'
import type { Fields } from '../entry/fields.ts'
import { segmentIndexOf } from '../entry/segment.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import { disowned } from '../policy/validation.ts'
import type { Clock } from '../ports/clock.ts'
import type { FillScope } from '../ports/request-scope.ts'
import type { Store, WriteTicket } from '../ports/store.ts'
import type { Upstream, UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { FillSettings } from './fill-settings.ts'
import { Retained } from './retained.ts'
import { Run } from './run.ts'

/** How to ask the origin for more of a body. */
export interface BodyOrigin {
  readonly upstream: Upstream
  readonly target: string
  readonly authority: string | undefined
  /** Forwarded fields, without conditions and range. */
  readonly fields: Fields
  /** Whether `fields` have credentials of a client. */
  readonly hasCredentials: boolean
  /** A response as the policies see it. */
  receive(response: UpstreamResponse): UpstreamResponse
  /** Whether a received response forbids to store what it brings. */
  forbidsStoring(received: UpstreamResponse): boolean
  /** Lays the fields of a received part over what is stored. */
  update(head: StoredResponse, ticket: WriteTicket, part: UpstreamResponse): Promise<void>
}

/** A cursor over the body, as its fill sees it. */
export interface Cursor {
  readonly position: number
  /** Exclusive; `Infinity` for the end of a body of unknown length. */
  readonly endByte: number
  /** Ends the reading, visibly. */
  cut(error: UpstreamError): void
}

export interface BodyFillOptions {
  readonly head: StoredResponse
  readonly origin: BodyOrigin
  readonly ticket: WriteTicket
  readonly scope: FillScope
  readonly store: Store
  readonly clock: Clock
  readonly random: () => number
  readonly settings: FillSettings
  /** Whether more of it may be asked for by Range: strong validator, and an origin that takes ranges. */
  readonly mayResume: boolean
  /** How far ahead a run may be now, given what all fills hold. */
  windowBytes(): number
  onClose(): void
}

/** Of one transfer: what is announced may be longer than can be looked at in one turn. */
const MAX_RUN_SEGMENT_COUNT = 1024

interface Waiter {
  readonly byte: number
  resolve(): void
  reject(error: UpstreamError): void
}

export class BodyFill {
  readonly head: StoredResponse
  readonly origin: BodyOrigin
  readonly scope: FillScope
  readonly clock: Clock
  readonly random: () => number
  readonly settings: FillSettings
  completeLength: number | undefined
  mayResume: boolean
  /** Set when the origin has another version: nothing more of this one can come. */
  gone: UpstreamError | undefined
  /** Called once the last byte of a body has come from beginning to end. */
  onComplete: ((completeLength: number) => void) | undefined
  readonly #options: BodyFillOptions
  readonly #retained = new Retained()
  readonly #runs: Run[] = []
  #ticket: WriteTicket
  readonly #cursors = new Set<Cursor>()
  #waiters: Waiter[] = []
  readonly #onMoved = new Set<() => void>()
  readonly #onClosed: (() => void)[] = []
  /** Where a run was ended because it was far ahead. */
  #pausedAtByte: number | undefined
  #isSlow = false
  #mayStore = true

  constructor(options: BodyFillOptions) {
    this.#options = options
    this.#ticket = options.ticket
    this.head = options.head
    this.origin = options.origin
    this.scope = options.scope
    this.clock = options.clock
    this.random = options.random
    this.settings = options.settings
    this.completeLength = options.head.completeLength
    this.mayResume = options.mayResume
  }

  /** The same bytes are good under a newer ticket: what invalidates without dropping keeps the body's id. */
  renew(ticket: WriteTicket): void {
    if (ticket.position <= this.#ticket.position) return
    this.#ticket = ticket
    this.#mayStore = true
  }

  /** Bytes at hand from `fromByte` on, never past `toByte`. */
  view(fromByte: number, toByte: number): Uint8Array | undefined {
    for (const run of this.#runs) {
      const bytes = run.view(fromByte, toByte)
      if (bytes !== undefined) return bytes
    }
    return this.#retained.view(fromByte, toByte, this.head.segmentBytes)
  }

  /** Whether a run will bring the byte. */
  isComing(byte: number): boolean {
    return this.#runs.some((run) => run.isComing(byte))
  }

  /** Whether every byte from here to where a run stands can still be had, for who comes late. */
  canServeFrom(startByte: number): boolean {
    const { segmentBytes, body } = this.head
    const presence = this.#options.store.presence(body)
    const atByte = Math.max(0, ...this.#runs.map((run) => run.atByte))
    const endIndex = segmentIndexOf(atByte, segmentBytes)
    for (let i = segmentIndexOf(startByte, segmentBytes); i < endIndex; i++) {
      if (!this.#retained.has(i) && presence?.has(i) !== true) return false
    }
    return this.#runs.length > 0
  }

  /**
   * Takes a transfer of `[startByte, endByte)` that has begun as a run. The tail that a suffix range gave
   * begins anywhere: what lies before its first whole segment is passed over.
   *
   * @param after Is awaited before the first byte is read; `undefined` reads at once.
   */
  adopt(response: UpstreamResponse, { startByte, endByte }: ByteSpan, after?: Promise<unknown>) {
    this.gone = undefined
    this.#mayStore = true
    const alignedByte = this.firstWholeSegment(startByte)
    const skippedBytes = alignedByte - startByte
    const body =
      skippedBytes === 0
        ? response.body
        : sliceSource(response.body, skippedBytes, endByte - startByte)
    const adopted = { ...response, body }
    this.#begin(new Run(this, alignedByte, endByte), after?.then(() => adopted) ?? adopted)
  }

  /** Where the first segment begins that does not begin before the byte. */
  firstWholeSegment(byte: number): number {
    const { segmentBytes } = this.head
    return Math.ceil(byte / segmentBytes) * segmentBytes
  }

  /** Begins a run that brings `fromByte` and as much of what follows up to `toByte` as is missing. */
  startRun(fromByte: number, toByte: number): void {
    if (this.gone !== undefined) throw this.gone
    if (this.#isPurged()) throw otherVersion()
    const { segmentBytes, joinable } = this.head
    if (!joinable || this.completeLength === undefined) {
      throw new BodyGoneError('Cannot fetch the rest: the body has no strong validator')
    }
    const startByte = segmentIndexOf(fromByte, segmentBytes) * segmentBytes
    const run = new Run(this, startByte, this.#planEnd(startByte, toByte))
    this.#begin(run, undefined)
  }

  /** What there is now may be other bytes under the same validator. */
  #isPurged(): boolean {
    return this.#options.store.ticket(this.head.key).generation !== this.#ticket.generation
  }

  /** To the end of the missing segments; for a reader known to be slow, no further than a window. */
  #planEnd(startByte: number, toByte: number): number {
    const { segmentBytes } = this.head
    const completeLength = this.completeLength ?? Number.POSITIVE_INFINITY
    const windowBytes = this.#isSlow ? this.#options.windowBytes() : Number.POSITIVE_INFINITY
    const limitByte = Math.min(toByte, completeLength, startByte + windowBytes)
    let endByte = startByte + segmentBytes
    for (let count = 1; endByte < limitByte && count < MAX_RUN_SEGMENT_COUNT; count++) {
      if (this.#isHere(endByte) || this.#isUnderWay(endByte)) break
      endByte += segmentBytes
    }
    return Math.min(endByte, completeLength)
  }

  #begin(run: Run, response: Maybe<UpstreamResponse> | undefined): void {
    this.#runs.push(run)
    this.#pausedAtByte = undefined
    this.scope.background(run.drive(response))
  }

  // What runs tell.

  bytesCame(run: Run, countBytes: number): void {
    // Before the reader of the last byte is woken: its next request is to find the head.
    this.#tellIfComplete(run)
    this.scope.record({ kind: 'origin-bytes', bytes: countBytes })
    const waiting: Waiter[] = []
    for (const waiter of this.#waiters) {
      if (run.isComing(waiter.byte) || !run.holds(waiter.byte)) waiting.push(waiter)
      else waiter.resolve()
    }
    this.#waiters = waiting
  }

  segmentCame(index: number, bytes: Uint8Array): void {
    const { store } = this.#options
    this.#retained.add(index, bytes)
    if (!this.#mayStore) return
    const written = store.writeSegment(this.#ticket, this.head.body, index, bytes)
    if (isPromise(written)) this.scope.background(written)
  }

  /** A later part may say that nothing of it is to be stored (RFC 9111 §5.2.2.5): nor is what was, used again. */
  heed(response: UpstreamResponse): void {
    if (!this.origin.forbidsStoring(response)) {
      return this.scope.background(this.origin.update(this.head, this.#ticket, response))
    }
    this.#mayStore = false
    // What one client may not have shared says nothing of the others.
    if (this.origin.hasCredentials) return
    const { store } = this.#options
    const invalidated = store.invalidate(this.head.key, 'validate')
    if (isPromise(invalidated)) this.scope.background(invalidated)
  }

  lengthBecameKnown(completeLength: number): void {
    this.completeLength = completeLength
  }

  /** At a segment's edge: whether the run goes on, ends, or has to wait for its readers. */
  pace(run: Run): Maybe<'go-on' | 'end'> {
    this.#prune()
    const positions = this.#positionsBefore(run)
    if (positions.length === 0) {
      return run.endByte - run.atByte <= this.settings.finishMaxBytes ? 'go-on' : 'end'
    }
    const windowBytes = this.#options.windowBytes()
    if (!this.mayResume) {
      const isAhead = run.atByte - Math.min(...positions) >= windowBytes
      return isAhead ? this.#waitForReaders(run, windowBytes) : 'go-on'
    }
    // What another run brings is not fetched twice; readers go on with that one.
    if (this.#isUnderWay(run.atByte, run)) return 'end'
    if (run.atByte - Math.max(...positions) < windowBytes) return 'go-on'
    this.#pausedAtByte = run.atByte
    this.#isSlow = true
    return 'end'
  }

  /** Positions of the readers that still need something of the run, and have it from no other. */
  #positionsBefore(run: Run): number[] {
    const positions: number[] = []
    for (const { position, endByte } of this.#cursors) {
      if (endByte <= run.atByte || position >= run.endByte) continue
      if (!this.#isServedElsewhere(run, position)) positions.push(position)
    }
    return positions
  }

  /** Ahead of the run, and with another that has the byte or brings it: not one that has passed it by. */
  #isServedElsewhere(run: Run, position: number): boolean {
    if (position <= run.atByte) return false
    return this.#runs.some(
      (other) =>
        other !== run &&
        (other.isComing(position) || other.view(position, position + 1) !== undefined),
    )
  }

  /** Waits until the slowest reader is near enough; one that stands still for `stallMs` is cut. */
  async #waitForReaders(run: Run, windowBytes: number): Promise<'go-on' | 'end'> {
    for (;;) {
      const positions = this.#positionsBefore(run)
      if (positions.length === 0) return this.pace(run)
      const slowestByte = Math.min(...positions)
      if (run.atByte - slowestByte < windowBytes) return 'go-on'
      if (await this.#hasMoved()) continue
      for (const cursor of this.#cursors) {
        if (cursor.position === slowestByte && cursor.endByte > run.atByte) cursor.cut(stalled())
      }
    }
  }

  async #hasMoved(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const cancel = this.clock.after(this.settings.stallMs, () => resolve(false))
    const onMoved = () => resolve(true)
    this.#onMoved.add(onMoved)
    const moved = await promise
    this.#onMoved.delete(onMoved)
    cancel()
    return moved
  }

  /** Once: a length that was announced is reached with its last byte, any other with the end. */
  #tellIfComplete(run: Run): void {
    if (run.startByte !== 0 || run.atByte !== this.completeLength) return
    this.onComplete?.(run.atByte)
    this.onComplete = undefined
  }

  runEnded(run: Run, error: UpstreamError | undefined): void {
    this.#runs.splice(this.#runs.indexOf(run), 1)
    // A run of one segment has no edge within it at which it would be paced.
    this.#prune()
    if (error === undefined) this.#tellIfComplete(run)
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) {
      const wasForThis = error !== undefined && run.isComing(waiter.byte)
      if (wasForThis && !this.isComing(waiter.byte)) waiter.reject(error)
      else waiter.resolve()
    }
    this.#closeIfIdle()
  }

  /** The origin has another version: this one is to be validated before it is used again. */
  versionChanged(): UpstreamError {
    const { store } = this.#options
    this.gone ??= otherVersion()
    this.scope.record({ kind: 'version-changed' })
    this.scope.background(disown(store, this.head))
    return this.gone
  }

  // What readers do.

  attach(cursor: Cursor): void {
    this.#cursors.add(cursor)
  }

  detach(cursor: Cursor): void {
    this.#cursors.delete(cursor)
    this.#tellMoved()
    this.#closeIfIdle()
  }

  /** Resolves when something has come; rejects when the run that was to bring the byte has failed. */
  waitFor(byte: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiters.push({ byte, resolve, reject })
    return promise
  }

  moved(cursor: Cursor): void {
    this.#tellMoved()
    const pausedAtByte = this.#pausedAtByte
    if (pausedAtByte === undefined || this.gone !== undefined || this.#isPurged()) return
    if (cursor.endByte <= pausedAtByte || cursor.position > pausedAtByte) return
    // Near enough for the next run to begin before the reader has to wait for it.
    if (pausedAtByte - cursor.position > this.#options.windowBytes() / 2) return
    this.#pausedAtByte = undefined
    if (!this.#isUnderWay(pausedAtByte) && !this.#isHere(pausedAtByte)) {
      this.startRun(pausedAtByte, cursor.endByte)
    }
  }

  /** Whether a run, other than this one, brings the segment that begins at the byte, or is in it. */
  #isUnderWay(startByte: number, besides?: Run): boolean {
    const endByte = startByte + this.head.segmentBytes
    const lastByte = Math.min(endByte, this.completeLength ?? Number.POSITIVE_INFINITY) - 1
    return this.#runs.some((run) => run !== besides && run.isComing(lastByte))
  }

  /** Whether the segment of the byte has come. */
  #isHere(byte: number): boolean {
    const { segmentBytes, body } = this.head
    const index = segmentIndexOf(byte, segmentBytes)
    return this.#retained.has(index) || this.#options.store.presence(body)?.has(index) === true
  }

  #tellMoved(): void {
    for (const onMoved of this.#onMoved) onMoved()
  }

  #prune(): void {
    const { segmentBytes } = this.head
    // A reader in the middle of a segment keeps the whole of it: that is a segment more than the window.
    const windowBytes = this.#options.windowBytes() + segmentBytes
    const maxBytes = this.mayResume ? windowBytes : Number.POSITIVE_INFINITY
    this.#retained.prune([...this.#cursors], segmentBytes, maxBytes)
  }

  /** Calls back when there are neither runs nor readers any more. */
  onceClosed(callback: () => void): void {
    this.#onClosed.push(callback)
  }

  #closeIfIdle(): void {
    if (this.#cursors.size > 0 || this.#runs.length > 0) return
    this.#options.onClose()
    for (const callback of this.#onClosed.splice(0)) callback()
  }
}

/** The rest of this body cannot be had, now or later: what there is has to be asked for anew. */
export class BodyGoneError extends UpstreamError {
  constructor(message: string) {
    super('http_response_incomplete', message, { retryable: false })
  }
}

function otherVersion(): UpstreamError {
  return new BodyGoneError('Cannot continue body: the origin has another version')
}

/** No 304 is to bring it back: what the origin gives of it by range is something else. */
async function disown(store: Store, { key, body }: StoredResponse): Promise<void> {
  const ticket = store.ticket(key)
  const entry = await store.read(key)
  for (const { head } of entry?.variants ?? []) {
    if (head.body === body) await store.writeHead(ticket, disowned(head))
  }
}

function stalled(): UpstreamError {
  const message = 'Cannot continue: the client stood still while others waited'
  return new UpstreamError('connection_terminated', message, { retryable: false })
}
