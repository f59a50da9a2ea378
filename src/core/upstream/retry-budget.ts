import type { Clock } from '../ports/clock.ts'

export interface RetryBudgetOptions {
  readonly clock: Clock
  /** Second attempts for each request. */
  readonly fraction: number
  /** Second attempts that there may always be within the window. */
  readonly minCount: number
}

/** Whatever a site asks again shares one: so an outage is not multiplied by those who bear with it. */
export interface RetryBudget {
  /** A first attempt. */
  noteRequest(): void
  /** @returns Whether there may be another attempt; then it is taken. */
  take(): boolean
}

const WINDOW_MS = 10_000
const SLOT_COUNT = 10

interface Slot {
  readonly number: number
  requestCount: number
  retryCount: number
}

export function createRetryBudget({ clock, fraction, minCount }: RetryBudgetOptions): RetryBudget {
  let slots: Slot[] = []

  /** Of what is going on now; those outside of the window are let go. */
  function slotNow(): Slot {
    const number = Math.floor((clock.monotonicMs() * SLOT_COUNT) / WINDOW_MS)
    const last = slots.at(-1)
    if (last?.number === number) return last
    slots = slots.filter((slot) => slot.number > number - SLOT_COUNT)
    const slot: Slot = { number, requestCount: 0, retryCount: 0 }
    slots.push(slot)
    return slot
  }

  return {
    noteRequest() {
      slotNow().requestCount++
    },
    take() {
      const slot = slotNow()
      let requestCount = 0
      let retryCount = 0
      for (const each of slots) {
        requestCount += each.requestCount
        retryCount += each.retryCount
      }
      if (retryCount >= Math.max(minCount, fraction * requestCount)) return false
      slot.retryCount++
      return true
    },
  }
}
