import { segmentIndexOf } from '../entry/segment.ts'
import type { Budget } from './budget.ts'

interface Demand {
  readonly position: number
  readonly endByte: number
}

/**
 * Finished segments of a body that some reader has yet to pass. They are held here so that a reader need
 * not depend on a store that may have refused or evicted them; the store's copy is the same buffer.
 */
export class Retained {
  readonly #segments = new Map<number, Uint8Array>()
  readonly #budget: Budget

  constructor(budget: Budget) {
    this.#budget = budget
  }

  add(index: number, bytes: Uint8Array): void {
    this.#delete(index)
    this.#segments.set(index, bytes)
    this.#budget.fillingBytes += bytes.byteLength
  }

  has(index: number): boolean {
    return this.#segments.has(index)
  }

  view(fromByte: number, toByte: number, segmentBytes: number): Uint8Array | undefined {
    const index = segmentIndexOf(fromByte, segmentBytes)
    const bytes = this.#segments.get(index)
    if (bytes === undefined) return undefined
    const startByte = index * segmentBytes
    const view = bytes.subarray(fromByte - startByte, toByte - startByte)
    return view.byteLength > 0 ? view : undefined
  }

  /** Lets go of what nobody needs, and beyond `maxBytes` of the oldest. */
  prune(demands: readonly Demand[], segmentBytes: number, maxBytes: number): void {
    let totalBytes = 0
    for (const [index, bytes] of this.#segments) {
      const startByte = index * segmentBytes
      const endByte = startByte + bytes.byteLength
      const isNeeded = demands.some(
        (demand) => demand.position < endByte && demand.endByte > startByte,
      )
      if (isNeeded) totalBytes += bytes.byteLength
      else this.#delete(index)
    }
    for (const [index, bytes] of this.#segments) {
      // The newest stays: its readers are woken for it.
      if (totalBytes <= maxBytes || this.#segments.size <= 1) return
      totalBytes -= bytes.byteLength
      this.#delete(index)
    }
  }

  clear(): void {
    for (const index of this.#segments.keys()) this.#delete(index)
  }

  #delete(index: number): void {
    const bytes = this.#segments.get(index)
    if (bytes === undefined) return
    this.#segments.delete(index)
    this.#budget.fillingBytes -= bytes.byteLength
  }
}
