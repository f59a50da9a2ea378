import type { Clock } from '#core/ports/clock.ts'

const WINDOW_MS = 1000

/**
 * Lets at most so many calls by within any second.
 *
 * @returns Takes a place, and says 0; or, where there is none, after how many milliseconds there will be.
 */
export function createRateLimit(
  maxPerSecond: number,
  clock: Pick<Clock, 'monotonicMs'>,
): () => number {
  const takenAtMs: number[] = []
  return function take() {
    const nowMs = clock.monotonicMs()
    let [oldestAtMs] = takenAtMs
    while (oldestAtMs !== undefined && nowMs - oldestAtMs >= WINDOW_MS) {
      takenAtMs.shift()
      oldestAtMs = takenAtMs[0]
    }
    if (oldestAtMs !== undefined && takenAtMs.length >= maxPerSecond) {
      return WINDOW_MS - (nowMs - oldestAtMs)
    }
    takenAtMs.push(nowMs)
    return 0
  }
}
