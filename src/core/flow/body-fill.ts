// The fills of one body: its runs, its readers, and what they share.

import type { Maybe } from '../entry/byte-source.ts'
import { sliceSource } from '../entry/byte-source.ts'
import { covers, firstByteOutside, segmentIndexOf } from '../entry/segment.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { SegmentFacts } from '../policy/fill-plan.ts'
import { isBrought, planRun } from '../policy/fill-plan.ts'
import type { Clock } from '../ports/clock.ts'
import type { Digests } from '../ports/digests.ts'
import type { FillScope } from '../ports/request-scope.ts'
import type { Store, WriteTicket } from '../ports/store.ts'
import type { UpstreamError, UpstreamResponse } from '../ports/upstream.ts'
import { toUpstreamError } from '../ports/upstream.ts'
import type { BodyOrigin, RangeSupport } from './body-origin.ts'
import { BodyGoneError, disown, otherVersion } from './body-origin.ts'
import type { Budget } from './budget.ts'
import type { FillSettings } from './fill-settings.ts'
import { Keeping } from './keeping.ts'
import { Pace } from './pace.ts'
import type { Cursor } from './pace.ts'
import { Run } from './run.ts'
import { Spread } from './spread.ts'
import { Waiters } from './waiters.ts'

export interface BodyFillOptions {
  readonly head: StoredResponse
  readonly origin: BodyOrigin
  readonly ticket: WriteTicket
  readonly scope: FillScope
  readonly store: Store
  readonly clock: Clock
  readonly random: () => number
  readonly settings: FillSettings
  readonly budget: Budget
  readonly digests: Digests
  readonly ranges: RangeSupport
  isBusy(): boolean
  /** How far ahead a run may be now, given what all fills hold. */
  windowBytes(): number
  /** Called when it holds more than all fills together may. */
  onFull(): void
  onClose(): void
}

export class BodyFill {
  readonly head: StoredResponse
  readonly origin: BodyOrigin
  readonly scope: FillScope
  readonly clock: Clock
  readonly random: () => number
  readonly settings: FillSettings
  readonly budget: Budget
  readonly runs: Run[] = []
  /** Whether rates say more of this process than of the origin. */
  readonly isBusy: () => boolean
  completeLength: number | undefined
  ranges: RangeSupport
  /** Set when the origin has another version: nothing more of this one can come. */
  gone: UpstreamError | undefined
  /** Called once the last byte of a body has come from beginning to end. */
  onComplete: ((completeLength: number) => void) | undefined
  readonly #options: BodyFillOptions
  readonly #keeping: Keeping
  readonly #pace: Pace
  readonly #spread: Spread
  readonly #waiters = new Waiters()
  readonly #onClosed: (() => void)[] = []

  constructor(options: BodyFillOptions) {
    this.#options = options
    this.head = options.head
    this.origin = options.origin
    this.scope = options.scope
    this.clock = options.clock
    this.random = options.random
    this.settings = options.settings
    this.budget = options.budget
    this.completeLength = options.head.completeLength
    this.ranges = options.ranges
    this.#keeping = new Keeping(options)
    const windowBytes = () => options.windowBytes()
    this.isBusy = () => options.isBusy()
    this.#pace = new Pace(this, windowBytes)
    this.#spread = new Spread(this, windowBytes, (chunk) => this.#beginExtra(chunk))
  }

  renew(ticket: WriteTicket): void {
    this.#keeping.renew(ticket)
  }

  /** Bytes at hand from `fromByte` on, never past `toByte`. */
  view(fromByte: number, toByte: number): Uint8Array | undefined {
    for (const run of this.runs) {
      const bytes = run.view(fromByte, toByte)
      if (bytes !== undefined) return bytes
    }
    return this.#keeping.retained.view(fromByte, toByte, this.head.segmentBytes)
  }

  /** Whether a run will bring the byte. */
  isComing(byte: number): boolean {
    return this.runs.some((run) => run.isComing(byte))
  }

  /** Whether a run, other than this one, brings the segment that begins at the byte, or is in the midst of it. */
  isBrought(startByte: number, besides?: Run): boolean {
    const { completeLength = Number.POSITIVE_INFINITY } = this
    const { segmentBytes } = this.head
    const others = this.runs.filter((run) => run !== besides)
    return isBrought({ segmentBytes, completeLength }, others, startByte)
  }

  /** Whether the segment of the byte has come. */
  isHere(byte: number): boolean {
    return this.#keeping.holder()(segmentIndexOf(byte, this.head.segmentBytes))
  }

  /** Whether the byte is coming, but so late that it is better fetched from there on. */
  isFar(byte: number): boolean {
    const { maxWaitMs } = this.settings
    const coming = this.runs.filter((run) => run.isComing(byte))
    return (
      coming.length > 0 &&
      coming.every((run) => run.expectedMs(byte) > maxWaitMs) &&
      this.ranges === 'taken' &&
      this.mayStart
    )
  }

  /** How far from the beginning everything has come, or is in the midst of coming. */
  get reachedByte(): number {
    return Math.max(0, ...this.runs.filter((run) => run.startByte === 0).map((run) => run.atByte))
  }

  /** Whether every byte from here to where a run stands can still be had, for who comes late. */
  canServeFrom(startByte: number): boolean {
    const { segmentBytes } = this.head
    const atByte = Math.max(0, ...this.runs.map((run) => run.atByte))
    const endByte = segmentIndexOf(atByte, segmentBytes) * segmentBytes
    const held = { has: this.#keeping.holder() }
    return this.runs.length > 0 && covers(held, startByte, endByte, segmentBytes)
  }

  /**
   * Takes a transfer of `[startByte, endByte)` that has begun as a run. The tail that a suffix range gave
   * begins anywhere: what lies before its first whole segment is passed over.
   *
   * @param after Is awaited before the first byte is read; `undefined` reads at once.
   */
  adopt(response: UpstreamResponse, { startByte, endByte }: ByteSpan, after?: Promise<unknown>) {
    this.gone = undefined
    this.#keeping.allow()
    const alignedByte = this.firstWholeSegment(startByte)
    const skippedBytes = alignedByte - startByte
    const body =
      skippedBytes === 0
        ? response.body
        : sliceSource(response.body, skippedBytes, endByte - startByte)
    const adopted = { ...response, body }
    const run = new Run(this, { startByte: alignedByte, endByte })
    this.#begin(run, after?.then(() => adopted) ?? adopted)
  }

  /** Where the first segment begins that does not begin before the byte. */
  firstWholeSegment(byte: number): number {
    const { segmentBytes } = this.head
    return Math.ceil(byte / segmentBytes) * segmentBytes
  }

  /** Begins a run that brings `fromByte` and as much of what follows up to `toByte` as is missing. */
  startRun(fromByte: number, toByte: number): void {
    if (this.gone !== undefined) throw this.gone
    if (this.#keeping.isPurged) throw otherVersion()
    const facts = this.facts()
    if (!this.head.joinable || facts === undefined) {
      throw new BodyGoneError('Cannot fetch the rest: the body has no strong validator')
    }
    if (this.ranges === 'ignored') {
      this.#begin(new Run(this, { startByte: 0, endByte: facts.completeLength }), undefined)
      return
    }
    const { settings } = this
    const startByte = segmentIndexOf(fromByte, facts.segmentBytes) * facts.segmentBytes
    this.#shortenAt(startByte)
    const wanted = { startByte, endByte: toByte }
    const endByte = planRun(facts, this.runs, wanted, {
      gapBytes: settings.gapBytes,
      maxBytes: this.#spread.isOn ? settings.spread.chunkBytes : this.#pace.maxRunBytes,
    })
    this.#begin(new Run(this, { startByte, endByte }), undefined)
  }

  /** Fetches for nobody yet what is missing and not under way: its readers are expected. */
  prefetch(span: ByteSpan): void {
    const missingByte = this.ranges === 'taken' && this.mayStart ? this.#missingIn(span) : undefined
    if (missingByte !== undefined) this.startRun(missingByte, span.endByte)
    this.#closeIfIdle()
  }

  /** The first byte of a segment that is neither here nor brought. */
  #missingIn({ startByte, endByte }: ByteSpan): number | undefined {
    const { completeLength = 0 } = this
    const { segmentBytes } = this.head
    const isHere = this.#keeping.holder()
    const has = (i: number) => isHere(i) || this.isBrought(i * segmentBytes)
    return firstByteOutside({ has }, startByte, Math.min(endByte, completeLength), segmentBytes)
  }

  /** Whether more of this version may be asked for. */
  get mayStart(): boolean {
    return this.gone === undefined && this.head.joinable && !this.#keeping.isPurged
  }

  /** The body as plans see it; `undefined` while its length is unknown. */
  facts(): SegmentFacts | undefined {
    const { completeLength } = this
    if (completeLength === undefined) return undefined
    const { segmentBytes } = this.head
    return { segmentBytes, completeLength, isHere: this.#keeping.holder() }
  }

  #begin(run: Run, response: Maybe<UpstreamResponse> | undefined): void {
    this.runs.push(run)
    this.scope.background(run.drive(response))
  }

  // What runs tell.

  bytesCame(run: Run, countBytes: number): void {
    // Before the reader of the last byte is woken: its next request is to find the head.
    this.#tellIfComplete(run)
    this.scope.record({ kind: 'origin-bytes', bytes: countBytes })
    this.#waiters.bytesCame(run)
  }

  segmentCame(index: number, bytes: Uint8Array): void {
    try {
      this.#keeping.segmentCame(index, bytes)
    } catch (error) {
      this.gone ??= toUpstreamError(error)
      throw error
    }
    if (this.budget.isFull) this.#options.onFull()
  }

  heed(response: UpstreamResponse): void {
    this.#keeping.heed(response)
  }

  rangesAreIgnored(): void {
    this.ranges = 'ignored'
    this.#keeping.noteRangesIgnored()
  }

  lengthBecameKnown(completeLength: number): void {
    this.completeLength = completeLength
    this.#keeping.lengthBecameKnown(completeLength)
  }

  /** At a segment's edge: whether the run goes on, ends, or has to wait for its readers. */
  pace(run: Run): Maybe<'go-on' | 'end'> {
    this.prune()
    if (this.#spread.judge(run)) this.#spreadAhead()
    this.#waiters.wakeIf((byte) => run.isComing(byte) && this.isFar(byte))
    return run.atByte >= run.endByte ? 'end' : this.#pace.decide(run)
  }

  /** Whether a reader that has given bytes already needs the run. */
  hasBegunReader(run: Run): boolean {
    return [...this.#pace.cursors].some(
      ({ hasBegun, position, endByte }) =>
        hasBegun && position < run.endByte && endByte > run.atByte,
    )
  }

  /** Once: a length that was announced is reached with its last byte, any other with the end. */
  #tellIfComplete(run: Run): void {
    if (run.startByte !== 0 || run.atByte !== this.completeLength) return
    this.onComplete?.(run.atByte)
    this.onComplete = undefined
  }

  runEnded(run: Run, error: UpstreamError | undefined): void {
    this.runs.splice(this.runs.indexOf(run), 1)
    run.release()
    // A run of one segment has no edge within it at which it would be paced.
    this.prune()
    if (error === undefined) this.#tellIfComplete(run)
    this.#waiters.wake((byte) => {
      const wasForThis = error !== undefined && !run.isExtra && run.isComing(byte)
      return wasForThis && !this.isComing(byte) ? error : undefined
    })
    // One that failed says that more at once are too many.
    if (run.isExtra && error !== undefined) this.#spread.failed()
    this.#spreadAhead()
    this.#closeIfIdle()
  }

  #spreadAhead(): void {
    for (const cursor of this.#pace.cursors) this.#spread.ahead(cursor)
  }

  #beginExtra(chunk: ByteSpan): void {
    this.#shortenAt(chunk.startByte)
    this.#begin(new Run(this, chunk, true), undefined)
  }

  /** Runs that would come by there end before it; who waits for what lies behind looks again. */
  #shortenAt(byte: number): void {
    const coming = this.runs.filter((run) => run.isComing(byte))
    for (const run of coming) run.shorten(byte)
    if (coming.length > 0) this.#waiters.wake(() => undefined)
  }

  /** The origin has another version: this one is to be validated before it is used again. */
  versionChanged(): UpstreamError {
    this.gone ??= otherVersion()
    this.scope.record({ kind: 'version-changed' })
    this.scope.background(disown(this.#options.store, this.head))
    return this.gone
  }

  // What readers do.

  attach(cursor: Cursor): void {
    this.#pace.attach(cursor)
  }

  detach(cursor: Cursor): void {
    this.#pace.detach(cursor)
    this.#closeIfIdle()
  }

  waitFor(byte: number): Promise<void> {
    return this.#waiters.wait(byte)
  }

  moved(cursor: Cursor): void {
    const resumeAtByte = this.#pace.moved(cursor)
    if (this.#spread.isOn) return this.#spread.ahead(cursor)
    if (resumeAtByte === undefined || !this.mayStart) return
    if (!this.isHere(resumeAtByte) && !this.isBrought(resumeAtByte)) {
      this.startRun(resumeAtByte, cursor.endByte)
    }
  }

  /** Lets go of segments that no reader needs, or of more when there is no room for them. */
  prune(): void {
    const { segmentBytes } = this.head
    // A reader in the middle of a segment keeps the whole of it: that is a segment more than the window.
    const windowBytes = this.#options.windowBytes() + segmentBytes
    const maxBytes = this.ranges === 'taken' ? windowBytes : Number.POSITIVE_INFINITY
    this.#keeping.retained.prune([...this.#pace.cursors], segmentBytes, maxBytes)
  }

  /** Lets go of everything that can be read or fetched again. */
  relieve(): void {
    if (this.ranges === 'taken' && this.mayStart) this.#keeping.retained.clear()
  }

  #isAllHere(): boolean {
    const { completeLength = 0 } = this
    return this.#missingIn({ startByte: 0, endByte: completeLength }) === undefined
  }

  /** Calls back when there are neither runs nor readers any more. */
  onceClosed(callback: () => void): void {
    this.#onClosed.push(callback)
  }

  #closeIfIdle(): void {
    if (this.#pace.cursors.size > 0 || this.runs.length > 0) return
    this.#keeping.settle(this.gone === undefined && this.#isAllHere())
    this.#keeping.retained.clear()
    this.#options.onClose()
    for (const callback of this.#onClosed.splice(0)) callback()
  }
}
