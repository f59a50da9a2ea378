// Reads everything on disk again and again, slowly, and lets go of what is no longer what was written: damage is
// found before anybody asks for it.

import type { BodyId } from '#core/entry/body-id.ts'

import { messageOf } from './disk-files.ts'
import { NO_SLOT } from './disk-index.ts'
import type { DiskLog } from './disk-log.ts'
import type { DiskKey } from './disk-queue.ts'
import { diskKeyOfDigest } from './disk-queue.ts'
import { isShortage, readRecord } from './disk-reader.ts'
import type { SlabRecord } from './disk-uses.ts'
import { recordsOf } from './disk-uses.ts'
import type { Slab } from './slabs.ts'

export interface ScrubOptions {
  /** In which all of the disk is read once, if the rate allows it. */
  readonly intervalMs: number
  /** Told of a head that is in the index, but not on disk as it was written. */
  onLostHead(key: DiskKey): void
}

/** At most: a disk that is slow for it would be slow for everybody. */
const MAX_BYTES_PER_MS = (16 * 1024 * 1024) / 1000
/** Read between two rests. */
const STEP_BYTES = 256 * 1024
const IDLE_MS = 60_000
/** No timer waits for longer than some weeks. */
const MAX_REST_MS = 86_400_000
const DIGEST_BYTES = 32

export class DiskScrub {
  readonly #log: DiskLog
  readonly #options: ScrubOptions
  #slab: Slab | undefined
  #records: SlabRecord[] = []
  #cancelTimer: (() => void) | undefined
  #isStopped = false
  #scrubbing: Promise<void> = Promise.resolve()

  constructor(log: DiskLog, options: ScrubOptions) {
    this.#log = log
    this.#options = options
    this.#rest(IDLE_MS)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer?.()
    await this.#scrubbing
  }

  #rest(ms: number): void {
    if (this.#isStopped) return
    this.#cancelTimer = this.#log.clock.after(ms, () => {
      this.#scrubbing = this.#scrub().then((bytes) => this.#rest(this.#restMsAfter(bytes)))
    })
  }

  #restMsAfter(bytes: number): number {
    if (bytes === 0) return IDLE_MS
    const bytesPerMs = Math.max(1, this.#log.slabs.bytes) / this.#options.intervalMs
    return Math.min(MAX_REST_MS, bytes / Math.min(MAX_BYTES_PER_MS, bytesPerMs))
  }

  /** @returns What was read; 0: there is nothing to read for now. */
  async #scrub(): Promise<number> {
    let bytes = 0
    while (bytes < STEP_BYTES && !this.#isStopped) {
      const record = this.#records.pop() ?? this.#beginSlab()
      if (record === undefined) break
      bytes += record.bytes
      await this.#check(record)
    }
    this.#log.scrubbedBytes += bytes
    return bytes
  }

  /** From the oldest to the newest, and then from the oldest again. */
  #beginSlab(): SlabRecord | undefined {
    const slabs = this.#log.slabs.all.toSorted((a, b) => a.number - b.number)
    const after = this.#slab?.number ?? 0
    this.#slab = slabs.find(({ number }) => number > after)
    if (this.#slab === undefined) return undefined
    this.#records = recordsOf(this.#log, this.#slab).toSorted(
      (a, b) => b.place.offset - a.place.offset,
    )
    return this.#records.pop() ?? this.#beginSlab()
  }

  async #check({ place }: SlabRecord): Promise<void> {
    const { slabs } = this.#log
    const slab = this.#slab
    if (slab === undefined || slab.isGone) return
    try {
      await readRecord(slabs, slab, place, false)
    } catch (error) {
      if (!slab.isGone && !isShortage(error)) this.#letGo(slab, place.offset, error)
    }
  }

  #letGo(slab: Slab, offset: number, error: unknown): void {
    const { index, copy, record } = this.#log
    let isFound = false
    for (const slot of index.slotsOf(slab.number)) {
      if (slot === NO_SLOT || index.placeOf(slot).offset !== offset) continue
      isFound = true
      // The index knows the beginning of the digest only, and that is what the log is read by.
      const digest = new Uint8Array(DIGEST_BYTES)
      digest.set(index.keyOf(slot))
      if (index.isHead(slot)) this.#options.onLostHead(diskKeyOfDigest(digest))
      else {
        const { body, segmentIndex } = index.segmentAt(slot)
        index.forget(slot)
        copy.push({
          kind: 'forget-segment',
          digest: digest.subarray(0, 16),
          body: Buffer.from(body).toString('hex') as BodyId,
          segmentIndex,
        })
      }
    }
    if (!isFound) return
    this.#log.damagedCount++
    record({ kind: 'store-failed', message: messageOf(error) })
  }
}
