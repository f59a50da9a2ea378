// Appends records to the active slab, and enters them in the index.

import { crc32 } from 'node:zlib'

import { formatEntry } from './disk-entry.ts'
import { INVALIDATED, USED, VERIFIED, bodyIdOf, flagsOf } from './disk-index.ts'
import type { DiskLog } from './disk-log.ts'
import type { Pending } from './disk-queue.ts'
import type { RecordHeader } from './disk-record.ts'
import { ALIGN_BYTES, blockCrcsOf, encodeRecordHeader, recordBytesOf } from './disk-record.ts'
import { UNKNOWN_CLASS } from './disk-retention.ts'
import type { Slab } from './slabs.ts'

interface Encoded {
  readonly pending: Pending
  readonly header: RecordHeader
  readonly buffers: readonly Uint8Array[]
  readonly bytes: number
}

export class DiskAppender {
  readonly #log: DiskLog
  readonly #slabBytes: number

  constructor(log: DiskLog, slabBytes: number) {
    this.#log = log
    this.#slabBytes = slabBytes
  }

  /** Writes as many as fit into the active slab, and at least one. @returns How many. */
  async append(batch: readonly Pending[]): Promise<number> {
    const { slabs } = this.#log
    const slab = await this.#slabFor(batch[0])
    const encoded: Encoded[] = []
    let offset = slab.endByte
    let lastPosition = this.#log.lastPosition
    for (const pending of batch) {
      const record = this.#encode(pending, slab, offset, lastPosition)
      if (encoded.length > 0 && offset + record.bytes > this.#slabBytes) break
      encoded.push(record)
      offset += record.bytes
      if (pending.text !== undefined) lastPosition = pending.ticket.position
    }
    const buffers = encoded.flatMap((record) => record.buffers)
    await slabs.append(slab, buffers)
    if (encoded.some(({ pending }) => pending.text !== undefined)) await slabs.sync(slab)
    for (const record of encoded) {
      this.#index(record)
      const { retention, index } = this.#log
      const { isUsed, useClass } = record.pending
      if (isUsed) retention.reuse(useClass, retention.clockBytes)
      retention.wrote(record.bytes, index.recordCount)
    }
    this.#log.indexedSlab = slab.number
    this.#log.indexedEndByte = slab.endByte
    return encoded.length
  }

  async #slabFor(pending: Pending | undefined): Promise<Slab> {
    const { active } = this.#log.slabs
    const bytes = pending === undefined ? 0 : sizeOf(pending)
    const isEmpty = active?.endByte === ALIGN_BYTES
    if (active !== undefined && (isEmpty || active.endByte + bytes <= this.#slabBytes))
      return active
    return this.beginSlab()
  }

  #encode(pending: Pending, slab: Slab, offset: number, lastPosition: number): Encoded {
    const data = pending.data?.bytes ?? new Uint8Array(0)
    const text = pending.text ?? (pending.entry === undefined ? '' : formatEntry(pending.entry))
    const head = Buffer.from(text)
    const header: RecordHeader = {
      kind: pending.kind,
      isInvalidated: pending.isInvalidated,
      digest: pending.key.digest,
      body: pending.data?.body,
      segmentIndex: pending.data?.segmentIndex ?? 0,
      dataBytes: data.byteLength,
      headBytes: head.byteLength,
      headCrc: crc32(head),
      sequence: this.#log.sequence++,
      position: pending.ticket.position,
      generation: pending.ticket.generation,
      lastPosition,
      slab: slab.number,
      offset,
      blockCrcs: blockCrcsOf(data),
    }
    const written = [encodeRecordHeader(header, slab.nonce), data, head]
    const bytes = recordBytesOf(data.byteLength, head.byteLength)
    const fill = bytes - written.reduce((sum, { byteLength }) => sum + byteLength, 0)
    const buffers = [...written, Buffer.alloc(fill)].filter(({ byteLength }) => byteLength > 0)
    return { pending, header, buffers, bytes }
  }

  /** Data first, then the index in memory, then its written copy. */
  #index({ pending, header }: Encoded): void {
    const { queue, copy, index, clock } = this.#log
    const { key, carriedFrom, entry, data, text, useClass } = pending
    const use = pending.isUsed ? USED : 0
    const digest = key.digest.subarray(0, 16)
    const { slab, offset, dataBytes, headBytes } = header
    queue.finish(pending)
    if (text !== undefined && (pending.kind === 'drop' || pending.kind === 'validate')) {
      const ticket = { key: text, ...pending.ticket }
      this.#log.lastPosition = Math.max(this.#log.lastPosition, ticket.position)
      copy.push({ kind: pending.kind, digest, ticket, slab })
      pending.settle?.('recorded')
      return
    }
    if (pending.isCancelled) return
    if (entry !== undefined && isStill(index.findHead(key.id))) {
      const wasInvalidated =
        carriedFrom !== undefined && index.has(index.findHead(key.id), INVALIDATED)
      const isInvalidated = pending.isInvalidated || wasInvalidated
      const place = { slab, offset, dataBytes, headBytes }
      const flags = flagsOf(VERIFIED | use | (isInvalidated ? INVALIDATED : 0), useClass)
      index.putHead(key.id, place, flags)
      const writtenAtMs = clock.nowMs()
      copy.push({ kind: 'head', digest, key: entry.key, ...place, isInvalidated, writtenAtMs })
    }
    if (data === undefined) return
    const { body, segmentIndex } = data
    const id = bodyIdOf(body)
    if (!isStill(index.findSegment(id, segmentIndex))) return
    // Where the record has a head, that alone is judged.
    const flags = flagsOf(VERIFIED | use, entry === undefined ? useClass : UNKNOWN_CLASS)
    index.putSegment(key.id, id, segmentIndex, { slab, offset, dataBytes, headBytes: 0 }, flags)
    copy.push({ kind: 'segment', digest, body, segmentIndex, slab, offset, dataBytes })

    /** What is carried over must still be what the index means. */
    function isStill(slot: number): boolean {
      return carriedFrom === undefined || index.isAt(slot, carriedFrom)
    }
  }

  /** Begins a slab, which then is the active one. */
  async beginSlab(): Promise<Slab> {
    const { slabs, clock, copy, retention, lastPosition } = this.#log
    const slab = await slabs.create(clock.nowMs(), lastPosition, retention.clockBytes)
    copy.push({ kind: 'slab', slab: slab.number, nonce: slab.nonce })
    return slab
  }
}

/** What the record will take of a slab. */
export function sizeOf({ data, entry, text }: Pending): number {
  const dataBytes = data?.bytes.byteLength ?? 0
  if (entry === undefined) return recordBytesOf(dataBytes, text?.length ?? 0)
  return recordBytesOf(dataBytes, Buffer.byteLength(formatEntry(entry)))
}
