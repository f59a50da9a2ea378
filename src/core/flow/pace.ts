// How far a run goes ahead of those who read what it brings.

import type { Maybe } from '../entry/byte-source.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { BodyFill } from './body-fill.ts'
import type { Run } from './run.ts'

/** A cursor over the body, as its fill sees it. */
export interface Cursor {
  readonly position: number
  /** Exclusive; `Infinity` for the end of a body of unknown length. */
  readonly endByte: number
  /** Whether its answer is on the way. */
  readonly hasBegun: boolean
  /** Ends the reading, visibly. */
  cut(error: UpstreamError): void
}

type Verdict = 'go-on' | 'end'

export class Pace {
  readonly cursors = new Set<Cursor>()
  readonly #fill: BodyFill
  readonly #windowBytes: () => number
  readonly #onMoved = new Set<() => void>()
  /** Where runs were ended because they were far ahead. */
  readonly #pausedAtBytes = new Set<number>()
  #isSlow = false

  constructor(fill: BodyFill, windowBytes: () => number) {
    this.#fill = fill
    this.#windowBytes = windowBytes
  }

  /** For readers that have shown to be slow, no further than they may be followed. */
  get maxRunBytes(): number {
    return this.#isSlow ? this.#windowBytes() : Number.POSITIVE_INFINITY
  }

  attach(cursor: Cursor): void {
    this.cursors.add(cursor)
  }

  detach(cursor: Cursor): void {
    this.cursors.delete(cursor)
    this.#tellMoved()
  }

  /** @returns Where a run is to begin before the reader has to wait for it. */
  moved(cursor: Cursor): number | undefined {
    this.#tellMoved()
    for (const atByte of this.#pausedAtBytes) {
      if (cursor.endByte <= atByte || cursor.position > atByte) continue
      if (atByte - cursor.position > this.#windowBytes() / 2) continue
      this.#pausedAtBytes.delete(atByte)
      return atByte
    }
    return undefined
  }

  decide(run: Run): Maybe<Verdict> {
    const { settings, ranges } = this.#fill
    const positions = this.#positionsBefore(run)
    if (positions.length === 0) {
      return run.endByte - run.atByte <= settings.finishMaxBytes ? 'go-on' : 'end'
    }
    const windowBytes = this.#windowBytes()
    if (ranges !== 'taken') {
      const isAhead = run.atByte - Math.min(...positions) >= windowBytes
      return isAhead ? this.#waitForReaders(run, windowBytes) : 'go-on'
    }
    // What another run brings is not fetched twice; readers go on with that one.
    if (this.#fill.isBrought(run.atByte, run)) return 'end'
    if (run.atByte - Math.max(...positions) < windowBytes) return 'go-on'
    this.#pausedAtBytes.add(run.atByte)
    this.#isSlow = true
    return 'end'
  }

  /** Positions of the readers that still need something of the run, and have it from no other. */
  #positionsBefore(run: Run): number[] {
    const positions: number[] = []
    for (const { position, endByte } of this.cursors) {
      if (endByte <= run.atByte || position >= run.endByte) continue
      if (!this.#isServedElsewhere(run, position)) positions.push(position)
    }
    return positions
  }

  /** Ahead of the run, and with another that has the byte or brings it: not one that has passed it by. */
  #isServedElsewhere(run: Run, position: number): boolean {
    if (position <= run.atByte) return false
    return this.#fill.runs.some(
      (other) =>
        other !== run &&
        (other.isComing(position) || other.view(position, position + 1) !== undefined),
    )
  }

  /** Waits until the slowest reader is near enough; one that stands still for `stallMs` is cut. */
  async #waitForReaders(run: Run, windowBytes: number): Promise<Verdict> {
    for (;;) {
      const positions = this.#positionsBefore(run)
      if (positions.length === 0) return this.decide(run)
      const slowestByte = Math.min(...positions)
      if (run.atByte - slowestByte < windowBytes) return 'go-on'
      if (await this.#hasMoved()) continue
      for (const cursor of this.cursors) {
        if (cursor.position === slowestByte && cursor.endByte > run.atByte) cursor.cut(stalled())
      }
    }
  }

  async #hasMoved(): Promise<boolean> {
    const { clock, settings } = this.#fill
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const cancel = clock.after(settings.stallMs, () => resolve(false))
    const onMoved = () => resolve(true)
    this.#onMoved.add(onMoved)
    const moved = await promise
    this.#onMoved.delete(onMoved)
    cancel()
    return moved
  }

  #tellMoved(): void {
    for (const onMoved of this.#onMoved) onMoved()
  }
}

function stalled(): UpstreamError {
  const message = 'Cannot continue: the client stood still while others waited'
  return new UpstreamError('connection_terminated', message, { retryable: false })
}
