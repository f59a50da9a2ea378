// A clock that moves only when the test says so.

import type { Clock } from '#core/ports/clock.ts'

export interface SteppedClock extends Clock {
  /**
   * Moves both clocks on, and fires the timers that come due at their own instants, in order. What is
   * under way gets its turn before the first timer and after each one, so that a timer that it sets
   * within the step fires within the step.
   */
  step(ms: number): Promise<void>
  /** The same at once: timers fire one after another, and nothing gets a turn between them. */
  advance(ms: number): void
  /** Sets the wall clock alone, forth or back, as an operator would. */
  setWall(ms: number): void
  /** Timers that wait. */
  pendingCount(): number
}

interface Timer {
  readonly dueAtMs: number
  readonly callback: () => void
}

/** 2025-01-01, a round instant that HTTP dates can express. */
const DEFAULT_START_MS = 1_735_689_600_000

/** @param startMs Wall clock at the start; the monotonic clock starts at another number, on purpose. */
export function createSteppedClock(startMs = DEFAULT_START_MS): SteppedClock {
  const timers = new Set<Timer>()
  let monotonicMs = 1000
  let wallAheadMs = startMs - monotonicMs

  /** The timer due first, of those by then; of equal ones the one set first. */
  function nextDue(untilMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of timers) {
      if (timer.dueAtMs > untilMs) continue
      if (next === undefined || timer.dueAtMs < next.dueAtMs) next = timer
    }
    return next
  }

  function fire(timer: Timer): void {
    timers.delete(timer)
    monotonicMs = Math.max(monotonicMs, timer.dueAtMs)
    timer.callback()
  }

  return {
    nowMs: () => monotonicMs + wallAheadMs,
    monotonicMs: () => monotonicMs,
    after(delayMs, callback) {
      const timer = { dueAtMs: monotonicMs + Math.max(0, delayMs), callback }
      timers.add(timer)
      return () => {
        timers.delete(timer)
      }
    },
    async step(ms) {
      const untilMs = monotonicMs + ms
      await turn()
      for (;;) {
        const timer = nextDue(untilMs)
        if (timer === undefined) break
        fire(timer)
        await turn()
      }
      monotonicMs = Math.max(monotonicMs, untilMs)
    },
    advance(ms) {
      const untilMs = monotonicMs + ms
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) fire(timer)
      monotonicMs = Math.max(monotonicMs, untilMs)
    },
    setWall(ms) {
      wallAheadMs = ms - monotonicMs
    },
    pendingCount: () => timers.size,
  }
}

/** Lets everything run that needs no more than promises: an immediate comes after all microtasks. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
