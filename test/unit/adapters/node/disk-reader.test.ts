import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { checkedRangeOf } from '../../../../src/adapters/node/disk-reader.ts'

const KIB = 1024
const MIB = 1024 * KIB

describe('checkedRangeOf', () => {
  it('is whole blocks of 64 KiB, with a bit each', () => {
    expect(checkedRangeOf(MIB, 0, 1)).toEqual({ startByte: 0, endByte: 64 * KIB, parts: 1 })
    expect(checkedRangeOf(MIB, 64 * KIB - 1, 64 * KIB + 1)).toEqual({
      startByte: 0,
      endByte: 128 * KIB,
      parts: 3,
    })
    expect(checkedRangeOf(MIB, MIB - 1, MIB).parts).toBe(1 << 15)
    expect(checkedRangeOf(100 * KIB, 70 * KIB, 100 * KIB)).toEqual({
      startByte: 64 * KIB,
      endByte: 100 * KIB,
      parts: 2,
    })
  })

  it('never needs more than sixteen bits, and covers what is asked for', () => {
    const asked = fc.tuple(fc.integer({ min: 1, max: 16 * MIB }), fc.nat(), fc.nat())
    fc.assert(
      fc.property(asked, ([dataBytes, a, b]) => {
        const startByte = a % dataBytes
        const endByte = startByte + 1 + (b % (dataBytes - startByte))
        const range = checkedRangeOf(dataBytes, startByte, endByte)
        expect(range.startByte).toBeLessThanOrEqual(startByte)
        expect(range.startByte % (64 * KIB)).toBe(0)
        expect(range.endByte).toBeGreaterThanOrEqual(endByte)
        expect(range.endByte === dataBytes || range.endByte % (64 * KIB) === 0).toBe(true)
        expect(range.parts).toBeGreaterThan(0)
        expect(range.parts).toBeLessThan(2 ** 16)
        const all = checkedRangeOf(dataBytes, 0, dataBytes)
        expect(all.parts & range.parts).toBe(range.parts)
        expect(all.endByte).toBe(dataBytes)
      }),
    )
  })
})
