import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  MIN_FREED_SHARE,
  Retention,
  UNKNOWN_CLASS,
} from '../../../../src/adapters/node/disk-retention.ts'

const CAPACITY = 1_000_000

function candidate(name: number, changes: { isUsed?: boolean; isUnknown?: boolean } = {}) {
  return { name, bytes: 1000, isUsed: false, isUnknown: false, ...changes }
}

/** Has evicted something: from now on it chooses. */
function full(): Retention {
  const retention = new Retention(CAPACITY)
  retention.keep([], 1000)
  return retention
}

describe('Retention', () => {
  it('takes everything until something had to go', () => {
    const retention = new Retention(CAPACITY)
    for (let name = 0; name < 5000; name++) {
      expect(retention.admit(name, 100)).not.toBe(undefined)
    }
    expect(retention.clockBytes).toBe(0)
  })

  it('takes no more of what is asked for once, when nothing of it comes back', () => {
    const retention = full()
    let takenCount = 0
    for (let name = 0; name < 5000; name++) {
      retention.use(name)
      if (retention.admit(name, 100) !== undefined) takenCount++
    }
    expect(takenCount).toBeLessThan(200)
    expect(retention.clockBytes).toBe((5000 - takenCount) * 100)
  })

  it('takes what is asked for again, all the while', () => {
    const retention = full()
    for (let name = 0; name < 5000; name++) {
      retention.use(name)
      retention.admit(name, 100)
    }
    retention.use(4999)
    expect(retention.admit(4999, 100)).not.toBe(undefined)
  })

  it('learns that what is new comes back, and takes it from then on', () => {
    const retention = full()
    for (let name = 0; name < 2000; name++) {
      retention.use(name)
      retention.admit(name, 100)
    }
    const wasTaken: boolean[] = []
    for (let name = 10_000; name < 14_000; name++) {
      retention.use(name)
      const useClass = retention.admit(name, 100)
      wasTaken.push(useClass !== undefined)
      // Asked for again, soon after.
      if (useClass !== undefined) retention.reuse(useClass, retention.clockBytes)
      else retention.admit(name, 100)
    }
    expect(wasTaken.slice(-1000).filter(Boolean).length).toBeGreaterThan(900)
  })

  it('keeps what was used often, and used since it was written', () => {
    const retention = full()
    const often = [1, 2, 3, 4].map((name) => candidate(name, { isUsed: true }))
    for (const { name } of often) for (let i = 0; i < 10; i++) retention.use(name)
    const never = Array.from({ length: 12 }, (_, i) => candidate(100 + i))
    const kept = retention.keep([...never, ...often], 16_000)
    const names = kept.map((one) => one.candidate.name)
    expect(names).toEqual(expect.arrayContaining([1, 2, 3, 4]))
    expect(names).toHaveLength(4)
  })

  it('takes what is asked for twice, and not once, where an earlier process has filled the disk', () => {
    const retention = new Retention(CAPACITY)
    retention.resume(CAPACITY * 0.9)
    retention.use(1)
    expect(retention.admit(1, 100)).toBeUndefined()
    retention.use(1)
    expect(retention.admit(1, 100)).not.toBe(undefined)
    const empty = new Retention(CAPACITY)
    empty.resume(CAPACITY / 2)
    expect(empty.admit(2, 100)).not.toBe(undefined)
  })

  it('keeps what an earlier process has left, as far as it can', () => {
    const left = Array.from({ length: 100 }, (_, i) => candidate(i, { isUnknown: true }))
    expect(full().keep(left, 100_000)).toHaveLength(84)
  })

  it('never keeps more than its share of a slab, counting what is gone already', () => {
    const records = fc.array(
      fc.record({
        name: fc.nat({ max: 50 }),
        bytes: fc.integer({ min: 1, max: 5000 }),
        isUsed: fc.boolean(),
        isUnknown: fc.boolean(),
      }),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(records, fc.nat({ max: 20_000 }), (candidates, goneBytes) => {
        const retention = full()
        for (const { name } of candidates) retention.use(name)
        const bytes = candidates.reduce((sum, one) => sum + one.bytes, 0)
        const kept = retention.keep(candidates, bytes + goneBytes)
        const keptBytes = kept.reduce((sum, one) => sum + one.candidate.bytes, 0)
        expect(keptBytes).toBeLessThanOrEqual((bytes + goneBytes) * (1 - MIN_FREED_SHARE))
        expect(new Set(kept.map((one) => one.candidate)).size).toBe(kept.length)
        expect(kept.every(({ useClass }) => useClass !== UNKNOWN_CLASS && useClass < 64)).toBe(true)
      }),
    )
  })

  it('begins an epoch several times while everything is written anew', () => {
    const retention = full()
    const before = retention.epoch
    retention.wrote(CAPACITY / 20, 10)
    expect(retention.epoch).toBe(before)
    retention.wrote(CAPACITY / 20, 10)
    expect(retention.epoch).toBe(before + 1)
  })
})
