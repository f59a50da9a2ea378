import { describe, expect, it } from 'vitest'

import { createRateLimit } from '#app/rate-limit.ts'
import { createSteppedClock } from '../../support/stepped-clock.ts'

describe('createRateLimit', () => {
  it('lets so many by within a second, and says how long it is to the next', () => {
    const clock = createSteppedClock()
    const take = createRateLimit(3, clock)
    expect([take(), take()]).toEqual([0, 0])
    clock.advance(400)
    expect([take(), take()]).toEqual([0, 600])
    clock.advance(599)
    expect(take()).toBe(1)
    clock.advance(1)
    // Two places are free again, and the third is 400 ms younger.
    expect([take(), take(), take()]).toEqual([0, 0, 400])
  })

  it('holds for every second, wherever it begins', () => {
    const clock = createSteppedClock()
    const take = createRateLimit(10, clock)
    const takenAtMs: number[] = []
    for (let atMs = 0; atMs < 5000; atMs += 7) {
      if (take() === 0) takenAtMs.push(atMs)
      clock.advance(7)
    }
    for (const startMs of takenAtMs) {
      const within = takenAtMs.filter((atMs) => atMs >= startMs && atMs < startMs + 1000)
      expect(within.length).toBeLessThanOrEqual(10)
    }
    expect(takenAtMs.length).toBe(50)
  })

  it('takes no place for who is refused', () => {
    const clock = createSteppedClock()
    const take = createRateLimit(1, clock)
    expect(take()).toBe(0)
    for (let count = 0; count < 100; count++) expect(take()).toBe(1000)
    clock.advance(1000)
    expect(take()).toBe(0)
  })
})
