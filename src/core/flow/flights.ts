// Head flights: of those who ask for what is not stored, one leads and the others wait for the head.

import { remember } from '../entry/bounded-map.ts'
import type { Fetched } from './fetch-head.ts'

/** A request for a head under way, or a head whose body is still coming and is nowhere else. */
export interface Flight {
  readonly verdict: Promise<Fetched>
  /** Whether the verdict was there before we joined. */
  readonly isLate: boolean
  /** Which flight it is, counted from 1. */
  readonly number: number
  /** To be called by each who joined, once it reads the body or needs it no more. */
  leave(): void
}

export interface Flights {
  /** @returns The flight under this key, joined; `undefined` when there is none. */
  join(key: string): Flight | undefined
  /**
   * Begins a flight and joins it. The task is its own: it does not end with who began it.
   *
   * @param key `undefined` for a request that nobody may join.
   */
  begin(key: string | undefined, task: () => Promise<Fetched>): Flight
  /** Number of the flight under this key. */
  numberOf(key: string): number | undefined
  /** Number of the flight that began last. */
  readonly lastNumber: number
  /** Nothing is validated behind a stale answer of this key until then. */
  rest(key: string, untilMs: number): void
  isResting(key: string, nowMs: number): boolean
  count(): number
}

/** Keys that rest; beyond it the oldest no longer do. */
const MAX_RESTING_COUNT = 10_000

interface OpenFlight {
  readonly number: number
  readonly verdict: Promise<Fetched>
  isSettled: boolean
  joinedCount: number
  release: (() => void) | undefined
}

export function createFlights(): Flights {
  const flights = new Map<string, OpenFlight>()
  const resting = new Map<string, number>()
  let lastNumber = 0

  function joined(flight: OpenFlight): Flight {
    flight.joinedCount++
    let hasLeft = false
    return {
      verdict: flight.verdict,
      isLate: flight.isSettled,
      number: flight.number,
      leave() {
        if (hasLeft) return
        hasLeft = true
        if (--flight.joinedCount === 0) flight.release?.()
      },
    }
  }

  return {
    join(key) {
      const flight = flights.get(key)
      return flight === undefined ? undefined : joined(flight)
    },
    begin(key, task) {
      const flight: OpenFlight = {
        number: ++lastNumber,
        verdict: task(),
        isSettled: false,
        joinedCount: 0,
        release: undefined,
      }
      if (key !== undefined) flights.set(key, flight)
      const remove = () => {
        if (key !== undefined && flights.get(key) === flight) flights.delete(key)
      }
      flight.verdict.then((fetched) => {
        flight.isSettled = true
        if (fetched.kind !== 'filling') return remove()
        flight.release = fetched.release
        // What no store has before its end can only be joined here, for as long as it is coming.
        if (fetched.head.joinable) remove()
        else fetched.fill.onceClosed(remove)
      }, remove)
      return joined(flight)
    },
    rest(key, untilMs) {
      remember(resting, key, untilMs, MAX_RESTING_COUNT)
    },
    isResting: (key, nowMs) => (resting.get(key) ?? 0) > nowMs,
    numberOf: (key) => flights.get(key)?.number,
    get lastNumber() {
      return lastNumber
    },
    count: () => flights.size,
  }
}
