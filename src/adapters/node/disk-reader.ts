// Reads records. Nothing leaves here that was not checked against its checksums once in this process.

import { crc32 } from 'node:zlib'

import type { BodyId } from '#core/entry/body-id.ts'

import type { DiskEntry } from './disk-entry.ts'
import { parseEntry } from './disk-entry.ts'
import type { Place } from './disk-index.ts'
import { decodeRecordHeader, headerBytesOf, isIntact } from './disk-record.ts'
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

/** Reads a part of data that has been checked before. */
export async function readChecked(
  slabs: Slabs,
  slab: Slab,
  place: Place,
  startByte: number,
  endByte: number,
): Promise<Uint8Array> {
  const bytes = exactBytes(endByte - startByte)
  await slabs.read(slab, [bytes], place.offset + headerBytesOf(place.dataBytes) + startByte)
  return bytes
}

export function isRecordOf(header: RecordHeader, body: BodyId, segmentIndex: number): boolean {
  return header.body === body && header.segmentIndex === segmentIndex
}

/** Of its own, not a part of a pool: whoever keeps it keeps nothing else alive. */
function exactBytes(count: number): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(count)
  return new Uint8Array(buffer.buffer, 0, count)
}
