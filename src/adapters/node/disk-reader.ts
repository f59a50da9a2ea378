// Reads records. Nothing leaves here that was not checked against its checksums once in this process.

import { crc32 } from 'node:zlib'

import type { BodyId } from '#core/entry/body-id.ts'

import type { DiskEntry } from './disk-entry.ts'
import { parseEntry } from './disk-entry.ts'
import { codeOf } from './disk-files.ts'
import type { Place } from './disk-index.ts'
import { BLOCK_BYTES, areIntact, decodeRecordHeader, headerBytesOf } from './disk-record.ts'
import { isIntact } from './disk-record.ts'
import type { RecordHeader } from './disk-record.ts'
import type { Slab, Slabs } from './slabs.ts'

export interface ReadRecord {
  readonly header: RecordHeader
  readonly data: Uint8Array
  readonly entry: DiskEntry | undefined
}

/** What is on disk is not what was written there. */
export class CorruptRecordError extends Error {
  constructor(place: Place, why: string) {
    super(`Cannot use record at ${place.offset} of slab ${place.slab}: ${why}`)
  }
}

/**
 * Reads a record at once: header, data, and the head where the place has one.
 *
 * @param isChecked Whether this process has compared the data with its checksums before.
 * @throws When it cannot be read, or is not what was written.
 */
export async function readRecord(
  slabs: Slabs,
  slab: Slab,
  place: Place,
  isChecked: boolean,
): Promise<ReadRecord> {
  const { offset, dataBytes, headBytes } = place
  const head = Buffer.allocUnsafe(headerBytesOf(dataBytes))
  const data = exactBytes(dataBytes)
  const text = Buffer.allocUnsafe(headBytes)
  const buffers = [head, data, text].filter(({ byteLength }) => byteLength > 0)
  await slabs.read(slab, buffers, offset)
  const header = decodeRecordHeader(head, { slab: slab.number, offset, nonce: slab.nonce })
  if (header === undefined) throw new CorruptRecordError(place, 'the header is damaged')
  if (header.dataBytes !== dataBytes) throw new CorruptRecordError(place, 'another length')
  if (!isChecked && !isIntact(header, data)) throw new CorruptRecordError(place, 'damaged data')
  if (headBytes === 0) return { header, data, entry: undefined }
  const isWhole = header.headBytes === headBytes && crc32(text) === header.headCrc
  const entry = isWhole ? parseEntry(text.toString()) : undefined
  if (entry === undefined) throw new CorruptRecordError(place, 'the head is damaged')
  return { header, data, entry }
}

/** The parts of a record's data that are read and checked together, as `[startByte, endByte)` of the data. */
export interface CheckedRange {
  readonly startByte: number
  readonly endByte: number
  /** A bit for each part. */
  readonly parts: number
}

/** A bit a part fits the index: a part is a block of 64 KiB, and more of them in data above 1 MiB. */
const MAX_PART_COUNT = 16

/** The range that must be checked before `[startByte, endByte)` of the data may be used. */
export function checkedRangeOf(
  dataBytes: number,
  startByte: number,
  endByte: number,
): CheckedRange {
  const blockCount = Math.ceil(dataBytes / BLOCK_BYTES)
  const partBytes = Math.ceil(blockCount / MAX_PART_COUNT) * BLOCK_BYTES
  const first = Math.floor(startByte / partBytes)
  const end = Math.ceil(endByte / partBytes)
  return {
    startByte: first * partBytes,
    endByte: Math.min(end * partBytes, dataBytes),
    parts: 2 ** end - 2 ** first,
  }
}

/** Reads a part of data that has been checked before. */
export async function readChecked(
  slabs: Slabs,
  slab: Slab,
  place: Place,
  { startByte, endByte }: Pick<CheckedRange, 'startByte' | 'endByte'>,
): Promise<Uint8Array> {
  const bytes = exactBytes(endByte - startByte)
  await slabs.read(slab, [bytes], place.offset + headerBytesOf(place.dataBytes) + startByte)
  return bytes
}

/**
 * Reads a part of the data, with the header, and compares it with its checksums.
 *
 * @throws When it cannot be read, or is not what was written.
 */
export async function readAndCheck(
  slabs: Slabs,
  slab: Slab,
  place: Place,
  range: CheckedRange,
): Promise<{ readonly header: RecordHeader; readonly bytes: Uint8Array }> {
  const { offset, dataBytes } = place
  const head = Buffer.allocUnsafe(headerBytesOf(dataBytes))
  let bytes: Uint8Array
  if (range.startByte === 0) {
    bytes = exactBytes(range.endByte)
    await slabs.read(slab, [head, bytes], offset)
  } else {
    const reading = readChecked(slabs, slab, place, range)
    const [read] = await Promise.all([reading, slabs.read(slab, [head], offset)])
    bytes = read
  }
  const header = decodeRecordHeader(head, { slab: slab.number, offset, nonce: slab.nonce })
  if (header === undefined) throw new CorruptRecordError(place, 'the header is damaged')
  if (header.dataBytes !== dataBytes) throw new CorruptRecordError(place, 'another length')
  if (!areIntact(header, range.startByte, bytes))
    throw new CorruptRecordError(place, 'damaged data')
  return { header, bytes }
}

export function isRecordOf(header: RecordHeader, body: BodyId, segmentIndex: number): boolean {
  return header.body === body && header.segmentIndex === segmentIndex
}

/** Too many files are open: what is on disk is as good as before. */
export function isShortage(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'EMFILE' || code === 'ENFILE'
}

/** Of its own, not a part of a pool: whoever keeps it keeps nothing else alive. */
function exactBytes(count: number): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(count)
  return new Uint8Array(buffer.buffer, 0, count)
}
