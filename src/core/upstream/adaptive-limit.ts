// How many requests at once an address bears, learnt from how long its heads take: the gradient of what is usual
// to what is now (as in Netflix's concurrency-limits, Gradient2).

export interface AdaptiveLimitOptions {
  /** It is never below this, however slow the answers. */
  readonly minCount: number
  readonly maxCount: number
}

/** Answers may take this many times as long as usual before fewer are asked for. */
const TOLERANCE = 2
/** Below this, answers differ for reasons of their own. */
const NOISE_MS = 50
/** One answer is this much of what is seen now. */
const RECENT_WEIGHT = 1 / 20
/** What is seen now is this much of what is usual: slower answers hardly, or an overload would soon be usual. */
const SLOWER_WEIGHT = 1 / 2000
const FASTER_WEIGHT = 1 / 100
/** One answer changes the limit by this much of the way. */
const SMOOTHING = 0.2
const MIN_GRADIENT = 0.5
/** What gets no answer in time costs this much. */
const DROP = 0.9

export class AdaptiveLimit {
  readonly #minCount: number
  readonly #maxCount: number
  #count: number
  #recentMs: number | undefined
  #usualMs = 0

  constructor({ minCount, maxCount }: AdaptiveLimitOptions) {
    this.#minCount = Math.min(minCount, maxCount)
    this.#maxCount = maxCount
    this.#count = maxCount
  }

  get count(): number {
    return Math.floor(this.#count)
  }

  /** @param runningCount Requests at once when this one was sent. */
  answered(latencyMs: number, runningCount: number): void {
    const recentMs = this.#average(latencyMs)
    const usualMs = this.#usualMs
    // With few at once, latency says nothing of what many would meet.
    if (runningCount < this.#count / 2) return
    const bearableMs = Math.max(usualMs * TOLERANCE, usualMs + NOISE_MS)
    const gradient = Math.max(MIN_GRADIENT, Math.min(1, bearableMs / Math.max(1, recentMs)))
    const wanted = this.#count * gradient + Math.sqrt(this.#count)
    this.#set(this.#count + SMOOTHING * (wanted - this.#count))
  }

  /** No head came in time. */
  late(): void {
    this.#set(this.#count * DROP)
  }

  /** Single answers are as they are: of averages alone something can be said. */
  #average(latencyMs: number): number {
    if (this.#recentMs === undefined) this.#usualMs = latencyMs
    const before = this.#recentMs ?? latencyMs
    const recentMs = before + RECENT_WEIGHT * (latencyMs - before)
    const weight = recentMs < this.#usualMs ? FASTER_WEIGHT : SLOWER_WEIGHT
    this.#usualMs += weight * (recentMs - this.#usualMs)
    this.#recentMs = recentMs
    return recentMs
  }

  #set(count: number): void {
    this.#count = Math.max(this.#minCount, Math.min(this.#maxCount, count))
  }
}
