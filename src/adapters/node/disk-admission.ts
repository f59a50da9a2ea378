// What of the writes to the disk tier is stored: what the policy finds worth it, up to the share of one object.

import type { BodyId } from '#core/entry/body-id.ts'
import { remember } from '#core/entry/bounded-map.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'

import { hasOnlySegment, isOneSegment } from './disk-entry.ts'
import type { DiskEntry } from './disk-entry.ts'
import { NO_SLOT, bodyIdOf, headName, segmentName } from './disk-index.ts'
import type { DiskLog } from './disk-log.ts'
import type { DiskKey } from './disk-queue.ts'
import type { UseClass } from './disk-retention.ts'

/** Bodies remembered whose head was refused, or that have reached their share. */
const MAX_BODY_COUNT = 4096

export class DiskAdmission {
  readonly #log: DiskLog
  readonly #maxObjectBytes: number
  /** Of one segment: it goes the way of its head. */
  readonly #refused = new Map<BodyId, true>()
  /** Told already. */
  readonly #limited = new Map<BodyId, true>()

  constructor(log: DiskLog, maxObjectBytes: number) {
    this.#log = log
    this.#maxObjectBytes = maxObjectBytes
  }

  /**
   * Decides on a head. A head that replaces another is always stored, and so is that of several segments:
   * it takes next to nothing, and each of its segments is decided on by itself.
   *
   * @param isKnown Whether the key has a head here.
   */
  head(key: DiskKey, head: StoredResponse, isKnown: boolean): UseClass | undefined {
    const { retention } = this.#log
    const name = headName(key.id)
    retention.use(name)
    if (isKnown || !isOneSegment(head)) return retention.classify(name)
    if (this.#refused.has(head.body)) return undefined
    const useClass = retention.admit(name, head.completeLength ?? 0)
    if (useClass === undefined) remember(this.#refused, head.body, true, MAX_BODY_COUNT)
    return useClass
  }

  /** @param entry Of the key, as far as it is known. */
  segment(
    key: DiskKey,
    { body, segmentIndex, bytes }: NewSegment,
    entry: DiskEntry | undefined,
  ): UseClass | undefined {
    const { retention } = this.#log
    const isFirst = segmentIndex === 0
    const name = isFirst ? headName(key.id) : segmentName(bodyIdOf(body), segmentIndex)
    if (isFirst && entry !== undefined && hasOnlySegment(entry, body)) {
      return retention.classify(name)
    }
    if (this.#refused.has(body)) {
      // Asked for again, its head is decided on again.
      this.#refused.delete(body)
      return undefined
    }
    if (!this.#isWithinShare(key, body, bytes)) return undefined
    retention.use(name)
    const useClass = retention.admit(name, bytes)
    if (useClass === undefined && isFirst && this.#log.index.findHead(key.id) === NO_SLOT) {
      remember(this.#refused, body, true, MAX_BODY_COUNT)
    }
    return useClass
  }

  #isWithinShare(key: DiskKey, body: BodyId, bytes: number): boolean {
    const { index, queue, record } = this.#log
    const storedBytes = index.segmentBytesOf(key.id) + queue.bytesOf(key)
    if (storedBytes + bytes <= this.#maxObjectBytes) return true
    if (!this.#limited.has(body)) record({ kind: 'limit', name: 'diskObjectShare' })
    remember(this.#limited, body, true, MAX_BODY_COUNT)
    return false
  }
}

interface NewSegment {
  readonly body: BodyId
  readonly segmentIndex: number
  readonly bytes: number
}
