// Finds what is stored: in the queue, else through the index on disk. What cannot be read, or is not what was
// written, is forgotten and told.

import type { BodyId } from '#core/entry/body-id.ts'
import type { Maybe } from '#core/entry/byte-source.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { StoredResponse, Variant } from '#core/entry/stored-response.ts'

import type { DiskEntry } from './disk-entry.ts'
import { invalidatedEntry, isOneSegment, judgedEntry } from './disk-entry.ts'
import type { Place } from './disk-index.ts'
import { INVALIDATED, NO_SLOT, VERIFIED, bodyIdOf, headName, segmentName } from './disk-index.ts'
import type { DiskLog } from './disk-log.ts'
import { tellFailure } from './disk-log.ts'
import type { DiskKey } from './disk-queue.ts'
import type { ReadRecord } from './disk-reader.ts'
import { CorruptRecordError, checkedRangeOf, isRecordOf, isShortage } from './disk-reader.ts'
import { readAndCheck, readChecked, readRecord } from './disk-reader.ts'
import { BLOCK_BYTES } from './disk-record.ts'
import { useRecord } from './disk-uses.ts'
import type { Slab } from './slabs.ts'

/** How often a read begins again because what it was about to give was replaced. */
const MAX_READ_COUNT = 3

export interface Found {
  readonly entry: DiskEntry
  readonly record: ReadRecord | undefined
}

export class DiskFinder {
  readonly #log: DiskLog
  readonly #onLostHead: (key: DiskKey) => void

  /** @param onLostHead Told of a head that is in the index, but not on disk as it was written. */
  constructor(log: DiskLog, onLostHead: (key: DiskKey) => void) {
    this.#log = log
    this.#onLostHead = onLostHead
  }

  /** The key's entry, with what stands in one record with it. */
  async find(key: CacheKey, disk: DiskKey): Promise<Found | undefined> {
    const { queue, index, retention } = this.#log
    for (let i = 0; i < MAX_READ_COUNT; i++) {
      const waiting = queue.entryOf(disk)
      if (waiting !== undefined) {
        retention.use(headName(disk.id))
        queue.useEntry(disk)
        return this.#found(waiting, undefined)
      }
      const slot = index.findHead(disk.id)
      if (slot === NO_SLOT) return undefined
      const place = index.placeOf(slot)
      useRecord(this.#log, slot)
      const record = await this.#readAt(place, disk)
      // Written anew meanwhile, carried over or evicted.
      const now = index.findHead(disk.id)
      if (record !== undefined && index.isAt(now, place)) {
        const { entry } = record
        // The digest finds, the text decides.
        if (entry?.key !== key) return undefined
        return this.#found(index.has(now, INVALIDATED) ? invalidatedEntry(entry) : entry, record)
      }
      if (record === undefined && index.isAt(now, place)) return undefined
    }
    return undefined
  }

  #found(entry: DiskEntry, record: ReadRecord | undefined): Found | undefined {
    const now = judgedEntry(entry, this.#log.invalidations)
    return now === undefined ? undefined : { entry: now, record }
  }

  /** Whether the log says otherwise of it by now. */
  isOutdated({ entry }: Found): boolean {
    return judgedEntry(entry, this.#log.invalidations) !== entry
  }

  async #readAt(place: Place, key: DiskKey): Promise<ReadRecord | undefined> {
    const slab = this.#log.slabs.get(place.slab)
    if (slab === undefined) return undefined
    const { index, slabs } = this.#log
    try {
      const isChecked = index.has(index.findHead(key.id), VERIFIED)
      const record = await readRecord(slabs, slab, place, isChecked)
      const isSameKey = Buffer.compare(record.header.digest, key.digest) === 0
      if (!isSameKey) throw new CorruptRecordError(place, 'it is of another key')
      const slot = index.findHead(key.id)
      if (index.isAt(slot, place)) index.add(slot, VERIFIED)
      return record
    } catch (error) {
      this.#tell(slab, error)
      const isStill = index.isAt(index.findHead(key.id), place)
      if (isStill && !isShortage(error)) this.#onLostHead(key)
      return undefined
    }
  }

  variantsOf({ entry, record }: Found): Promise<readonly Variant[]> {
    const isAlone = entry.variants.length === 1
    return Promise.all(
      entry.variants.map(async ({ head, logPosition }): Promise<Variant> => {
        const onlySegment = isOneSegment(head)
          ? await this.#onlySegmentOf(head, record, isAlone)
          : undefined
        return onlySegment === undefined
          ? { head, logPosition }
          : { head, logPosition, onlySegment }
      }),
    )
  }

  async #onlySegmentOf(
    { body, completeLength = 0 }: StoredResponse,
    record: ReadRecord | undefined,
    isAlone: boolean,
  ): Promise<Uint8Array | undefined> {
    const { index, queue } = this.#log
    if (record !== undefined && isRecordOf(record.header, body, 0)) {
      const isThere = index.isAt(index.findSegment(bodyIdOf(body), 0), record.header)
      return isThere ? record.data : undefined
    }
    const waiting = queue.dataOf(body, 0)
    if (waiting !== undefined) return waiting
    if (!isAlone && completeLength > BLOCK_BYTES) return undefined
    return await this.readSegment(body, 0, 0, completeLength)
  }

  async #readSegmentAt(
    body: BodyId,
    segmentIndex: number,
    slot: number,
    startByte: number,
    endByte: number,
  ): Promise<Uint8Array | undefined> {
    const { index, slabs } = this.#log
    const place = index.placeOf(slot)
    const slab = slabs.get(place.slab)
    const lastByte = Math.min(endByte, place.dataBytes)
    if (slab === undefined || startByte >= lastByte) return undefined
    useRecord(this.#log, slot)
    try {
      const range = checkedRangeOf(place.dataBytes, startByte, lastByte)
      if (index.isChecked(slot, range.parts)) {
        return await readChecked(slabs, slab, place, { startByte, endByte: lastByte })
      }
      const { header, bytes } = await readAndCheck(slabs, slab, place, range)
      if (!isRecordOf(header, body, segmentIndex)) {
        throw new CorruptRecordError(place, 'it is of another body')
      }
      const now = index.findSegment(bodyIdOf(body), segmentIndex)
      if (index.isAt(now, place)) index.addChecked(now, range.parts)
      const view = bytes.subarray(startByte - range.startByte, lastByte - range.startByte)
      // A small view must not keep all of it in memory.
      return view.byteLength * 2 < bytes.byteLength ? view.slice() : view
    } catch (error) {
      this.#tell(slab, error)
      if (!isShortage(error)) this.#forgetSegment(body, segmentIndex, place)
      return undefined
    }
  }

  #forgetSegment(body: BodyId, segmentIndex: number, place: Place): void {
    const { index, copy } = this.#log
    const slot = index.findSegment(bodyIdOf(body), segmentIndex)
    if (!index.isAt(slot, place)) return
    const digest = index.keyOf(slot)
    index.forget(slot)
    copy.push({ kind: 'forget-segment', digest, body, segmentIndex })
  }

  /** What is read from a slab while it is evicted is absent, and no failure. */
  #tell(slab: Slab, error: unknown): void {
    if (slab.isGone) return
    if (error instanceof CorruptRecordError) this.#log.damagedCount++
    tellFailure(this.#log, error)
  }

  readSegment(
    body: BodyId,
    segmentIndex: number,
    startByte: number,
    endByte: number,
  ): Maybe<Uint8Array | undefined> {
    const id = bodyIdOf(body)
    const waiting = this.#log.queue.dataOf(body, segmentIndex)
    if (waiting !== undefined) {
      this.#log.retention.use(segmentName(id, segmentIndex))
      this.#log.queue.useData(body, segmentIndex)
      return waiting.subarray(startByte, endByte)
    }
    const slot = this.#log.index.findSegment(id, segmentIndex)
    if (slot === NO_SLOT) return undefined
    return this.#readSegmentAt(body, segmentIndex, slot, startByte, endByte)
  }
}
