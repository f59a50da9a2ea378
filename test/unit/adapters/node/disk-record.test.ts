import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { BodyId } from '#core/entry/body-id.ts'

import {
  BLOCK_BYTES,
  blockCrcsOf,
  decodeRecordHeader,
  decodeSlabHeader,
  encodeRecordHeader,
  encodeSlabHeader,
  headerBytesOf,
  isIntact,
  recordBytesOf,
} from '../../../../src/adapters/node/disk-record.ts'
import type { RecordHeader, RecordKind } from '../../../../src/adapters/node/disk-record.ts'

const bytes = (count: number) => fc.uint8Array({ minLength: count, maxLength: count })
const position = fc.nat({ max: 2 ** 31 - 1 }).map((low) => low * 3)
const kind = fc.constantFrom<RecordKind[]>('segment', 'head', 'drop', 'validate', 'forget')

const header: fc.Arbitrary<RecordHeader> = fc
  .record({
    kind,
    isInvalidated: fc.boolean(),
    digest: bytes(32),
    bodyBytes: bytes(16),
    segmentIndex: fc.nat(),
    crcs: fc.array(fc.nat(), { maxLength: 256, size: 'max' }),
    lastBlockBytes: fc.integer({ min: 1, max: BLOCK_BYTES }),
    headBytes: fc.nat({ max: 4 * 2 ** 20 }),
    headCrc: fc.nat(),
    sequence: position,
    position,
    generation: position,
    lastPosition: position,
    slab: fc.nat(),
    offset: fc.nat({ max: 2 ** 20 }).map((units) => units * 4096),
  })
  .map(({ bodyBytes, crcs, lastBlockBytes, ...rest }) => ({
    ...rest,
    body: rest.kind === 'segment' ? (Buffer.from(bodyBytes).toString('hex') as BodyId) : undefined,
    dataBytes: crcs.length === 0 ? 0 : (crcs.length - 1) * BLOCK_BYTES + lastBlockBytes,
    blockCrcs: Uint32Array.from(crcs),
  }))

describe('encodeRecordHeader', () => {
  it('writes what decodeRecordHeader reads, in the first 4 KiB', () => {
    fc.assert(
      fc.property(header, bytes(8), (written, nonce) => {
        const buffer = encodeRecordHeader(written, nonce)
        expect(buffer.byteLength).toBe(headerBytesOf(written.dataBytes))
        expect(buffer.byteLength).toBeLessThanOrEqual(4096)
        expect(decodeRecordHeader(buffer, { ...written, nonce })).toEqual(written)
      }),
      { numRuns: 200 },
    )
  })

  it('is not read with any one bit of it changed', () => {
    fc.assert(
      fc.property(header, bytes(8), fc.nat(), (written, nonce, at) => {
        const buffer = encodeRecordHeader(written, nonce)
        const bit = at % (buffer.byteLength * 8)
        buffer[bit >> 3] = (buffer[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(decodeRecordHeader(buffer, { ...written, nonce })).toBeUndefined()
      }),
      { numRuns: 1000 },
    )
  })

  it('is not read anywhere else: another slab, another place, a slab with another number', () => {
    fc.assert(
      fc.property(header, bytes(8), (written, nonce) => {
        const buffer = encodeRecordHeader(written, nonce)
        const { slab, offset } = written
        const other = Uint8Array.from(nonce)
        other[3] = (other[3] ?? 0) ^ 1
        expect(decodeRecordHeader(buffer, { slab: slab + 1, offset, nonce })).toBeUndefined()
        expect(decodeRecordHeader(buffer, { slab, offset: offset + 4096, nonce })).toBeUndefined()
        expect(decodeRecordHeader(buffer, { slab, offset, nonce: other })).toBeUndefined()
      }),
    )
  })

  it('is not read from anything shorter than itself', () => {
    fc.assert(
      fc.property(header, bytes(8), fc.nat(), (written, nonce, cut) => {
        const buffer = encodeRecordHeader(written, nonce)
        const short = buffer.subarray(0, cut % buffer.byteLength)
        expect(decodeRecordHeader(short, { ...written, nonce })).toBeUndefined()
      }),
    )
  })

  it('reads no random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096, size: 'max' }), bytes(8), (random, nonce) => {
        expect(decodeRecordHeader(random, { slab: 1, offset: 4096, nonce })).toBeUndefined()
        expect(decodeSlabHeader(Buffer.from(random), 1)).toBeUndefined()
      }),
    )
  })
})

describe('isIntact', () => {
  it.each([0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])(
    'sees every changed bit, and every missing byte, of %i bytes',
    (count) => {
      const data = Uint8Array.from({ length: count }, (_, i) => i * 7)
      const facts = { dataBytes: count, blockCrcs: blockCrcsOf(data) } as RecordHeader
      expect(isIntact(facts, data)).toBe(true)
      for (let at = 0; at < count; at += 4099) {
        const changed = Uint8Array.from(data)
        changed[at] = (changed[at] ?? 0) ^ 0x10
        expect(isIntact(facts, changed)).toBe(false)
      }
      expect(isIntact(facts, data.subarray(1))).toBe(count === 0)
    },
  )
})

describe('recordBytesOf', () => {
  it('is the least multiple of 4 KiB that holds header, data and head', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 24 }), fc.nat({ max: 2 ** 22 }), (dataBytes, headBytes) => {
        const needed = headerBytesOf(dataBytes) + dataBytes + headBytes
        const room = recordBytesOf(dataBytes, headBytes)
        expect(room % 4096).toBe(0)
        expect(room - needed).toBeGreaterThanOrEqual(0)
        expect(room - needed).toBeLessThan(4096)
      }),
    )
  })
})

describe('encodeSlabHeader', () => {
  it('writes what decodeSlabHeader reads, for this slab and no other, and only unchanged', () => {
    const facts = fc.record({
      slab: fc.nat(),
      nonce: bytes(8),
      createdAtMs: fc.double({ noNaN: true }),
      lastPosition: position,
    })
    fc.assert(
      fc.property(facts, fc.nat({ max: 4096 * 8 - 1 }), (written, bit) => {
        const buffer = encodeSlabHeader(written)
        expect(decodeSlabHeader(buffer, written.slab)).toEqual(written)
        expect(decodeSlabHeader(buffer, written.slab + 1)).toBeUndefined()
        buffer[bit >> 3] = (buffer[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(decodeSlabHeader(buffer, written.slab)).toBeUndefined()
      }),
    )
  })
})
