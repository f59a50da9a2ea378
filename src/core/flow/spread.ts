// Several transfers of one body at once, where one of them is slow.

import { planSpread } from '../policy/fill-plan.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import type { BodyFill } from './body-fill.ts'
import type { Cursor } from './pace.ts'
import type { Run } from './run.ts'

export class Spread {
  /** Whether one transfer has shown to be slow: from then on there are several at once. */
  isOn = false
  /** Not any more once one of them has failed. */
  #mayBegin = true
  readonly #fill: BodyFill
  readonly #windowBytes: () => number
  readonly #begin: (chunk: ByteSpan) => void

  constructor(fill: BodyFill, windowBytes: () => number, begin: (chunk: ByteSpan) => void) {
    this.#fill = fill
    this.#windowBytes = windowBytes
    this.#begin = begin
  }

  /** Looks at what a transfer has shown. @returns Whether it is the first that is slow. */
  judge(run: Run): boolean {
    const { settings, ranges } = this.#fill
    const { slowBytesPerSecond, minBytes, maxCount } = settings.spread
    if (this.isOn || !this.#mayBegin || ranges !== 'taken' || maxCount <= 1) return false
    const rate = run.bytesPerSecond()
    if (rate === undefined || rate >= slowBytesPerSecond) return false
    this.isOn = run.endByte - run.atByte >= minBytes
    return this.isOn
  }

  /** More at once than the origin takes, or than come through. */
  failed(): void {
    this.isOn = this.#mayBegin = false
  }

  /** Begins further transfers before the reader, as many as may be. */
  ahead({ position, endByte }: Cursor): void {
    const { settings, runs, mayStart } = this.#fill
    const { chunkBytes, maxCount } = settings.spread
    const freeCount = maxCount - runs.length
    if (!this.isOn || freeCount <= 0 || !mayStart) return
    const facts = this.#fill.facts()
    if (facts === undefined) return
    const bounds = { windowBytes: this.#windowBytes(), chunkBytes, maxCount: freeCount }
    for (const chunk of planSpread(facts, runs, { startByte: position, endByte }, bounds)) {
      this.#begin(chunk)
    }
  }
}
