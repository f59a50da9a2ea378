import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { AdaptiveLimit } from '#core/upstream/adaptive-limit.ts'

const OPTIONS = { minCount: 8, maxCount: 200 }

/** Answers of an origin that has so many at once, and takes longer with each more. */
function runAgainst(limit: AdaptiveLimit, bearableCount: number, answerCount: number): void {
  for (let i = 0; i < answerCount; i++) {
    const running = limit.count
    limit.answered(40 * Math.max(1, running / bearableCount), running)
  }
}

describe('a limit that learns', () => {
  it('begins with all that is allowed, and stays there while answers are as fast as ever', () => {
    const limit = new AdaptiveLimit(OPTIONS)
    for (let i = 0; i < 1000; i++) limit.answered(20 + (i % 7), 200)
    expect(limit.count).toBe(200)
  })

  it('sinks towards what the origin bears, and rises again when it bears more', () => {
    const limit = new AdaptiveLimit(OPTIONS)
    for (let i = 0; i < 200; i++) limit.answered(40, 100)
    runAgainst(limit, 30, 500)
    expect(limit.count).toBeLessThan(110)
    runAgainst(limit, 1000, 500)
    expect(limit.count).toBe(200)
  })

  it('is not led by single slow answers, nor by those that few at once had', () => {
    const limit = new AdaptiveLimit(OPTIONS)
    for (let i = 0; i < 500; i++) limit.answered(i % 50 === 0 ? 3000 : 30, 190)
    expect(limit.count).toBeGreaterThan(150)
    for (let i = 0; i < 500; i++) limit.answered(5000, 3)
    expect(limit.count).toBeGreaterThan(150)
  })

  it('gives way where heads do not come in time', () => {
    const limit = new AdaptiveLimit(OPTIONS)
    for (let i = 0; i < 10; i++) limit.late()
    expect(limit.count).toBeLessThan(80)
  })

  it('never leaves its bounds', () => {
    const answer = fc.tuple(fc.double({ min: 0, max: 100_000, noNaN: true }), fc.nat(300))
    fc.assert(
      fc.property(fc.array(fc.option(answer)), (answers) => {
        const limit = new AdaptiveLimit(OPTIONS)
        for (const each of answers) {
          if (each === null) limit.late()
          else limit.answered(...each)
          expect(limit.count).toBeGreaterThanOrEqual(8)
          expect(limit.count).toBeLessThanOrEqual(200)
        }
      }),
    )
  })
})
