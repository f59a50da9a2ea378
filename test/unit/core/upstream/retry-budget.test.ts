import { describe, expect, it } from 'vitest'

import { createRetryBudget } from '#core/upstream/retry-budget.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'

function takenOf(budget: ReturnType<typeof createRetryBudget>, askCount: number): number {
  return Array.from({ length: askCount }, () => budget.take()).filter(Boolean).length
}

describe('the retry budget', () => {
  it('gives the least there is without traffic, and a share of what there is', () => {
    const clock = createSteppedClock()
    const budget = createRetryBudget({ clock, fraction: 0.2, minCount: 3 })
    expect(takenOf(budget, 10)).toBe(3)
    for (let i = 0; i < 100; i++) budget.noteRequest()
    expect(takenOf(budget, 100)).toBe(17)
  })

  it('forgets what is more than ten seconds ago', async () => {
    const clock = createSteppedClock()
    const budget = createRetryBudget({ clock, fraction: 0.2, minCount: 3 })
    for (let i = 0; i < 100; i++) budget.noteRequest()
    expect(takenOf(budget, 100)).toBe(20)
    await clock.step(5000)
    expect(budget.take()).toBe(false)
    await clock.step(6000)
    expect(takenOf(budget, 100)).toBe(3)
  })
})
