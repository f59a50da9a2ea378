// Cyclic redundancy checks over bytes, eight or sixteen at a time by tables ("slicing").

import type { CrcAlgorithm } from '../http/digest-fields.ts'

export interface CrcParameters {
  readonly bits: 32 | 64
  /** Reflected: the coefficient of x^0 is the highest bit. */
  readonly polynomial: bigint
}

/** All are reflected, and inverted before and after. */
export const CRCS: Readonly<Record<CrcAlgorithm, CrcParameters>> = {
  crc32: { bits: 32, polynomial: 0xedb8_8320n },
  crc32c: { bits: 32, polynomial: 0x82f6_3b78n },
  crc64nvme: { bits: 64, polynomial: 0x9a6c_9329_ac4b_c9b5n },
}

/** Table `k` at `k * 256` entries: what a byte does that has `k` others behind it. Made when first used. */
const tables = new Map<CrcAlgorithm, DataView>()

/** The CRC of these bytes alone. */
export function crcOf(algorithm: CrcAlgorithm, bytes: Uint8Array): bigint {
  let table = tables.get(algorithm)
  if (table === undefined) tables.set(algorithm, (table = tableOf(CRCS[algorithm])))
  return CRCS[algorithm].bits === 32 ? crc32Of(table, bytes) : crc64Of(table, bytes)
}

const SLICE_COUNT = { 32: 16, 64: 8 } as const

function tableOf({ bits, polynomial }: CrcParameters): DataView {
  const entryBytes = bits / 8
  const table = new DataView(new ArrayBuffer(SLICE_COUNT[bits] * 256 * entryBytes))
  const first = Array.from({ length: 256 }, (_, byte) => {
    let crc = BigInt(byte)
    for (let i = 0; i < 8; i++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ polynomial : crc >> 1n
    return crc
  })
  let slice = first
  for (let k = 0; k < SLICE_COUNT[bits]; k++) {
    slice.forEach((crc, byte) => {
      const atByte = (k * 256 + byte) * entryBytes
      if (bits === 32) table.setUint32(atByte, Number(crc), true)
      else table.setBigUint64(atByte, crc, true)
    })
    slice = slice.map((crc) => (crc >> 8n) ^ (first[Number(crc & 255n)] ?? 0n))
  }
  return table
}

// A table is a DataView and not a typed array: twice as fast, as no element of it can be undefined.

/** Sixteen bytes a step: entries of 4 bytes, tables of 1024. */
function crc32Of(t: DataView, bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const endByte = bytes.byteLength
  let crc = -1
  let i = 0
  for (; i + 16 <= endByte; i += 16) {
    const a = crc ^ view.getInt32(i, true)
    const b = view.getInt32(i + 4, true)
    const c = view.getInt32(i + 8, true)
    const d = view.getInt32(i + 12, true)
    crc =
      t.getInt32(15_360 + ((a << 2) & 1020), true) ^
      t.getInt32(14_336 + ((a >>> 6) & 1020), true) ^
      t.getInt32(13_312 + ((a >>> 14) & 1020), true) ^
      t.getInt32(12_288 + ((a >>> 22) & 1020), true) ^
      t.getInt32(11_264 + ((b << 2) & 1020), true) ^
      t.getInt32(10_240 + ((b >>> 6) & 1020), true) ^
      t.getInt32(9216 + ((b >>> 14) & 1020), true) ^
      t.getInt32(8192 + ((b >>> 22) & 1020), true) ^
      t.getInt32(7168 + ((c << 2) & 1020), true) ^
      t.getInt32(6144 + ((c >>> 6) & 1020), true) ^
      t.getInt32(5120 + ((c >>> 14) & 1020), true) ^
      t.getInt32(4096 + ((c >>> 22) & 1020), true) ^
      t.getInt32(3072 + ((d << 2) & 1020), true) ^
      t.getInt32(2048 + ((d >>> 6) & 1020), true) ^
      t.getInt32(1024 + ((d >>> 14) & 1020), true) ^
      t.getInt32((d >>> 22) & 1020, true)
  }
  for (; i < endByte; i++) {
    crc = t.getInt32(((crc ^ view.getUint8(i)) << 2) & 1020, true) ^ (crc >>> 8)
  }
  return BigInt(~crc >>> 0)
}

/** Eight bytes a step: entries of 8 bytes, the low half first, tables of 2048. */
function crc64Of(t: DataView, bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const endByte = bytes.byteLength
  let low = -1
  let high = -1
  let i = 0
  for (; i + 8 <= endByte; i += 8) {
    const a = low ^ view.getInt32(i, true)
    const b = high ^ view.getInt32(i + 4, true)
    const t7 = 14_336 + ((a << 3) & 2040)
    const t6 = 12_288 + ((a >>> 5) & 2040)
    const t5 = 10_240 + ((a >>> 13) & 2040)
    const t4 = 8192 + ((a >>> 21) & 2040)
    const t3 = 6144 + ((b << 3) & 2040)
    const t2 = 4096 + ((b >>> 5) & 2040)
    const t1 = 2048 + ((b >>> 13) & 2040)
    const t0 = (b >>> 21) & 2040
    low =
      t.getInt32(t7, true) ^
      t.getInt32(t6, true) ^
      t.getInt32(t5, true) ^
      t.getInt32(t4, true) ^
      t.getInt32(t3, true) ^
      t.getInt32(t2, true) ^
      t.getInt32(t1, true) ^
      t.getInt32(t0, true)
    high =
      t.getInt32(t7 + 4, true) ^
      t.getInt32(t6 + 4, true) ^
      t.getInt32(t5 + 4, true) ^
      t.getInt32(t4 + 4, true) ^
      t.getInt32(t3 + 4, true) ^
      t.getInt32(t2 + 4, true) ^
      t.getInt32(t1 + 4, true) ^
      t.getInt32(t0 + 4, true)
  }
  for (; i < endByte; i++) {
    const t0 = ((low ^ view.getUint8(i)) << 3) & 2040
    low = t.getInt32(t0, true) ^ ((low >>> 8) | (high << 24))
    high = t.getInt32(t0 + 4, true) ^ (high >>> 8)
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0)
}
