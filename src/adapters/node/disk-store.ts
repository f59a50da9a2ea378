// The disk tier: records in append-only slabs (disk-record.ts), an index in memory that decides (disk-index.ts),
// its written copy in SQLite (disk-index-worker.ts). A write goes through the queue (disk-queue.ts) to the
// active slab (disk-writer.ts), then into the index, then into the copy; a start reads the copy and what the
// log has beyond it (disk-recovery.ts).
//
// The heads of a key are one record, appended anew on each change. Where a body of one segment is in the queue
// together with its head, or comes while its head is still remembered, both are one record and a hit is one
// read. Freshened later, the head stands alone, and a hit is two reads.

import { join } from 'node:path'

import type { BodyId } from '#core/entry/body-id.ts'
import { remember } from '#core/entry/bounded-map.ts'
import type { Maybe } from '#core/entry/byte-source.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { GroupId, InvalidationScope } from '#core/entry/invalidation-scope.ts'
import { EVERYTHING, isKey } from '#core/entry/invalidation-scope.ts'
import type { SegmentSet } from '#core/entry/segment.ts'
import type { Entry, Mark, StoredResponse } from '#core/entry/stored-response.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Recorded, Store, WriteTicket } from '#core/ports/store.ts'
import type { Invalidation, Invalidations } from '#web/invalidations.ts'
import type { MemoryUses } from '#web/memory-store.ts'
import { withVariant } from '#web/variants.ts'

import { DiskAdmission } from './disk-admission.ts'
import type { DiskEntry } from './disk-entry.ts'
import { invalidatedEntry } from './disk-entry.ts'
import { prepareDirectory } from './disk-files.ts'
import { DiskFinder } from './disk-finder.ts'
import { DiskIndex, INVALIDATED, NO_SLOT, bodyIdOf, headName, segmentName } from './disk-index.ts'
import { IndexCopy } from './disk-index-copy.ts'
import type { DiskLock } from './disk-lock.ts'
import { lockDirectory } from './disk-lock.ts'
import type { DiskLog } from './disk-log.ts'
import { forgetHead } from './disk-log.ts'
import type { DiskKey } from './disk-queue.ts'
import { DiskQueue, diskKeyOf } from './disk-queue.ts'
import { ALIGN_BYTES, MAX_DATA_BYTES, MAX_HEAD_BYTES } from './disk-record.ts'
import { INDEX_NAME, copyStateOf, recover, restorePosition } from './disk-recovery.ts'
import { Retention } from './disk-retention.ts'
import { DiskScrub } from './disk-scrub.ts'
import { useRecord } from './disk-uses.ts'
import { DiskWriter } from './disk-writer.ts'
import { Slabs, standardSlabBytes } from './slabs.ts'

export interface DiskStoreOptions {
  /** Made if it is not there; its own, and nobody else's to write. */
  readonly directory: string
  /** Bytes of all slabs, at least 1 MiB. The written index comes on top: about 0.3 KiB a segment. */
  readonly maxBytes: number
  /** Shared with the other tiers of the store. What an earlier process recorded is restored into it. */
  readonly invalidations: Invalidations
  record(event: FlowEvent): void
  readonly clock: Clock
  /** Bytes that may wait for the disk; beyond it segments are not written. Default 64 MiB. */
  readonly writeQueueBytes?: number | undefined
  /** Default: `standardSlabBytes`. */
  readonly slabBytes?: number | undefined
  /** How much of `maxBytes` the segments of one object may take. Default a quarter. */
  readonly objectShare?: number | undefined
  /** In which all of it is read once and compared with its checksums, at 16 MiB/s at most. Default: never. */
  readonly scrubIntervalMs?: number | undefined
}

interface DiskStats {
  readonly bytes: number
  readonly maxBytes: number
  readonly segmentCount: number
  readonly headCount: number
  readonly slabCount: number
  readonly writeQueueBytes: number
  /** Read again in the background, to find what is damaged, since the start. */
  readonly scrubbedBytes: number
  /** Records found damaged since the start, whoever read them; they are gone. */
  readonly damagedCount: number
  /** Nothing is written for now: the disk failed too often, or is full. */
  readonly isDegraded: boolean
}

export interface DiskStore extends Store, MemoryUses {
  /** Exact, from the index in memory and from what waits to be written. */
  presence(body: BodyId): SegmentSet
  /** Resolves once everything written so far is on disk and in its index, and what was there is read. */
  flush(): Promise<void>
  /** Flushes and gives the directory free. Afterwards nothing is stored, and nothing is found. */
  close(): Promise<void>
  stats(): DiskStats
}

const MIB = 1024 * 1024
const MIN_BYTES = MIB
const DEFAULT_QUEUE_BYTES = 64 * MIB
const DEFAULT_OBJECT_SHARE = 0.25
/** Keys whose entry is remembered after it was written, so that what comes next can be put beside it. */
const MAX_RECENT_COUNT = 1024
/** Keys with a mark. Marks live for a minute or so, and end with the process. */
const MAX_MARK_COUNT = 10_000
/** How often a read begins again because what it was about to give was invalidated or replaced. */
const MAX_READ_COUNT = 3

/** @throws When the directory cannot be used, or another process uses it. */
export async function openDiskStore(options: DiskStoreOptions): Promise<DiskStore> {
  const { directory, maxBytes } = options
  if (!(maxBytes >= MIN_BYTES)) throw new RangeError(`Cannot keep ${maxBytes} bytes: too few`)
  await prepareDirectory(directory)
  const lock = await lockDirectory(directory)
  try {
    return await open(options, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function open(options: DiskStoreOptions, lock: DiskLock): Promise<DiskStore> {
  const { directory, maxBytes, invalidations, record, clock } = options
  const { slabBytes = standardSlabBytes(maxBytes) } = options
  const log: DiskLog = {
    directory,
    slabs: new Slabs(directory),
    index: new DiskIndex(),
    copy: new IndexCopy({
      path: join(directory, INDEX_NAME),
      stateNow: () => copyStateOf(log),
      onFailure: (message) => record({ kind: 'store-failed', message }),
    }),
    queue: new DiskQueue(),
    retention: new Retention(maxBytes),
    invalidations,
    clock,
    record,
    sequence: 1,
    lastPosition: 0,
    indexedSlab: 0,
    indexedEndByte: 0,
    isCopyComplete: true,
    scrubbedBytes: 0,
    damagedCount: 0,
    replay: undefined,
  }
  const { rest } = await recover(log).catch(async (error: unknown) => {
    await log.copy.close()
    throw error
  })
  restorePosition(log)
  log.retention.resume(log.slabs.bytes)
  const wholeUnits = Math.ceil(slabBytes / ALIGN_BYTES) * ALIGN_BYTES
  const writer = new DiskWriter(log, { maxBytes, slabBytes: wholeUnits })
  await writer.trim()
  return new OpenDiskStore(log, writer, lock, rest, options)
}

class OpenDiskStore implements DiskStore {
  readonly #log: DiskLog
  readonly #writer: DiskWriter
  readonly #lock: DiskLock
  /** Of reading what an earlier process has left. */
  readonly #rest: Promise<void>
  readonly #maxBytes: number
  readonly #maxQueueBytes: number
  readonly #finder: DiskFinder
  readonly #admission: DiskAdmission
  readonly #scrub: DiskScrub | undefined
  readonly #recent = new Map<string, DiskEntry>()
  readonly #marks = new Map<CacheKey, Mark>()
  /** Heads of one key are written one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(
    log: DiskLog,
    writer: DiskWriter,
    lock: DiskLock,
    rest: Promise<void>,
    options: DiskStoreOptions,
  ) {
    this.#log = log
    this.#writer = writer
    const { scrubIntervalMs: intervalMs } = options
    const onLostHead = (key: DiskKey): void => this.#forget(key)
    this.#finder = new DiskFinder(log, onLostHead)
    if (intervalMs !== undefined) this.#scrub = new DiskScrub(log, { intervalMs, onLostHead })
    this.#lock = lock
    this.#rest = rest
    this.#maxBytes = options.maxBytes
    const { objectShare = DEFAULT_OBJECT_SHARE } = options
    this.#admission = new DiskAdmission(log, options.maxBytes * objectShare)
    this.#maxQueueBytes = options.writeQueueBytes ?? DEFAULT_QUEUE_BYTES
  }

  peek(key: CacheKey): 'ask' | undefined {
    const disk = diskKeyOf(key)
    const { queue, index } = this.#log
    const isHere = queue.entryOf(disk) !== undefined || index.findHead(disk.id) !== NO_SLOT
    return isHere || this.#marks.has(key) || this.#turns.has(disk.name) ? 'ask' : undefined
  }

  async read(key: CacheKey): Promise<Entry | undefined> {
    const disk = diskKeyOf(key)
    await this.#turns.get(disk.name)
    for (let i = 0; i < MAX_READ_COUNT; i++) {
      const { position } = this.ticket(key)
      const found = await this.#finder.find(key, disk)
      const variants = found === undefined ? [] : await this.#finder.variantsOf(found)
      // What was invalidated meanwhile is read again as it is now.
      if (this.ticket(key).position !== position) continue
      if (found !== undefined && this.#finder.isOutdated(found)) continue
      const mark = this.#marks.get(key)
      return variants.length === 0 && mark === undefined ? undefined : { variants, mark }
    }
    return undefined
  }

  ticket(key: CacheKey, groups?: readonly GroupId[]): WriteTicket {
    return this.#log.invalidations.ticket(key, groups)
  }

  writeHead(ticket: WriteTicket, head: StoredResponse): Maybe<'stored' | 'superseded'> {
    if (this.#log.invalidations.isSuperseded(ticket)) return 'superseded'
    this.#marks.delete(head.key)
    const key = diskKeyOf(head.key)
    const turn = this.#turns.get(key.name)
    const known = this.#knownEntry(key)
    const isKnown = known !== undefined || this.#log.index.findHead(key.id) === NO_SLOT
    if (turn === undefined && isKnown) {
      this.#putHead(key, ticket, head, known)
      return 'stored'
    }
    const written = (turn ?? Promise.resolve()).then(() => this.#writeHeadInTurn(key, ticket, head))
    const done = written.catch(() => undefined)
    this.#turns.set(key.name, done)
    void done.then(() => {
      if (this.#turns.get(key.name) === done) this.#turns.delete(key.name)
    })
    return written
  }

  writeMark(ticket: WriteTicket, mark: Mark): void {
    if (this.#log.invalidations.isSuperseded(ticket)) return
    remember(this.#marks, ticket.key, mark, MAX_MARK_COUNT)
  }

  invalidate(scope: InvalidationScope, how: 'validate' | 'drop'): Maybe<Recorded> {
    const line = this.#log.invalidations.record(scope, how)
    if (isKey(scope)) return this.#invalidateKey(scope, how, line)
    if (scope === EVERYTHING && how === 'drop') this.#marks.clear()
    return this.#closing === undefined ? this.#append(diskKeyOf(scope), how, line) : 'unwritten'
  }

  #invalidateKey(key: CacheKey, how: 'validate' | 'drop', line: Invalidation): Maybe<Recorded> {
    const { index, queue, replay } = this.#log
    const disk = diskKeyOf(key)
    const slot = index.findHead(disk.id)
    const isUnknown =
      slot === NO_SLOT && queue.entryOf(disk) === undefined && !this.#turns.has(disk.name)
    const recent = this.#recent.get(disk.name)
    replay?.settle(disk.id, how)
    if (how === 'drop') {
      this.#marks.delete(key)
      this.#recent.delete(disk.name)
      queue.drop(disk)
      index.dropKey(disk.id)
    } else {
      if (recent !== undefined) this.#recent.set(disk.name, invalidatedEntry(recent))
      queue.validate(disk)
      index.add(slot, INVALIDATED)
    }
    if (this.#closing !== undefined) return 'unwritten'
    // A drop is always written: it also keeps what the index does not know from being found again.
    if (how === 'validate' && isUnknown && replay === undefined) return 'recorded'
    return this.#append(disk, how, line)
  }

  #append(disk: DiskKey, how: 'validate' | 'drop', line: Invalidation): Promise<Recorded> {
    const written = this.#log.queue.putInvalidation(disk, how, line)
    this.#writer.wake(true)
    return written
  }

  presence(body: BodyId): SegmentSet {
    const id = bodyIdOf(body)
    const { index, queue } = this.#log
    return {
      has: (segmentIndex) =>
        index.findSegment(id, segmentIndex) !== NO_SLOT ||
        queue.dataOf(body, segmentIndex) !== undefined,
    }
  }

  readSegment(
    body: BodyId,
    segmentIndex: number,
    startByte: number,
    endByte: number,
  ): Maybe<Uint8Array | undefined> {
    return this.#finder.readSegment(body, segmentIndex, startByte, endByte)
  }

  writeSegment(ticket: WriteTicket, body: BodyId, segmentIndex: number, bytes: Uint8Array): void {
    const { queue, index, invalidations, record } = this.#log
    if (invalidations.isSuperseded(ticket) || !this.#takesWrites()) return
    const count = bytes.byteLength
    if (count === 0 || count > Math.min(MAX_DATA_BYTES, this.#writer.maxRecordBytes)) return
    const isHere = index.findSegment(bodyIdOf(body), segmentIndex) !== NO_SLOT
    if (isHere || queue.dataOf(body, segmentIndex) !== undefined) return
    if (queue.bytes + count > this.#maxQueueBytes) {
      record({ kind: 'limit', name: 'diskWriteQueueBytes' })
      return
    }
    const key = diskKeyOf(ticket.key)
    const known = this.#recent.get(key.name)
    const asked = { body, segmentIndex, bytes: count }
    const useClass = this.#admission.segment(key, asked, queue.entryOf(key) ?? known)
    if (useClass === undefined) return
    queue.putData(key, { body, segmentIndex, bytes }, ticket, { known, useClass })
    this.#writer.wake(false)
  }

  get epoch(): number {
    return this.#log.retention.epoch
  }

  useHead(key: CacheKey): void {
    const disk = diskKeyOf(key)
    const { index, queue, retention } = this.#log
    const slot = index.findHead(disk.id)
    queue.useEntry(disk)
    if (slot === NO_SLOT) retention.use(headName(disk.id))
    else useRecord(this.#log, slot)
  }

  useSegment(body: BodyId, segmentIndex: number): void {
    const id = bodyIdOf(body)
    const { index, queue, retention } = this.#log
    const slot = index.findSegment(id, segmentIndex)
    queue.useData(body, segmentIndex)
    if (slot === NO_SLOT) retention.use(segmentName(id, segmentIndex))
    else useRecord(this.#log, slot)
  }

  async flush(): Promise<void> {
    await Promise.all(this.#turns.values())
    await this.#writer.drain()
    await this.#rest
    await this.#log.copy.flush()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  stats(): DiskStats {
    const { slabs, index, queue } = this.#log
    return {
      bytes: slabs.bytes,
      maxBytes: this.#maxBytes,
      segmentCount: index.segmentCount,
      headCount: index.headCount,
      slabCount: slabs.count,
      writeQueueBytes: queue.bytes,
      scrubbedBytes: this.#log.scrubbedBytes,
      damagedCount: this.#log.damagedCount,
      isDegraded: !this.#writer.isWriting,
    }
  }

  async #close(): Promise<void> {
    await this.#scrub?.stop()
    await Promise.all(this.#turns.values())
    await this.#writer.close()
    await this.#rest
    await this.#log.copy.close()
    await this.#log.slabs.close()
    this.#log.index.clear()
    this.#lock.release()
  }

  #takesWrites(): boolean {
    return this.#writer.isWriting && this.#closing === undefined
  }

  #knownEntry(key: DiskKey): DiskEntry | undefined {
    return this.#log.queue.entryOf(key) ?? this.#recent.get(key.name)
  }

  async #writeHeadInTurn(
    key: DiskKey,
    ticket: WriteTicket,
    head: StoredResponse,
  ): Promise<'stored' | 'superseded'> {
    const known = this.#knownEntry(key) ?? (await this.#finder.find(head.key, key))?.entry
    if (this.#log.invalidations.isSuperseded(ticket)) return 'superseded'
    this.#putHead(key, ticket, head, known)
    return 'stored'
  }

  #putHead(
    key: DiskKey,
    ticket: WriteTicket,
    head: StoredResponse,
    known: DiskEntry | undefined,
  ): void {
    // The head before it must not be found in its place.
    if (!this.#takesWrites() || this.#log.queue.bytes > 2 * this.#maxQueueBytes) {
      return this.#forget(key)
    }
    const added = { logPosition: ticket.logPosition, head }
    const before = known?.variants ?? []
    const entry = { key: head.key, variants: withVariant(before, added) }
    if (textBytesOf(entry) > MAX_HEAD_BYTES / 4) return this.#forget(key)
    const { index, replay } = this.#log
    // What is still being read may know an older one, which must not come back.
    const mayHave = index.findHead(key.id) !== NO_SLOT || replay !== undefined
    const isKnown = known !== undefined || mayHave
    const useClass = this.#admission.head(key, head, isKnown)
    if (useClass === undefined) return
    this.#log.queue.putEntry(key, entry, ticket, useClass)
    remember(this.#recent, key.name, entry, MAX_RECENT_COUNT)
    this.#writer.wake(false)
  }

  #forget(key: DiskKey): void {
    this.#recent.delete(key.name)
    forgetHead(this.#log, key)
    if (!this.#takesWrites()) return
    this.#log.queue.putForget(key)
    this.#writer.wake(false)
  }
}

/** Roughly: escapes in the text of a record may double it. */
function textBytesOf({ key, variants }: DiskEntry): number {
  let bytes = key.length
  for (const { head } of variants) {
    for (const text of [head.key, ...head.fields, ...head.nominated.values]) bytes += text.length
  }
  return bytes
}
