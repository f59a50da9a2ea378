// Finds the records of a slab by their headers.

import { crc32 } from 'node:zlib'

import { ALIGN_BYTES, decodeRecordHeader, decodeSlabHeader, headerBytesOf } from './disk-record.ts'
import { recordBytesOf } from './disk-record.ts'
import type { RecordHeader, SlabHeader } from './disk-record.ts'
import type { Slab, Slabs } from './slabs.ts'

export interface ScannedRecord {
  readonly header: RecordHeader
  /** Text of the head part; `undefined` where there is none, or it is not what was written. */
  readonly head: string | undefined
}

/** Read at once: several small records, or the header of a large one. */
const WINDOW_BYTES = 64 * 1024

/** In the order written. What is no header is skipped: a record never begins between multiples of 4 KiB. */
export async function scanSlab(
  slabs: Slabs,
  slab: Slab,
  fromByte: number,
): Promise<readonly ScannedRecord[]> {
  const records: ScannedRecord[] = []
  const { number, nonce, endByte } = slab
  const window = new Window(slabs, slab)
  let offset = Math.max(fromByte, ALIGN_BYTES)
  while (offset < endByte && !slab.isGone) {
    const page = await window.read(offset, ALIGN_BYTES)
    const header = decodeRecordHeader(page, { slab: number, offset, nonce })
    if (header === undefined) {
      offset += ALIGN_BYTES
      continue
    }
    const { dataBytes, headBytes, headCrc } = header
    const head = await window.read(offset + headerBytesOf(dataBytes) + dataBytes, headBytes)
    const isWhole = headBytes > 0 && head.byteLength === headBytes && crc32(head) === headCrc
    records.push({ header, head: isWhole ? head.toString() : undefined })
    offset += recordBytesOf(dataBytes, headBytes)
  }
  return records
}

export async function readSlabHeader(slabs: Slabs, slab: Slab): Promise<SlabHeader | undefined> {
  const buffer = await new Window(slabs, slab).read(0, ALIGN_BYTES)
  return decodeSlabHeader(buffer, slab.number)
}

/** Bytes around the place read last. What cannot be read is as if the file ended there. */
class Window {
  readonly #slabs: Slabs
  readonly #slab: Slab
  #startByte = 0
  #bytes = Buffer.alloc(0)

  constructor(slabs: Slabs, slab: Slab) {
    this.#slabs = slabs
    this.#slab = slab
  }

  async read(startByte: number, count: number): Promise<Buffer> {
    const at = startByte - this.#startByte
    if (at >= 0 && at + count <= this.#bytes.byteLength) return this.#bytes.subarray(at, at + count)
    const wanted = Math.max(count, WINDOW_BYTES)
    const available = Math.max(0, Math.min(wanted, this.#slab.endByte - startByte))
    const buffer = Buffer.allocUnsafe(available)
    try {
      await this.#slabs.read(this.#slab, [buffer], startByte)
    } catch {
      return Buffer.alloc(0)
    }
    this.#startByte = startByte
    this.#bytes = buffer
    return buffer.subarray(0, count)
  }
}
