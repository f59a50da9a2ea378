import { crc32 } from 'node:zlib'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { crcOf } from '#core/entry/crc.ts'
import { CrcPieces, joinedCrc } from '#core/entry/crc-pieces.ts'
import { slowDigest } from '../../../support/slow-digest.ts'

const ALGORITHMS = ['crc32', 'crc32c', 'crc64nvme'] as const
/** Of "123456789", in the catalogues of CRCs. */
const CHECKS = { crc32: 0xcbf43926n, crc32c: 0xe3069283n, crc64nvme: 0xae8b14860a799888n }
const NINE = Buffer.from('123456789')

describe.each(ALGORITHMS)('crcOf %s', (algorithm) => {
  it('gives the check value of the catalogues', () => {
    expect(crcOf(algorithm, NINE)).toBe(CHECKS[algorithm])
    expect(crcOf(algorithm, new Uint8Array())).toBe(0n)
  })

  it('divides by the polynomial, whatever the length and wherever in a buffer the bytes lie', () => {
    const cases = fc.tuple(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 9 }))
    fc.assert(
      fc.property(cases, ([bytes, offset]) => {
        const padded = new Uint8Array(offset + bytes.byteLength + 20)
        padded.set(bytes, offset)
        const view = padded.subarray(offset, offset + bytes.byteLength)
        const hex = slowDigest(algorithm, bytes).toString('hex')
        expect(crcOf(algorithm, view)).toBe(BigInt(`0x${hex}`))
      }),
      { numRuns: 300 },
    )
  })
})

describe('crcOf', () => {
  it('agrees with zlib about a segment', () => {
    const segment = Uint8Array.from({ length: 1024 * 1024 + 13 }, (_, i) => (i * i) >> 3)
    expect(crcOf('crc32', segment)).toBe(BigInt(crc32(segment)))
  })
})

/** Bytes, and where they are cut into parts. */
const cuts = fc
  .uint8Array({ minLength: 1, maxLength: 400 })
  .chain((bytes) =>
    fc.tuple(
      fc.constant(bytes),
      fc.uniqueArray(fc.integer({ min: 1, max: bytes.byteLength }), { maxLength: 20 }),
      fc.infiniteStream(fc.nat()),
    ),
  )
  .map(([bytes, at, order]) => {
    const edges = [...new Set([0, ...at, bytes.byteLength])].toSorted((a, b) => a - b)
    const parts = edges.slice(1).map((endByte, i) => ({ startByte: edges[i] ?? 0, endByte }))
    const shuffled = parts
      .map((part) => ({ part, place: order.next().value ?? 0 }))
      .toSorted((a, b) => a.place - b.place)
      .map(({ part }) => part)
    return { bytes, parts: shuffled }
  })

describe.each(ALGORITHMS)('joinedCrc %s', (algorithm) => {
  it('is the CRC of both one behind the other', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
        const [a, b] = [crcOf(algorithm, first), crcOf(algorithm, second)]
        const both = crcOf(algorithm, Buffer.concat([first, second]))
        expect(joinedCrc(algorithm, a, b, second.byteLength)).toBe(both)
      }),
    )
  })

  it('goes with parts longer than 32 bits can count', () => {
    const GIB = 2 ** 30
    const grown = (bytes: number): bigint => {
      let zeros = crcOf(algorithm, new Uint8Array(1))
      for (let i = 1; i < bytes; i *= 2) zeros = joinedCrc(algorithm, zeros, zeros, i)
      return zeros
    }
    const nine = crcOf(algorithm, NINE)
    let stepwise = nine
    for (let i = 0; i < 16; i++) stepwise = joinedCrc(algorithm, stepwise, grown(GIB), GIB)
    expect(joinedCrc(algorithm, nine, grown(16 * GIB), 16 * GIB)).toBe(stepwise)
  })
})

describe.each(ALGORITHMS)('CrcPieces %s', (algorithm) => {
  it('gives the CRC of the whole when the last part has come, in any order, and not before', () => {
    fc.assert(
      fc.property(cuts, ({ bytes, parts }) => {
        const pieces = new CrcPieces(algorithm)
        for (const { startByte, endByte } of parts) {
          expect(pieces.whole(bytes.byteLength)).toBeUndefined()
          expect(pieces.has(startByte)).toBe(false)
          const crc = crcOf(algorithm, bytes.subarray(startByte, endByte))
          pieces.add(startByte, endByte, crc)
          expect(pieces.has(endByte - 1)).toBe(true)
          // What came before is not taken again.
          pieces.add(startByte, endByte, crc ^ 1n)
        }
        expect(pieces.whole(bytes.byteLength)).toBe(crcOf(algorithm, bytes))
      }),
    )
  })

  it('knows where the first gap is', () => {
    fc.assert(
      fc.property(cuts, ({ bytes, parts }) => {
        const pieces = new CrcPieces(algorithm)
        const isHere = new Uint8Array(bytes.byteLength + 1)
        for (const { startByte, endByte } of parts) {
          pieces.add(startByte, endByte, 0n)
          isHere.fill(1, startByte, endByte)
          expect(pieces.firstGapByte()).toBe(isHere.indexOf(0))
        }
      }),
    )
  })

  it('leaves out what overlaps', () => {
    for (const [startByte, endByte] of [
      [0, 20],
      [15, 25],
      [25, 35],
      [10, 30],
      [12, 13],
    ] as const) {
      const pieces = new CrcPieces(algorithm)
      pieces.add(10, 30, crcOf(algorithm, NINE))
      pieces.add(startByte, endByte, 1n)
      expect([pieces.has(9), pieces.has(30), pieces.firstGapByte()]).toEqual([false, false, 0])
    }
  })

  it('gives 0 for a body of no bytes', () => {
    expect(new CrcPieces(algorithm).whole(0)).toBe(0n)
  })
})
