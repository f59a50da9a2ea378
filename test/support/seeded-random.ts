// Random choices that a seed repeats.

export interface SeededRandom {
  /** In `[0, 1)`. */
  next(): number
  /** Both bounds included. */
  integer(min: number, max: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  /** A source of its own, so that what draws from it does not move what draws from this one. */
  fork(): SeededRandom
}

/** Mulberry32: 32 bits of state, and quite even enough to choose faults by. */
export function createSeededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    integer: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      const picked = list[Math.floor(next() * list.length)]
      if (picked === undefined) throw new Error('Cannot pick: the list is empty')
      return picked
    },
    fork: () => createSeededRandom(Math.floor(next() * 4_294_967_296)),
  }
}
