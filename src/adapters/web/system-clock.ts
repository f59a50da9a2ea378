import type { Clock } from '#core/ports/clock.ts'

/** How often the wall clock is compared with the monotonic one. */
const COMPARE_MS = 1000
/** A wall clock that was set back is approached by at most this share of the time that passes. */
const SLEW = 0.1

/**
 * Wall time at start plus monotonic time since: it never goes back. Steps forward of the system's clock
 * are followed, steps backward are slewed. The comparison happens on use, not by a timer.
 */
export function createSystemClock(): Clock {
  let offsetMs = Date.now() - performance.now()
  let comparedAtMs = performance.now()

  function follow(monotonicMs: number): void {
    const elapsedMs = monotonicMs - comparedAtMs
    comparedAtMs = monotonicMs
    const aheadMs = offsetMs + monotonicMs - Date.now()
    offsetMs -= aheadMs > 0 ? Math.min(aheadMs, elapsedMs * SLEW) : aheadMs
  }

  return {
    nowMs() {
      const monotonicMs = performance.now()
      if (monotonicMs - comparedAtMs > COMPARE_MS) follow(monotonicMs)
      return offsetMs + monotonicMs
    },
    monotonicMs: () => performance.now(),
    after(delayMs, callback) {
      // Above 2^31 - 1 a timer would fire at once; nobody waits for that long.
      if (delayMs > 0x7fffffff) return () => undefined
      const timer = setTimeout(callback, Math.max(0, delayMs))
      return () => clearTimeout(timer)
    },
  }
}
