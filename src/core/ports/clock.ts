export interface Clock {
  /** Wall clock, milliseconds since the epoch; never goes back. For ages and dates. */
  nowMs(): number
  /** Milliseconds since some start, unmoved by wall-clock changes. For deadlines, breakers and windows. */
  monotonicMs(): number
  /**
   * Calls back once, `delayMs` from now.
   *
   * @returns Cancels; harmless afterwards.
   */
  after(delayMs: number, callback: () => void): () => void
}
