// The store on Workers: heads and segments in the Cache API of the data centre.

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import { isSingleSegment, segmentCountOf } from '#core/entry/segment.ts'
import type { Entry, Mark, StoredResponse, Variant } from '#core/entry/stored-response.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Store } from '#core/ports/store.ts'
import type { Invalidations } from '#web/invalidations.ts'
import { withVariant } from '#web/variants.ts'
import type { KeyRecord } from './cache-api-record.ts'
import { decodeRecord, encodeRecord } from './cache-api-record.ts'
import { readStoredSegment, segmentRequest, segmentResponse } from './cache-api-segment.ts'

export interface CacheApiStoreOptions {
  /**
   * The cache, opened anew for each operation, as a promise of one request must not be awaited by another. Of its
   * own: whoever shares it could read and replace what is stored.
   */
  cache(): Promise<Cache>
  /** Of the isolate: what it knows of invalidations, the other isolates do not. */
  readonly invalidations: Invalidations
  record(event: FlowEvent): void
}

/**
 * Keeps a key's record (its heads and mark) as one JSON response, and each segment as a response of its own, which
 * `match` can cut to a range. Freshness is ours to judge, so entries are stored for a year and go when the data centre
 * needs the space.
 *
 * The contents are those of one data centre: a purge reaches no other, and an invalidation supersedes only the
 * tickets of this isolate; a fill that runs in another may still write what it was given before. Records are
 * read, changed and written without a lock: of two writers at one instant the later wins, and the loser's variant is
 * a miss. Bytes are never in doubt, as a segment hangs from its BodyId.
 */
export function createCacheApiStore(options: CacheApiStoreOptions): Store {
  const { invalidations, record } = options

  /** A store never fails a request. */
  async function attempt<T>(what: string, act: (cache: Cache) => Promise<T>, otherwise: T) {
    try {
      return await act(await options.cache())
    } catch (error) {
      record({ kind: 'store-failed', message: `Cannot ${what} in the Cache API: ${String(error)}` })
      return otherwise
    }
  }

  function readRecord(key: CacheKey): Promise<KeyRecord | undefined> {
    return attempt(
      'read record',
      async (cache) => {
        const response = await cache.match(await recordUrlOf(key))
        return response === undefined ? undefined : decodeRecord(await response.text(), key)
      },
      undefined,
    )
  }

  function writeRecord(key: CacheKey, written: KeyRecord): Promise<boolean> {
    return attempt(
      'write record',
      async (cache) => {
        await cache.put(await recordUrlOf(key), encodeRecord(written, key))
        return true
      },
      false,
    )
  }

  function readSegment(body: BodyId, index: number, startByte: number, endByte: number) {
    return attempt(
      'read segment',
      (cache) => readStoredSegment(cache, body, index, startByte, endByte),
      undefined,
    )
  }

  /** The latest head with its bytes, if these are one segment: nearly always it is the one that is asked for. */
  async function variantsOf(heads: readonly StoredResponse[]): Promise<readonly Variant[]> {
    const [latest] = heads
    const variants = heads.map((head): Variant => ({ head }))
    if (latest === undefined || !hasOnlySegment(latest)) return variants
    const length = latest.completeLength ?? 0
    const onlySegment = await readSegment(latest.body, 0, 0, length)
    if (onlySegment?.byteLength !== length) return variants
    return [{ head: latest, onlySegment }, ...variants.slice(1)]
  }

  /** Takes back what was written under a ticket that has been superseded meanwhile. */
  async function undo(key: CacheKey): Promise<void> {
    await attempt('delete record', async (cache) => cache.delete(await recordUrlOf(key)), false)
  }

  async function drop({ heads }: KeyRecord): Promise<void> {
    for (const { body, completeLength = 0, segmentBytes } of heads) {
      const count = segmentCountOf(completeLength, segmentBytes)
      for (let index = 0; index < count; index++) {
        await deleteSegment(body, index)
      }
    }
  }

  async function deleteSegment(body: BodyId, index: number): Promise<void> {
    await attempt('delete segment', (cache) => cache.delete(segmentRequest(body, index)), false)
  }

  return {
    // Whoever peeks cannot wait, and nothing is in memory.
    peek: () => 'ask',
    async read(key): Promise<Entry | undefined> {
      const ticket = invalidations.ticket(key)
      const found = await readRecord(key)
      if (found === undefined) return undefined
      const variants = await variantsOf(found.heads)
      // Not what was invalidated while it was read.
      if (invalidations.isSuperseded(ticket)) return undefined
      return { variants, mark: found.mark }
    },
    ticket: (key) => invalidations.ticket(key),
    async writeHead(ticket, head) {
      if (invalidations.isSuperseded(ticket)) return 'superseded'
      const before = await readRecord(head.key)
      const variants = (before?.heads ?? []).map((known): Variant => ({ head: known }))
      const heads = withVariant(variants, { head }).map((variant) => variant.head)
      if (invalidations.isSuperseded(ticket)) return 'superseded'
      await writeRecord(head.key, { heads, mark: undefined })
      if (!invalidations.isSuperseded(ticket)) return 'stored'
      await undo(head.key)
      return 'superseded'
    },
    async writeMark(ticket, mark: Mark) {
      if (invalidations.isSuperseded(ticket)) return
      const before = await readRecord(ticket.key)
      if (invalidations.isSuperseded(ticket)) return
      await writeRecord(ticket.key, { heads: before?.heads ?? [], mark })
      if (invalidations.isSuperseded(ticket)) await undo(ticket.key)
    },
    async invalidate(key, how) {
      const ticket = invalidations.record(key, how)
      const before = await readRecord(key)
      if (before === undefined) return
      if (how === 'drop') {
        await undo(key)
        return drop(before)
      }
      const heads = before.heads.map((head) => ({ ...head, invalidated: true }))
      // What cannot be marked must not stay as it was.
      if (!(await writeRecord(key, { ...before, heads }))) await undo(key)
      // A later invalidation may have dropped what this has just written.
      if (invalidations.isSuperseded(ticket)) await undo(key)
    },
    presence: () => undefined,
    readSegment,
    async writeSegment(ticket, body, index, bytes) {
      if (invalidations.isSuperseded(ticket)) return
      await attempt(
        'write segment',
        (cache) => cache.put(segmentRequest(body, index), segmentResponse(bytes)),
        undefined,
      )
      // It landed behind a drop that could not see it.
      if (invalidations.isSuperseded(ticket)) await deleteSegment(body, index)
    },
  }
}

function hasOnlySegment({ completeLength = 0, segmentBytes }: StoredResponse): boolean {
  return completeLength > 0 && isSingleSegment(completeLength, segmentBytes)
}

/** The digest finds the record; the key in it is compared whole. */
async function recordUrlOf(key: CacheKey): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key))
  let hex = ''
  for (const byte of new Uint8Array(digest)) hex += byte.toString(16).padStart(2, '0')
  return `https://sluice.invalid/head/${hex}`
}
