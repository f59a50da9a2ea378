// Records on their way to the disk. Until they are there, they are read from here.

import type { BodyId } from '#core/entry/body-id.ts'
import type { InvalidationScope } from '#core/entry/invalidation-scope.ts'
import type { Recorded, WriteTicket } from '#core/ports/store.ts'
import type { Invalidation } from '#web/invalidations.ts'

import type { DiskEntry } from './disk-entry.ts'
import { hasOnlySegment, invalidatedEntry } from './disk-entry.ts'
import type { Id, Place } from './disk-index.ts'
import { digestOf, idOf } from './disk-index.ts'
import type { RecordKind } from './disk-record.ts'
import type { UseClass } from './disk-retention.ts'
import { UNKNOWN_CLASS } from './disk-retention.ts'

/** A key as the disk tier names it. */
export interface DiskKey {
  readonly digest: Uint8Array
  readonly id: Id
  /** Of the digest, in hexadecimal. */
  readonly name: string
}

export function diskKeyOf(key: InvalidationScope): DiskKey {
  return diskKeyOfDigest(digestOf(key))
}

export function diskKeyOfDigest(digest: Uint8Array): DiskKey {
  return { digest, id: idOf(digest), name: Buffer.from(digest).toString('hex') }
}

export interface PendingData {
  readonly body: BodyId
  readonly segmentIndex: number
  readonly bytes: Uint8Array
}

export interface Pending {
  kind: RecordKind
  readonly key: DiskKey
  readonly ticket: Pick<WriteTicket, 'position' | 'generation'>
  /** How its use is judged. */
  useClass: UseClass
  /** Of the head; changes as long as the record is open. */
  entry: DiskEntry | undefined
  data: PendingData | undefined
  /** Text of an invalidation: what it is about. */
  readonly text?: InvalidationScope | undefined
  /** Where the record was, if it is carried over from a slab that is evicted. */
  readonly carriedFrom?: Place | undefined
  /** Whether more may still be put into it: it is not being written, and nothing about its key follows. */
  isOpen: boolean
  /** Dropped while it waited or was written: it must not get into the index. */
  isCancelled: boolean
  /** Read while it waited. */
  isUsed: boolean
  /** Invalidated while it was written. */
  isInvalidated: boolean
  readonly settle?: ((how: Recorded) => void) | undefined
  /** What it counts for in the queue. */
  queuedBytes: number
}

/** What a record takes of the queue beside its data, roughly. */
const HEAD_BYTES = 2048
/** Records in one write, below what the system takes (1024 buffers, up to four each). */
export const MAX_BATCH_COUNT = 200

export class DiskQueue {
  #items: Pending[] = []
  readonly #heads = new Map<string, Pending>()
  readonly #segments = new Map<string, Pending>()
  readonly #underWay = new Set<Pending>()
  readonly #bytesOfKeys = new Map<string, number>()
  #bytes = 0

  /** Of what waits and of what is being written. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  bytesOf(key: DiskKey): number {
    return this.#bytesOfKeys.get(key.name) ?? 0
  }

  entryOf(key: DiskKey): DiskEntry | undefined {
    return this.#heads.get(key.name)?.entry
  }

  dataOf(body: BodyId, segmentIndex: number): Uint8Array | undefined {
    return this.#segments.get(`${body}/${segmentIndex}`)?.data?.bytes
  }

  useEntry(key: DiskKey): void {
    const pending = this.#heads.get(key.name)
    if (pending !== undefined) pending.isUsed = true
  }

  useData(body: BodyId, segmentIndex: number): void {
    const pending = this.#segments.get(`${body}/${segmentIndex}`)
    if (pending !== undefined) pending.isUsed = true
  }

  /** Takes the place of the key's entry that waits, if it still can; joins the only segment that waits. */
  putEntry(key: DiskKey, entry: DiskEntry, ticket: WriteTicket, useClass: UseClass): void {
    const waiting = this.#heads.get(key.name)
    if (waiting?.isOpen === true) {
      waiting.entry = entry
      if (waiting.data !== undefined) return
    }
    const segment = this.#openSegmentOf(entry)
    if (segment === undefined) {
      if (waiting?.isOpen !== true) this.#add({ ...blank('head', key, ticket), entry, useClass })
      return
    }
    if (waiting?.isOpen === true) this.#cancel(waiting)
    segment.entry = entry
    this.#heads.set(key.name, segment)
  }

  /**
   * @param options.known The key's entry as on disk: a body of one segment is written together with it.
   */
  putData(
    key: DiskKey,
    data: PendingData,
    ticket: WriteTicket,
    { known, useClass }: { readonly known: DiskEntry | undefined; readonly useClass: UseClass },
  ): void {
    const waiting = this.#heads.get(key.name)
    const entry = waiting?.entry ?? known
    const isOnly =
      data.segmentIndex === 0 && entry !== undefined && hasOnlySegment(entry, data.body)
    if (isOnly && waiting?.isOpen === true && waiting.data === undefined) {
      waiting.kind = 'segment'
      waiting.data = data
      this.#segments.set(`${data.body}/0`, waiting)
      return this.#count(waiting, data.bytes.byteLength)
    }
    this.#add({
      ...blank('segment', key, ticket),
      useClass,
      data,
      entry: isOnly ? entry : undefined,
    })
  }

  /** Resolves once the disk has it, for certain, or cannot take it. */
  putInvalidation(key: DiskKey, how: 'drop' | 'validate', line: Invalidation): Promise<Recorded> {
    const { promise, resolve } = Promise.withResolvers<Recorded>()
    this.#add({ ...blank(how, key, line), text: line.key, settle: resolve })
    return promise
  }

  /** Says that the head before it is lost. */
  putForget(key: DiskKey): void {
    this.#add(blank('forget', key, { position: 0, generation: 0 }))
  }

  drop(key: DiskKey): void {
    for (const pending of this.#of(key)) if (pending.text === undefined) this.#cancel(pending)
  }

  /** What is to be validated from now on must not take up what comes later. */
  validate(key: DiskKey): void {
    for (const pending of this.#of(key)) {
      pending.isOpen = false
      pending.isInvalidated = true
      if (pending.entry !== undefined) pending.entry = invalidatedEntry(pending.entry)
    }
  }

  /** Cancels all but invalidations. */
  clear(): readonly Pending[] {
    const cleared = this.#items.filter(({ text }) => text === undefined)
    for (const pending of cleared) this.#cancel(pending)
    return cleared
  }

  /** Takes records for one write: as many as fit, and at least one. */
  take(maxBytes: number): readonly Pending[] {
    const batch: Pending[] = []
    let bytes = 0
    let count = 0
    for (const pending of this.#items) {
      bytes += pending.data?.bytes.byteLength ?? 0
      if (batch.length > 0 && (bytes > maxBytes || batch.length >= MAX_BATCH_COUNT)) break
      count++
      if (pending.isCancelled) continue
      pending.isOpen = false
      this.#underWay.add(pending)
      batch.push(pending)
    }
    this.#items.splice(0, count)
    return batch
  }

  /** The record is on disk, or given up: from now on the index speaks for it. */
  finish(pending: Pending): void {
    this.#underWay.delete(pending)
    if (!pending.isCancelled) this.#uncount(pending)
  }

  #openSegmentOf(entry: DiskEntry): Pending | undefined {
    for (const { head } of entry.variants) {
      const pending = this.#segments.get(`${head.body}/0`)
      const isFree = pending?.isOpen === true && pending.entry === undefined
      if (isFree && hasOnlySegment(entry, head.body)) return pending
    }
    return undefined
  }

  #of(key: DiskKey): readonly Pending[] {
    return [...this.#underWay, ...this.#items].filter((pending) => pending.key.name === key.name)
  }

  #add(pending: Pending): void {
    this.#items.push(pending)
    if (pending.entry !== undefined) this.#heads.set(pending.key.name, pending)
    const { data } = pending
    if (data !== undefined) this.#segments.set(`${data.body}/${data.segmentIndex}`, pending)
    this.#count(pending, (data?.bytes.byteLength ?? 0) + HEAD_BYTES)
  }

  #cancel(pending: Pending): void {
    if (pending.isCancelled) return
    pending.isCancelled = true
    pending.isOpen = false
    this.#uncount(pending)
  }

  #uncount(pending: Pending): void {
    const { key, data } = pending
    if (this.#heads.get(key.name) === pending) this.#heads.delete(key.name)
    const name = `${data?.body}/${data?.segmentIndex}`
    if (this.#segments.get(name) === pending) this.#segments.delete(name)
    this.#count(pending, -pending.queuedBytes)
  }

  #count(pending: Pending, bytes: number): void {
    pending.queuedBytes += bytes
    this.#bytes += bytes
    const { name } = pending.key
    const ofKey = this.bytesOf(pending.key) + bytes
    if (ofKey > 0) this.#bytesOfKeys.set(name, ofKey)
    else this.#bytesOfKeys.delete(name)
  }
}

function blank(
  kind: RecordKind,
  key: DiskKey,
  ticket: Pick<WriteTicket, 'position' | 'generation'>,
): Pending {
  const { position, generation } = ticket
  return {
    kind,
    key,
    ticket: { position, generation },
    useClass: UNKNOWN_CLASS,
    entry: undefined,
    data: undefined,
    isOpen: true,
    isCancelled: false,
    isUsed: false,
    isInvalidated: false,
    queuedBytes: 0,
  }
}

/** A record that is written again, as it is. */
export function carriedRecord(
  key: DiskKey,
  ticket: Pick<WriteTicket, 'position' | 'generation'>,
  parts: Pick<Pending, 'entry' | 'data' | 'carriedFrom' | 'isInvalidated' | 'useClass'>,
): Pending {
  const kind = parts.data === undefined ? 'head' : 'segment'
  return { ...blank(kind, key, ticket), ...parts, isOpen: false }
}
