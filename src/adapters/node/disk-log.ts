// What the parts of the disk tier share: the slabs, the index with its written copy, and how far the log is.

import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Invalidations } from '#web/invalidations.ts'

import type { DiskIndex } from './disk-index.ts'
import { NO_SLOT } from './disk-index.ts'
import type { IndexCopy } from './disk-index-copy.ts'
import { messageOf } from './disk-files.ts'
import type { DiskKey, DiskQueue } from './disk-queue.ts'
import type { Replay } from './disk-replay.ts'
import type { Retention } from './disk-retention.ts'
import type { Slabs } from './slabs.ts'

export interface DiskLog {
  readonly directory: string
  readonly slabs: Slabs
  readonly index: DiskIndex
  readonly copy: IndexCopy
  readonly queue: DiskQueue
  readonly retention: Retention
  readonly invalidations: Invalidations
  readonly clock: Clock
  record(event: FlowEvent): void
  /** Of the next record. */
  sequence: number
  /** Position of the last invalidation that stands in the log. */
  lastPosition: number
  /** Where the last record that is in the index ends. */
  indexedSlab: number
  indexedEndByte: number
  /** False while the written copy lacks a part of the log. */
  isCopyComplete: boolean
  /** Bytes read by the scrub, and records found damaged by whoever read them, in this process. */
  scrubbedBytes: number
  damagedCount: number
  /** Goes on while what an earlier process has left is read again. */
  replay: Replay | undefined
}

/** Takes a key's head out of the index, so that no older one comes back in its place. */
export function forgetHead(log: DiskLog, key: DiskKey): void {
  const slot = log.index.findHead(key.id)
  if (slot !== NO_SLOT) log.index.forget(slot)
  log.replay?.settle(key.id, 'forget')
  log.copy.push({ kind: 'forget-head', digest: key.digest.subarray(0, 16) })
}

export function tellFailure(log: DiskLog, error: unknown): void {
  log.record({ kind: 'store-failed', message: messageOf(error) })
}
