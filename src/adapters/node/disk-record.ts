// What stands in a slab: one slab header, then records, each at a multiple of 4 KiB.
//
//   record = fixed header (128 bytes) | CRC-32 of each 64 KiB block of the data | data | head | zeros
//
// A `segment` record has data, and may have a head too: then it is a body of one segment with the head of
// its key, and a hit is one read. A `head` record has a head only. The other kinds are about a key: they
// stand after what they are about, so that reading the log again from its end gives the same index.
//
// All numbers are little-endian. A header names its slab, its place and the slab's random number: bytes of a
// body that happen to look like a record, or a record in the wrong place, are never taken for one.

import { crc32 } from 'node:zlib'

import type { BodyId } from '#core/entry/body-id.ts'

export const ALIGN_BYTES = 4096
export const BLOCK_BYTES = 64 * 1024
/** The largest segment that fits a record; the CRCs of its blocks must fit the first 4 KiB. */
export const MAX_DATA_BYTES = 16 * 1024 * 1024
export const MAX_HEAD_BYTES = 4 * 1024 * 1024
const DIGEST_BYTES = 32
export const NONCE_BYTES = 8

const FIXED_BYTES = 128
const RECORD_MAGIC = 0x43455253 // "SREC"
const SLAB_MAGIC = 0x424c5353 // "SSLB"
const FORMAT_VERSION = 2
const CRC_AT = 124
const FLAG_INVALIDATED = 1
const NO_BODY = '0'.repeat(32)

/**
 * - `drop`, `validate`: an invalidation of the key, of a group or of everything, of what stands before it.
 * - `forget`: the head before it is lost or superseded by one that could not be written.
 */
const KINDS = ['segment', 'head', 'drop', 'validate', 'forget'] as const
export type RecordKind = (typeof KINDS)[number]

export interface RecordHeader {
  readonly kind: RecordKind
  /** Of a head that was carried over: all its variants must be validated before use. */
  readonly isInvalidated: boolean
  /** SHA-256 of the cache key. */
  readonly digest: Uint8Array
  /** Of the data; `undefined` where there is none. */
  readonly body: BodyId | undefined
  readonly segmentIndex: number
  readonly dataBytes: number
  readonly headBytes: number
  readonly headCrc: number
  readonly sequence: number
  /** Of the invalidation, or of the ticket under which the rest was written. */
  readonly position: number
  readonly generation: number
  /** Position of the last invalidation record before this one: a lost one leaves a gap that shows. */
  readonly lastPosition: number
  readonly slab: number
  readonly offset: number
  readonly blockCrcs: Uint32Array
}

export interface SlabHeader {
  readonly slab: number
  readonly nonce: Uint8Array
  readonly createdAtMs: number
  readonly lastPosition: number
}

export function headerBytesOf(dataBytes: number): number {
  return FIXED_BYTES + 4 * Math.ceil(dataBytes / BLOCK_BYTES)
}

/** Length of a record on disk, with what fills it up. */
export function recordBytesOf(dataBytes: number, headBytes: number): number {
  const bytes = headerBytesOf(dataBytes) + dataBytes + headBytes
  return Math.ceil(bytes / ALIGN_BYTES) * ALIGN_BYTES
}

export function blockCrcsOf(data: Uint8Array): Uint32Array {
  const crcs = new Uint32Array(Math.ceil(data.byteLength / BLOCK_BYTES))
  for (let i = 0; i < crcs.length; i++) {
    crcs[i] = crc32(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES))
  }
  return crcs
}

/** Whether the data is what the header was written for. */
export function isIntact(header: RecordHeader, data: Uint8Array): boolean {
  if (data.byteLength !== header.dataBytes) return false
  const crcs = blockCrcsOf(data)
  return crcs.every((crc, i) => crc === header.blockCrcs[i])
}

/** Whether these whole blocks of the data, from this byte on, are what the header was written for. */
export function areIntact(header: RecordHeader, startByte: number, blocks: Uint8Array): boolean {
  const first = startByte / BLOCK_BYTES
  return blockCrcsOf(blocks).every((crc, i) => crc === header.blockCrcs[first + i])
}

export function encodeRecordHeader(header: RecordHeader, nonce: Uint8Array): Buffer {
  const buffer = Buffer.alloc(headerBytesOf(header.dataBytes))
  buffer.writeUInt32LE(RECORD_MAGIC, 0)
  buffer.writeUInt16LE(FORMAT_VERSION, 4)
  buffer.writeUInt8(KINDS.indexOf(header.kind) + 1, 6)
  buffer.writeUInt8(header.isInvalidated ? FLAG_INVALIDATED : 0, 7)
  buffer.set(header.digest, 8)
  buffer.write(header.body ?? NO_BODY, 40, 16, 'hex')
  buffer.writeUInt32LE(header.segmentIndex, 56)
  buffer.writeUInt32LE(header.dataBytes, 60)
  buffer.writeUInt32LE(header.headBytes, 64)
  buffer.writeUInt32LE(header.headCrc, 68)
  // Six of eight bytes each: up to 2^48.
  buffer.writeUIntLE(header.sequence, 72, 6)
  buffer.writeUIntLE(header.position, 80, 6)
  buffer.writeUIntLE(header.generation, 88, 6)
  buffer.writeUIntLE(header.lastPosition, 96, 6)
  buffer.writeUInt32LE(header.slab, 104)
  buffer.writeUInt32LE(header.offset / ALIGN_BYTES, 108)
  buffer.set(nonce, 112)
  for (const [i, crc] of header.blockCrcs.entries()) buffer.writeUInt32LE(crc, FIXED_BYTES + 4 * i)
  buffer.writeUInt32LE(headerCrcOf(buffer), CRC_AT)
  return buffer
}

/**
 * @param bytes From the record's first byte; 4 KiB always hold the header.
 * @returns `undefined` for anything that is not a header written at this place of this slab.
 */
export function decodeRecordHeader(
  bytes: Uint8Array,
  at: { readonly slab: number; readonly offset: number; readonly nonce: Uint8Array },
): RecordHeader | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.byteLength < FIXED_BYTES || buffer.readUInt32LE(0) !== RECORD_MAGIC) return undefined
  const kind = KINDS[buffer.readUInt8(6) - 1]
  if (buffer.readUInt16LE(4) !== FORMAT_VERSION || kind === undefined) return undefined
  const dataBytes = buffer.readUInt32LE(60)
  const headBytes = buffer.readUInt32LE(64)
  if (dataBytes > MAX_DATA_BYTES || headBytes > MAX_HEAD_BYTES) return undefined
  const headerBytes = headerBytesOf(dataBytes)
  if (buffer.byteLength < headerBytes) return undefined
  if (headerCrcOf(buffer.subarray(0, headerBytes)) !== buffer.readUInt32LE(CRC_AT)) return undefined
  const slab = buffer.readUInt32LE(104)
  const offset = buffer.readUInt32LE(108) * ALIGN_BYTES
  const isInPlace = slab === at.slab && offset === at.offset
  if (!isInPlace || buffer.compare(at.nonce, 0, NONCE_BYTES, 112, 120) !== 0) return undefined
  const blockCrcs = new Uint32Array((headerBytes - FIXED_BYTES) / 4)
  for (let i = 0; i < blockCrcs.length; i++) blockCrcs[i] = buffer.readUInt32LE(FIXED_BYTES + 4 * i)
  return {
    kind,
    isInvalidated: (buffer.readUInt8(7) & FLAG_INVALIDATED) !== 0,
    digest: Uint8Array.from(buffer.subarray(8, 8 + DIGEST_BYTES)),
    body: kind === 'segment' ? (buffer.toString('hex', 40, 56) as BodyId) : undefined,
    segmentIndex: buffer.readUInt32LE(56),
    dataBytes,
    headBytes,
    headCrc: buffer.readUInt32LE(68),
    sequence: buffer.readUIntLE(72, 6),
    position: buffer.readUIntLE(80, 6),
    generation: buffer.readUIntLE(88, 6),
    lastPosition: buffer.readUIntLE(96, 6),
    slab,
    offset,
    blockCrcs,
  }
}

export function encodeSlabHeader(header: SlabHeader): Buffer {
  const buffer = Buffer.alloc(ALIGN_BYTES)
  buffer.writeUInt32LE(SLAB_MAGIC, 0)
  buffer.writeUInt16LE(FORMAT_VERSION, 4)
  buffer.writeUInt32LE(header.slab, 8)
  buffer.set(header.nonce, 16)
  buffer.writeDoubleLE(header.createdAtMs, 24)
  buffer.writeUIntLE(header.lastPosition, 32, 6)
  buffer.writeUInt32LE(headerCrcOf(buffer), CRC_AT)
  return buffer
}

export function decodeSlabHeader(buffer: Buffer, slab: number): SlabHeader | undefined {
  if (buffer.byteLength < ALIGN_BYTES || buffer.readUInt32LE(0) !== SLAB_MAGIC) return undefined
  if (buffer.readUInt16LE(4) !== FORMAT_VERSION || buffer.readUInt32LE(8) !== slab) return undefined
  if (headerCrcOf(buffer.subarray(0, ALIGN_BYTES)) !== buffer.readUInt32LE(CRC_AT)) return undefined
  return {
    slab,
    nonce: Uint8Array.from(buffer.subarray(16, 16 + NONCE_BYTES)),
    createdAtMs: buffer.readDoubleLE(24),
    lastPosition: buffer.readUIntLE(32, 6),
  }
}

/** Over everything but its own four bytes. */
function headerCrcOf(header: Uint8Array): number {
  return crc32(header.subarray(FIXED_BYTES), crc32(header.subarray(0, CRC_AT)))
}
