/** Bounds of what all fills and readers hold together, in bytes. */
export interface BudgetBounds {
  /** Of segments that are being received, and of those that readers have yet to pass. */
  readonly maxFillingBytes: number
  /** Of segments that readers, or the sockets of their clients, keep alive; beyond it they hold copies of parts. */
  readonly maxPinnedBytes: number
}

/** Two of the four accounts of memory; the store keeps that of what is resident, the disk that of its index. */
export class Budget {
  fillingBytes = 0
  pinnedBytes = 0
  readonly maxFillingBytes: number
  readonly #maxPinnedBytes: number

  constructor({ maxFillingBytes, maxPinnedBytes }: BudgetBounds) {
    this.maxFillingBytes = maxFillingBytes
    this.#maxPinnedBytes = maxPinnedBytes
  }

  get isFull(): boolean {
    return this.fillingBytes > this.maxFillingBytes
  }

  /** Whether a reader may keep so much alive beside the others. */
  mayPin(bytes: number): boolean {
    return this.pinnedBytes + bytes <= this.#maxPinnedBytes
  }
}
