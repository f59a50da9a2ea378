import { describe, expect, it } from 'vitest'

import { FrequencySketch, MAX_FREQUENCY } from '../../../../src/adapters/node/frequency-sketch.ts'
import { createSeededRandom } from '../../../support/seeded-random.ts'

const random = createSeededRandom(3)
const names = Array.from({ length: 2000 }, () => random.integer(0, 2 ** 53 - 1))

function use(sketch: FrequencySketch, name: number, count: number): void {
  for (let i = 0; i < count; i++) sketch.add(name)
}

describe('FrequencySketch', () => {
  it('counts what it was told, and hardly ever more, up to 15', () => {
    const sketch = new FrequencySketch()
    names.slice(0, 500).forEach((name, i) => use(sketch, name, i % 20))
    const estimates = names.slice(0, 500).map((name) => sketch.estimate(name))
    const told = estimates.map((_, i) => Math.min(i % 20, MAX_FREQUENCY))
    expect(estimates.every((estimate, i) => estimate >= (told[i] ?? 0))).toBe(true)
    expect(estimates.filter((estimate, i) => estimate !== told[i]).length).toBeLessThan(10)
  })

  it('tells names apart by their high bits alone', () => {
    const sketch = new FrequencySketch()
    use(sketch, 7, 5)
    expect(sketch.estimate(7)).toBe(5)
    expect(sketch.estimate(7 + 2 ** 32)).toBe(0)
  })

  it('forgets half of it after many uses', () => {
    const sketch = new FrequencySketch()
    const [popular = 0, other = 0] = names
    use(sketch, popular, 12)
    use(sketch, other, 2 ** 14 - 13)
    expect(sketch.estimate(popular)).toBe(12)
    use(sketch, other, 1)
    expect(sketch.estimate(popular)).toBe(6)
    expect(sketch.estimate(other)).toBe(7)
  })

  it('grows with what is stored, and knows what it knew', () => {
    const sketch = new FrequencySketch()
    names.slice(0, 100).forEach((name, i) => use(sketch, name, i % 10))
    const before = names.map((name) => sketch.estimate(name))
    const { bytes } = sketch
    sketch.reserve(100_000)
    expect(sketch.bytes).toBeGreaterThan(4 * bytes)
    expect(sketch.bytes / 100_000).toBeLessThan(100)
    expect(names.map((name) => sketch.estimate(name))).toEqual(before)
  })
})
