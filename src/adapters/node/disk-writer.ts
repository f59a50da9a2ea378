// Writes what waits in the queue, makes room for it, and bears with the disk's failures: the only writer.

import { statfs } from 'node:fs/promises'

import { DiskAppender, sizeOf } from './disk-appender.ts'
import { codeOf } from './disk-files.ts'
import { INVALIDATED, NO_SLOT, bodyIdOf } from './disk-index.ts'
import type { Place } from './disk-index.ts'
import { judgedEntry } from './disk-entry.ts'
import type { DiskLog } from './disk-log.ts'
import { forgetHead, tellFailure } from './disk-log.ts'
import type { Pending } from './disk-queue.ts'
import { MAX_BATCH_COUNT, carriedRecord, diskKeyOfDigest } from './disk-queue.ts'
import { readRecord } from './disk-reader.ts'
import { ALIGN_BYTES } from './disk-record.ts'
import type { UseClass } from './disk-retention.ts'
import { MIN_FREED_SHARE } from './disk-retention.ts'
import type { SlabRecord } from './disk-uses.ts'
import { recordsOf } from './disk-uses.ts'
import type { Slab } from './slabs.ts'

export interface WriterOptions {
  readonly maxBytes: number
  readonly slabBytes: number
}

/** Records are collected until there is this much of them, or until the oldest has waited this long. */
const COLLECT_BYTES = 1024 * 1024
const COLLECT_MS = 50
const BATCH_BYTES = 4 * 1024 * 1024
/** Read from a slab that is evicted before it is written again. */
const CARRY_BYTES = 1024 * 1024
/** So many errors within this time, and the disk is left alone but for a probe from time to time. */
const MAX_ERROR_COUNT = 5
const ERROR_WINDOW_MS = 60_000
const PROBE_MS = 10_000
/** A full disk may have room again soon. */
const FULL_PROBE_MS = 2_000
/** Left free on the disk, for the written index and for others. */
const MAX_FREE_BYTES = 8 * 1024 * 1024
const FREE_CHECK_MS = 1000

class NoSpaceError extends Error {
  readonly code = 'ENOSPC'
  constructor(bytes: number, limit: number) {
    super(`Cannot write ${bytes} bytes: the disk has room for ${limit}`)
  }
}

export class DiskWriter {
  readonly #log: DiskLog
  readonly #maxBytes: number
  readonly #slabBytes: number
  readonly #appender: DiskAppender
  /** Whatever touches slabs waits for its turn. */
  #turn: Promise<void> = Promise.resolve()
  #cancelTimer: (() => void) | undefined
  #isDraining = false
  /** Given up by this process, and still in the directory. */
  readonly #leftBehind = new Set<Slab>()
  #state: 'writing' | 'full' | 'degraded' | 'closed' = 'writing'
  #errorsAtMs: number[] = []
  #cancelProbe: (() => void) | undefined
  #limit = { bytes: 0, atMs: Number.NEGATIVE_INFINITY }

  constructor(log: DiskLog, options: WriterOptions) {
    this.#log = log
    this.#maxBytes = options.maxBytes
    this.#slabBytes = options.slabBytes
    this.#appender = new DiskAppender(log, options.slabBytes)
  }

  /** Whether records are taken at all; invalidations always are. */
  get isWriting(): boolean {
    return this.#state === 'writing'
  }

  /** The largest record that is let in: it must not push out everything else. */
  get maxRecordBytes(): number {
    return this.#maxBytes / 4
  }

  /** To be called after each addition to the queue. */
  wake(isUrgent: boolean): void {
    if (isUrgent || this.#log.queue.bytes >= COLLECT_BYTES) {
      void this.drain()
      return
    }
    this.#cancelTimer ??= this.#log.clock.after(COLLECT_MS, () => void this.drain())
  }

  /** Resolves when what waited is written or given up. */
  async drain(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#isDraining) return this.#turn
    this.#isDraining = true
    await this.#inTurn(async () => {
      try {
        for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
          await this.#write(batch)
        }
      } finally {
        this.#isDraining = false
      }
    })
  }

  /** Evicts down to the budget, which may be smaller than that of the process before. */
  trim(): Promise<void> {
    return this.#inTurn(async () => this.#evictAbove(await this.#limitBytes()))
  }

  async close(): Promise<void> {
    await this.drain()
    this.#state = 'closed'
    this.#cancelTimer?.()
    this.#cancelProbe?.()
    await this.#turn
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(task).catch((error: unknown) => tellFailure(this.#log, error))
    return this.#turn
  }

  #take(): readonly Pending[] {
    return this.#log.queue.take(Math.min(BATCH_BYTES, this.#slabBytes))
  }

  async #write(batch: readonly Pending[]): Promise<void> {
    let rest = batch
    try {
      const bytes = batch.reduce((sum, pending) => sum + sizeOf(pending), 0)
      await this.#makeRoom(bytes)
      while (rest.length > 0) rest = rest.slice(await this.#appender.append(rest))
    } catch (error) {
      await this.#fail(rest, error)
    }
  }

  async #makeRoom(bytes: number): Promise<void> {
    const limit = await this.#limitBytes()
    if (bytes > limit) throw new NoSpaceError(bytes, limit)
    // What is carried over from an evicted slab stands twice for a moment.
    const keptBytes = this.#slabBytes * (1 - MIN_FREED_SHARE)
    await this.#evictAbove(limit - bytes - keptBytes - ALIGN_BYTES)
  }

  async #evictAbove(bytes: number): Promise<void> {
    const { slabs } = this.#log
    for (let slab = slabs.oldest; slab !== undefined; slab = slabs.oldest) {
      if (slabs.bytes <= bytes) return
      await this.#evict(slab, true)
    }
  }

  /** The budget, or less where the disk itself has less room. */
  async #limitBytes(): Promise<number> {
    const { clock, directory, slabs } = this.#log
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#limit.atMs < FREE_CHECK_MS) return this.#limit.bytes
    const { bavail, blocks, bsize } = await statfs(directory)
    const keptFreeBytes = Math.min(MAX_FREE_BYTES, (blocks * bsize) / 20)
    const availableBytes = Math.max(0, slabs.bytes + bavail * bsize - keptFreeBytes)
    this.#limit = { bytes: Math.min(this.#maxBytes, availableBytes), atMs: nowMs }
    return this.#limit.bytes
  }

  async #evict(slab: Slab, keepsUsed: boolean): Promise<void> {
    const { slabs, index, copy } = this.#log
    if (slabs.active === slab) slabs.active = undefined
    if (keepsUsed) await this.#carryOver(slab)
    for (const slot of index.slotsOf(slab.number)) index.forget(slot)
    copy.push({ kind: 'evict', slab: slab.number })
    await this.#unlink(slab)
  }

  async #unlink(slab: Slab): Promise<void> {
    try {
      await this.#log.slabs.unlink(slab)
    } catch (error) {
      tellFailure(this.#log, error)
      this.#leftBehind.add(slab)
    }
  }

  /** A start would find in them what is gone here. */
  async #removeLeftBehind(): Promise<void> {
    for (const slab of this.#leftBehind) {
      await this.#log.slabs.remove(slab)
      this.#leftBehind.delete(slab)
    }
  }

  /** Appends again what is worth keeping, heads first: without its head, a segment is asked for anew. */
  async #carryOver(slab: Slab): Promise<void> {
    const kept = this.#log.retention.keep(recordsOf(this.#log, slab), slab.endByte)
    const ordered = kept.toSorted((a, b) => headRankOf(b.candidate) - headRankOf(a.candidate))
    let batch: Pending[] = []
    let batchBytes = 0
    for (const { candidate, useClass } of ordered) {
      const pending = await this.#recordAt(slab, candidate.place, useClass)
      if (pending === undefined) continue
      batch.push(pending)
      batchBytes += candidate.bytes
      if (batchBytes < CARRY_BYTES && batch.length < MAX_BATCH_COUNT) continue
      await this.#append(batch)
      batch = []
      batchBytes = 0
    }
    await this.#append(batch)
  }

  async #append(batch: readonly Pending[]): Promise<void> {
    for (let rest = batch; rest.length > 0; ) rest = rest.slice(await this.#appender.append(rest))
  }

  async #recordAt(slab: Slab, place: Place, useClass: UseClass): Promise<Pending | undefined> {
    const { index, slabs, invalidations } = this.#log
    try {
      const { header, data, entry } = await readRecord(slabs, slab, place, false)
      const key = diskKeyOfDigest(header.digest)
      const { body, segmentIndex } = header
      const segment = body === undefined ? NO_SLOT : index.findSegment(bodyIdOf(body), segmentIndex)
      const isHere = index.isAt(segment, place)
      const kept = body !== undefined && isHere ? { body, segmentIndex, bytes: data } : undefined
      const head = index.findHead(key.id)
      // The lines of the log that are about it may go before it does.
      const keptEntry =
        entry !== undefined && index.isAt(head, place)
          ? judgedEntry(entry, invalidations)
          : undefined
      if (kept === undefined && keptEntry === undefined) return undefined
      const isInvalidated = keptEntry !== undefined && index.has(head, INVALIDATED)
      const parts = { entry: keptEntry, data: kept, carriedFrom: place, isInvalidated, useClass }
      return carriedRecord(key, header, parts)
    } catch (error) {
      tellFailure(this.#log, error)
      return undefined
    }
  }

  /** Gives up what could not be written, except for invalidations. */
  async #fail(batch: readonly Pending[], error: unknown): Promise<void> {
    const { slabs } = this.#log
    tellFailure(this.#log, error)
    // What was half written stays where it is, and nothing is put behind it.
    slabs.active = undefined
    this.#limit.atMs = Number.NEGATIVE_INFINITY
    this.#countError(error)
    const given = this.isWriting ? batch : [...batch, ...this.#log.queue.clear()]
    for (const pending of given) {
      if (pending.text !== undefined) continue
      this.#log.queue.finish(pending)
      if (pending.entry !== undefined) forgetHead(this.#log, pending.key)
    }
    await this.#insist(batch.filter(({ text }) => text !== undefined))
    const { oldest } = slabs
    if (this.#state === 'full' && oldest !== undefined) await this.#evict(oldest, false)
  }

  /** An invalidation that is not on disk could be undone by a restart: rather the whole tier goes. */
  async #insist(invalidations: readonly Pending[]): Promise<void> {
    if (invalidations.length === 0) return
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        const { oldest } = this.#log.slabs
        if (oldest !== undefined) await this.#evict(oldest, false)
        let rest = invalidations
        while (rest.length > 0) rest = rest.slice(await this.#appender.append(rest))
        return
      } catch (error) {
        tellFailure(this.#log, error)
        this.#log.slabs.active = undefined
      }
    }
    const isGone = await this.#beginAnew()
    for (const pending of invalidations) {
      this.#log.queue.finish(pending)
      pending.settle?.(isGone ? 'recorded' : 'unwritten')
    }
  }

  /** @returns Whether nothing is left that a process started later could find. */
  async #beginAnew(): Promise<boolean> {
    const { slabs, index, copy } = this.#log
    index.clear()
    copy.push({ kind: 'reset' })
    for (const slab of slabs.all) await this.#unlink(slab)
    const isLeftBehind = this.#leftBehind.size > 0
    const message = isLeftBehind
      ? 'Cannot write an invalidation, nor remove what is on disk: a restart brings it back'
      : 'Cannot write an invalidation: everything on disk was dropped instead'
    this.#log.record({ kind: 'store-failed', message })
    return !isLeftBehind
  }

  #countError(error: unknown): void {
    const nowMs = this.#log.clock.monotonicMs()
    this.#errorsAtMs = this.#errorsAtMs.filter((atMs) => nowMs - atMs < ERROR_WINDOW_MS)
    this.#errorsAtMs.push(nowMs)
    if (this.#errorsAtMs.length >= MAX_ERROR_COUNT) this.#pause('degraded', PROBE_MS)
    else if (codeOf(error) === 'ENOSPC') this.#pause('full', FULL_PROBE_MS)
  }

  #pause(state: 'full' | 'degraded', probeMs: number): void {
    if (this.#state === 'closed') return
    this.#state = state
    this.#cancelProbe?.()
    this.#cancelProbe = this.#log.clock.after(probeMs, () => void this.#inTurn(() => this.#probe()))
  }

  /** A slab that can be begun is the sign that the disk takes writes again. */
  async #probe(): Promise<void> {
    if (this.#state === 'writing' || this.#state === 'closed') return
    const state = this.#state
    try {
      await this.#removeLeftBehind()
      await this.#appender.beginSlab()
      this.#state = 'writing'
      this.#errorsAtMs = []
    } catch {
      this.#pause(state, state === 'full' ? FULL_PROBE_MS : PROBE_MS)
    }
  }
}

function headRankOf({ place }: SlabRecord): number {
  return place.headBytes > 0 ? 1 : 0
}
