// The memory tier: heads and segments in one LRU, bounded in bytes.

import { LRUCache } from 'lru-cache'

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { SegmentSet } from '#core/entry/segment.ts'
import { isSingleSegment } from '#core/entry/segment.ts'
import type { Entry, Mark, StoredResponse, Variant } from '#core/entry/stored-response.ts'
import type { Store } from '#core/ports/store.ts'
import type { Invalidations } from './invalidations.ts'
import { withVariant } from './variants.ts'

export interface MemoryStoreOptions {
  /** Bytes of heads and segments together. */
  readonly maxBytes: number
  /** The largest body segment that is kept; a larger one would push out too much. */
  readonly maxSegmentBytes?: number
  readonly invalidations: Invalidations
}

export interface MemoryStore extends Store {
  stats(): { readonly bytes: number; readonly maxBytes: number; readonly itemCount: number }
}

/** A key's record. A body of one segment lives in it, so that head and bytes come and go together. */
interface KeyRecord extends Entry {
  readonly kind: 'key'
  readonly variants: readonly Variant[]
  readonly mark: Mark | undefined
}

interface SegmentRecord {
  readonly kind: 'segment'
  readonly body: BodyId
  readonly index: number
  readonly bytes: Uint8Array
}

/** What a record costs beside its bytes: objects, keys and the LRU's own slots, roughly. */
const OVERHEAD_BYTES = 600

export function createMemoryStore(options: MemoryStoreOptions): MemoryStore {
  const { maxBytes, maxSegmentBytes = maxBytes / 4, invalidations } = options
  /** Which segments of a body are here, kept in step with the LRU by `dispose`. */
  const present = new Map<BodyId, Set<number>>()
  /** Bodies of one segment that live in a key's record. */
  const keyOfBody = new Map<BodyId, CacheKey>()

  const lru = new LRUCache<string, KeyRecord | SegmentRecord>({
    maxSize: Math.max(1, maxBytes),
    sizeCalculation: sizeOf,
    dispose(record, key, reason) {
      if (record.kind === 'segment') forgetSegment(record)
      else if (reason !== 'set') forgetBodies(record, key)
    },
  })

  function forgetSegment({ body, index }: SegmentRecord): void {
    const indexes = present.get(body)
    indexes?.delete(index)
    if (indexes?.size === 0) present.delete(body)
  }

  function forgetBodies(record: KeyRecord, key: string): void {
    for (const { head } of record.variants) {
      if (keyOfBody.get(head.body) === key) keyOfBody.delete(head.body)
    }
  }

  function recordOf(key: CacheKey): KeyRecord | undefined {
    const record = lru.get(key)
    return record?.kind === 'key' ? record : undefined
  }

  function write(key: CacheKey, variants: readonly Variant[], mark: Mark | undefined): void {
    const before = recordOf(key)
    lru.set(key, { kind: 'key', variants, mark })
    if (before !== undefined) forgetBodies(before, key)
    // A record too large for the whole tier is not kept.
    if (!lru.has(key)) return
    for (const { head, onlySegment } of variants) {
      if (onlySegment !== undefined) keyOfBody.set(head.body, key)
    }
  }

  /** The bytes of a one-segment body, wherever they are; taken out of the segments, if they are there. */
  function takeOnlySegment(head: StoredResponse): Uint8Array | undefined {
    const { body, completeLength = 0, segmentBytes } = head
    if (!isSingleSegment(completeLength, segmentBytes)) return undefined
    const held = variantOf(body)?.onlySegment
    if (held !== undefined) return held
    const record = lru.peek(segmentKey(body, 0))
    if (record?.kind !== 'segment') return undefined
    lru.delete(segmentKey(body, 0))
    return record.bytes
  }

  function variantOf(body: BodyId): Variant | undefined {
    const key = keyOfBody.get(body)
    if (key === undefined) return undefined
    return recordOf(key)?.variants.find((variant) => variant.head.body === body)
  }

  return {
    peek: recordOf,
    read: (key) => Promise.resolve(recordOf(key)),
    ticket: (key) => invalidations.ticket(key),
    writeHead(ticket, head) {
      if (invalidations.isSuperseded(ticket)) return 'superseded'
      const variants = recordOf(head.key)?.variants ?? []
      const added = { head, onlySegment: takeOnlySegment(head) }
      write(head.key, withVariant(variants, added), undefined)
      return 'stored'
    },
    writeMark(ticket, mark) {
      if (invalidations.isSuperseded(ticket)) return
      write(ticket.key, recordOf(ticket.key)?.variants ?? [], mark)
    },
    invalidate(key, how) {
      invalidations.record(key, how)
      const record = recordOf(key)
      if (record === undefined) return
      if (how === 'validate') {
        const variants = record.variants.map(({ head, onlySegment }) => ({
          head: { ...head, invalidated: true },
          onlySegment,
        }))
        return write(key, variants, record.mark)
      }
      for (const { head } of record.variants) {
        for (const index of present.get(head.body) ?? []) lru.delete(segmentKey(head.body, index))
      }
      lru.delete(key)
    },
    presence(body): SegmentSet {
      const indexes = present.get(body)
      const isHeld = keyOfBody.has(body)
      return { has: (index) => (isHeld && index === 0) || indexes?.has(index) === true }
    },
    readSegment(body, index, startByte, endByte) {
      const held = index === 0 ? variantOf(body)?.onlySegment : undefined
      if (held !== undefined) return held.subarray(startByte, endByte)
      const record = lru.get(segmentKey(body, index))
      return record?.kind === 'segment' ? record.bytes.subarray(startByte, endByte) : undefined
    },
    writeSegment(ticket, body, index, bytes) {
      if (invalidations.isSuperseded(ticket) || bytes.byteLength > maxSegmentBytes) return
      const record = index === 0 ? recordOf(ticket.key) : undefined
      const variant = record?.variants.find((candidate) => isOnlySegmentOf(candidate.head, body))
      if (record !== undefined && variant !== undefined) {
        const variants = record.variants.map((candidate) =>
          candidate === variant ? { head: variant.head, onlySegment: bytes } : candidate,
        )
        return write(ticket.key, variants, record.mark)
      }
      lru.set(segmentKey(body, index), { kind: 'segment', body, index, bytes })
      // A record too large for the whole tier is not kept, and must not be counted as here.
      if (!lru.has(segmentKey(body, index))) return
      const indexes = present.get(body)
      if (indexes === undefined) present.set(body, new Set([index]))
      else indexes.add(index)
    },
    stats: () => ({ bytes: lru.calculatedSize, maxBytes, itemCount: lru.size }),
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
  }
  return bytes
}
