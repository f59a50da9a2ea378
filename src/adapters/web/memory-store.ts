// The memory tier: heads and segments in one LRU, bounded in bytes.

import { LRUCache } from 'lru-cache'

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { GroupId, InvalidationScope } from '#core/entry/invalidation-scope.ts'
import { EVERYTHING, isKey } from '#core/entry/invalidation-scope.ts'
import type { SegmentSet } from '#core/entry/segment.ts'
import { isSingleSegment } from '#core/entry/segment.ts'
import type { Entry, Mark, StoredResponse, Variant } from '#core/entry/stored-response.ts'
import type { Store, WriteTicket } from '#core/ports/store.ts'
import type { Invalidations } from './invalidations.ts'
import { judged, withVariant } from './variants.ts'

export interface MemoryStoreOptions {
  /** Bytes of heads and segments together. */
  readonly maxBytes: number
  /** The largest body segment that is kept; a larger one would push out too much. */
  readonly maxSegmentBytes?: number
  readonly invalidations: Invalidations
  readonly uses?: MemoryUses | undefined
}

/**
 * A slower tier that is told what is used here, so that it does not take for unused what it is not asked for:
 * of each head and segment once an epoch, however often it is used.
 */
export interface MemoryUses {
  readonly epoch: number
  useHead(key: CacheKey): void
  useSegment(body: BodyId, segmentIndex: number): void
}

export interface MemoryStore extends Store {
  stats(): { readonly bytes: number; readonly maxBytes: number; readonly itemCount: number }
}

/** A key's record. A body of one segment lives in it, so that head and bytes come and go together. */
interface KeyRecord extends Entry {
  readonly kind: 'key'
  readonly variants: readonly Variant[]
  readonly mark: Mark | undefined
  /** Where the log was when its variants were judged by it. */
  judgedAtPosition: number
  toldAtEpoch: number
}

interface SegmentRecord {
  readonly kind: 'segment'
  readonly body: BodyId
  readonly index: number
  readonly bytes: Uint8Array
  toldAtEpoch: number
}

/** What is written under an older ticket is judged when it is read. */
const NOT_JUDGED = -1
const NOBODY: MemoryUses = { epoch: 0, useHead: () => undefined, useSegment: () => undefined }

/** What a record costs beside its bytes: objects, keys and the LRU's own slots, roughly. */
const OVERHEAD_BYTES = 600

export function createMemoryStore(options: MemoryStoreOptions): MemoryStore {
  return new LruStore(options)
}

class LruStore implements MemoryStore {
  readonly #maxBytes: number
  readonly #maxSegmentBytes: number
  readonly #invalidations: Invalidations
  readonly #uses: MemoryUses
  readonly #lru: LRUCache<string, KeyRecord | SegmentRecord>
  /** Which segments of a body are here, kept in step with the LRU by `dispose`. */
  readonly #present = new Map<BodyId, Set<number>>()
  /** Bodies of one segment that live in a key's record. */
  readonly #keyOfBody = new Map<BodyId, CacheKey>()

  constructor(options: MemoryStoreOptions) {
    const { maxBytes, maxSegmentBytes = maxBytes / 4, invalidations, uses = NOBODY } = options
    this.#uses = uses
    this.#maxBytes = maxBytes
    this.#maxSegmentBytes = maxSegmentBytes
    this.#invalidations = invalidations
    this.#lru = new LRUCache({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: sizeOf,
      dispose: (record, key, reason) => {
        if (record.kind === 'segment') this.#forgetSegment(record)
        else if (reason !== 'set') this.#forgetBodies(record, key)
      },
    })
  }

  peek(key: CacheKey): KeyRecord | undefined {
    const record = this.#lru.get(key)
    if (record?.kind !== 'key') return undefined
    const { epoch } = this.#uses
    if (record.toldAtEpoch !== epoch) {
      record.toldAtEpoch = epoch
      this.#uses.useHead(key)
    }
    return record.judgedAtPosition === this.#invalidations.position
      ? record
      : this.#judge(key, record)
  }

  read(key: CacheKey): Promise<Entry | undefined> {
    return Promise.resolve(this.peek(key))
  }

  ticket(key: CacheKey, groups?: readonly GroupId[]): WriteTicket {
    return this.#invalidations.ticket(key, groups)
  }

  writeHead(ticket: WriteTicket, head: StoredResponse): 'stored' | 'superseded' {
    if (this.#invalidations.isSuperseded(ticket)) return 'superseded'
    const variants = this.peek(head.key)?.variants ?? []
    const { logPosition } = ticket
    const added = { head, onlySegment: this.#takeOnlySegment(head), logPosition }
    this.#write(head.key, withVariant(variants, added), undefined)
    return 'stored'
  }

  writeMark(ticket: WriteTicket, mark: Mark): void {
    if (this.#invalidations.isSuperseded(ticket)) return
    this.#write(ticket.key, this.peek(ticket.key)?.variants ?? [], mark)
  }

  invalidate(scope: InvalidationScope, how: 'validate' | 'drop'): 'recorded' {
    this.#invalidations.record(scope, how)
    if (isKey(scope)) this.#invalidateKey(scope, how)
    else if (scope === EVERYTHING && how === 'drop') this.#lru.clear()
    return 'recorded'
  }

  #invalidateKey(key: CacheKey, how: 'validate' | 'drop'): void {
    const record = this.peek(key)
    if (record === undefined) return
    if (how === 'validate') {
      const variants = record.variants.map((variant) => ({
        ...variant,
        head: { ...variant.head, invalidated: true },
      }))
      return this.#write(key, variants, record.mark)
    }
    for (const { head } of record.variants) this.#deleteSegments(head.body)
    this.#lru.delete(key)
  }

  presence(body: BodyId): SegmentSet {
    const indexes = this.#present.get(body)
    const isHeld = this.#keyOfBody.has(body)
    return { has: (index) => (isHeld && index === 0) || indexes?.has(index) === true }
  }

  readSegment(
    body: BodyId,
    index: number,
    startByte: number,
    endByte: number,
  ): Uint8Array | undefined {
    const held = index === 0 ? this.#variantOf(body)?.onlySegment : undefined
    if (held !== undefined) return held.subarray(startByte, endByte)
    const record = this.#lru.get(segmentKey(body, index))
    if (record?.kind !== 'segment') return undefined
    const { epoch } = this.#uses
    if (record.toldAtEpoch !== epoch) {
      record.toldAtEpoch = epoch
      this.#uses.useSegment(body, index)
    }
    return record.bytes.subarray(startByte, endByte)
  }

  writeSegment(ticket: WriteTicket, body: BodyId, index: number, bytes: Uint8Array): void {
    if (this.#invalidations.isSuperseded(ticket) || bytes.byteLength > this.#maxSegmentBytes) return
    const record = index === 0 ? this.peek(ticket.key) : undefined
    const variant = record?.variants.find((candidate) => isOnlySegmentOf(candidate.head, body))
    if (record !== undefined && variant !== undefined) {
      const variants = record.variants.map((candidate) =>
        candidate === variant ? { ...variant, onlySegment: bytes } : candidate,
      )
      return this.#write(ticket.key, variants, record.mark)
    }
    const key = segmentKey(body, index)
    this.#lru.set(key, { kind: 'segment', body, index, bytes, toldAtEpoch: this.#uses.epoch })
    // A record too large for the whole tier is not kept, and must not be counted as here.
    if (!this.#lru.has(key)) return
    const indexes = this.#present.get(body)
    if (indexes === undefined) this.#present.set(body, new Set([index]))
    else indexes.add(index)
  }

  stats(): ReturnType<MemoryStore['stats']> {
    const { calculatedSize, size } = this.#lru
    return { bytes: calculatedSize, maxBytes: this.#maxBytes, itemCount: size }
  }

  /** What the log says of a record since it was looked at last. */
  #judge(key: CacheKey, record: KeyRecord): KeyRecord | undefined {
    const { position } = this.#invalidations
    const variants = judged(record.variants, this.#invalidations)
    record.judgedAtPosition = position
    if (variants === record.variants) return record
    this.#write(key, variants, record.mark)
    const written = this.#lru.peek(key)
    if (written?.kind !== 'key') return undefined
    written.judgedAtPosition = position
    return written
  }

  #write(key: CacheKey, variants: readonly Variant[], mark: Mark | undefined): void {
    const before = this.#lru.peek(key)
    // Written anew means used just now, and that is known.
    const toldAtEpoch = before?.kind === 'key' ? before.toldAtEpoch : this.#uses.epoch
    this.#lru.set(key, { kind: 'key', variants, mark, judgedAtPosition: NOT_JUDGED, toldAtEpoch })
    if (before?.kind === 'key') {
      this.#forgetBodies(before, key)
      this.#deleteUnreachable(before.variants, variants)
    }
    // A record too large for the whole tier is not kept.
    if (!this.#lru.has(key)) return
    for (const { head, onlySegment } of variants) {
      if (onlySegment !== undefined) this.#keyOfBody.set(head.body, key)
    }
  }

  /** Nothing can name a body that is not joinable once its head is gone. */
  #deleteUnreachable(before: readonly Variant[], after: readonly Variant[]): void {
    for (const { head } of before) {
      if (head.joinable || after.some((variant) => variant.head.body === head.body)) continue
      this.#deleteSegments(head.body)
    }
  }

  #deleteSegments(body: BodyId): void {
    for (const index of this.#present.get(body) ?? []) this.#lru.delete(segmentKey(body, index))
  }

  /** The bytes of a one-segment body, wherever they are; taken out of the segments, if they are there. */
  #takeOnlySegment(head: StoredResponse): Uint8Array | undefined {
    const { body, completeLength = 0, segmentBytes } = head
    if (!isSingleSegment(completeLength, segmentBytes)) return undefined
    const held = this.#variantOf(body)?.onlySegment
    if (held !== undefined) return held
    const record = this.#lru.peek(segmentKey(body, 0))
    if (record?.kind !== 'segment') return undefined
    this.#lru.delete(segmentKey(body, 0))
    return record.bytes
  }

  #variantOf(body: BodyId): Variant | undefined {
    const key = this.#keyOfBody.get(body)
    if (key === undefined) return undefined
    return this.peek(key)?.variants.find((variant) => variant.head.body === body)
  }

  #forgetSegment({ body, index }: SegmentRecord): void {
    const indexes = this.#present.get(body)
    indexes?.delete(index)
    if (indexes?.size === 0) this.#present.delete(body)
  }

  #forgetBodies(record: KeyRecord, key: string): void {
    for (const { head } of record.variants) {
      if (this.#keyOfBody.get(head.body) === key) this.#keyOfBody.delete(head.body)
    }
  }
}

function isOnlySegmentOf(head: StoredResponse, body: BodyId): boolean {
  const { completeLength = 0, segmentBytes } = head
  return head.body === body && isSingleSegment(completeLength, segmentBytes)
}

/** No cache key begins with NUL, so heads and segments share one space of keys. */
function segmentKey(body: BodyId, index: number): string {
  return `\0${body}/${index}`
}

function sizeOf(record: KeyRecord | SegmentRecord, key: string): number {
  let bytes = OVERHEAD_BYTES + 2 * key.length
  if (record.kind === 'segment') return bytes + record.bytes.byteLength
  for (const { head, onlySegment } of record.variants) {
    bytes += OVERHEAD_BYTES + (onlySegment?.byteLength ?? 0)
    for (const text of head.fields) bytes += text.length
    for (const group of head.groups) bytes += group.length
  }
  return bytes
}
