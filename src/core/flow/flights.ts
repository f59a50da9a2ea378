// Head flights: of those who ask for what is not stored, one leads and the others wait for the head.

import type { Fetched } from './fetch-head.ts'

/** A request for a head under way, or a head whose body is still coming and is nowhere else. */
export interface Flight {
  readonly verdict: Promise<Fetched>
  /** Whether the verdict was there before we joined. */
  readonly isLate: boolean
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
  count(): number
}

interface OpenFlight {
  readonly verdict: Promise<Fetched>
  isSettled: boolean
  joinedCount: number
  release: (() => void) | undefined
}

export function createFlights(): Flights {
  const flights = new Map<string, OpenFlight>()

  function joined(flight: OpenFlight): Flight {
    flight.joinedCount++
    let hasLeft = false
    return {
      verdict: flight.verdict,
      isLate: flight.isSettled,
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
    count: () => flights.size,
  }
}
