// The policy of the disk tier against the bounds that it has to hold, on small traces. The benchmark runs the
// same at the size of a real disk.

import { describe, expect, it } from 'vitest'

import { measureHitRatios } from '../../../bench/hit-ratio.ts'
import { RECORD_BYTES, recency, zipfWithLargeObject, zipfWithScan } from '../../../bench/traces.ts'

const CAPACITY_BYTES = 500 * RECORD_BYTES

describe('the retention of the disk tier', () => {
  it('hits 8 points more than LRU and 4 more than min_uses 2 during a scan of 10 × its size', () => {
    const { lru, minUses, sluice } = measureHitRatios(zipfWithScan(30, 1), 2 * CAPACITY_BYTES, 1)
    expect(sluice.objects - lru.objects).toBeGreaterThan(8)
    expect(sluice.objects - minUses.objects).toBeGreaterThan(4)
  })

  it('hits 8 points more than both when the scan asks for each object twice', () => {
    const trace = zipfWithScan(30, 1, { useCount: 2 })
    const { lru, minUses, sluice } = measureHitRatios(trace, CAPACITY_BYTES, 1)
    expect(sluice.objects - lru.objects).toBeGreaterThan(8)
    expect(sluice.objects - minUses.objects).toBeGreaterThan(8)
  })

  it('does so for bytes as well where sizes differ', () => {
    const { lru, minUses, sluice } = measureHitRatios(
      zipfWithScan(30, 1, { sizes: 'mixed' }),
      CAPACITY_BYTES / 4,
      1,
    )
    expect(sluice.bytes - lru.bytes).toBeGreaterThan(8)
    expect(sluice.bytes - minUses.bytes).toBeGreaterThan(3)
  })

  it('loses at most 5 points of a popular set that fits to such a scan', () => {
    const before = measureHitRatios(zipfWithScan(0.8, 0), CAPACITY_BYTES, 2).sluice
    const during = measureHitRatios(zipfWithScan(0.8, 1), CAPACITY_BYTES, 2).sluice
    expect(before.objects - during.objects).toBeLessThan(5)
  })

  it('loses at most 5 points to one object of 10 × its size', () => {
    const before = measureHitRatios(zipfWithScan(10, 0), CAPACITY_BYTES, 3).sluice
    const during = measureHitRatios(zipfWithLargeObject(10, 10), CAPACITY_BYTES, 3).sluice
    expect(before.objects - during.objects).toBeLessThan(5)
  })

  it.each([0.1, 0.3])('hits at most 1 point less than LRU where recency is all (%f)', (share) => {
    const { lru, sluice } = measureHitRatios(recency(share), 2 * CAPACITY_BYTES, 4)
    expect(lru.objects - sluice.objects).toBeLessThan(1)
  })
})
