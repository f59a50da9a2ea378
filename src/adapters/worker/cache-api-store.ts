// The store on Workers: heads and segments in the Cache API of the data centre.

import type { CacheKey } from '#core/entry/cache-key.ts'
import { isKey } from '#core/entry/invalidation-scope.ts'
import { isSingleSegment, segmentCountOf } from '#core/entry/segment.ts'
import type { Entry, Variant } from '#core/entry/stored-response.ts'
import type { Recorded, Store, WriteTicket } from '#core/ports/store.ts'
import type { Invalidations } from '#web/invalidations.ts'
import { judged, withVariant } from '#web/variants.ts'
import type { CacheApiAccess, CacheApiAccessOptions } from './cache-api-access.ts'
import { createCacheApiAccess } from './cache-api-access.ts'
import type { KeyRecord } from './cache-api-record.ts'

export interface CacheApiStoreOptions extends CacheApiAccessOptions {
  /** Of the isolate: what it knows of invalidations, the other isolates do not. */
  readonly invalidations: Invalidations
  /** Of the isolate's log: positions of another's mean nothing here. */
  readonly logId: string
}

/**
 * Keeps a key's record (its heads and mark) as one JSON response, and each segment as a response of its own, which
 * `match` can cut to a range. Freshness is ours to judge, so entries are stored for a year and go when the data centre
 * needs the space.
 *
 * The contents are those of one data centre: a purge reaches no other, and an invalidation supersedes only the
 * tickets of this isolate; a fill that runs in another may still write what it was given before. Records are
 * read, changed and written without a lock: of two requests at one instant the later wins, and the other's variant is
 * a miss. Bytes are never in doubt, as a segment hangs from its BodyId.
 *
 * To be made for each request: its own changes of a record wait for one another.
 */
export function createCacheApiStore(options: CacheApiStoreOptions): Store {
  const { invalidations, logId } = options
  const access = createCacheApiAccess(options)
  const turns = new Map<CacheKey, Promise<unknown>>()

  /** One change of a record after the other, in the order asked for. */
  function inTurn<T>(key: CacheKey, act: () => Promise<T>): Promise<T> {
    const changed = (turns.get(key) ?? Promise.resolve()).then(act)
    turns.set(key, changed)
    return changed
  }

  /** @returns Whether it is the record now, and the ticket still good. */
  async function change(
    ticket: WriteTicket,
    changed: (before: KeyRecord | undefined) => KeyRecord,
  ): Promise<boolean> {
    const { key } = ticket
    const before = await access.readRecord(key)
    if (invalidations.isSuperseded(ticket)) return false
    await access.writeRecord(key, changed(before))
    if (!invalidations.isSuperseded(ticket)) return true
    await access.deleteRecord(key)
    return false
  }

  return {
    // Whoever peeks cannot wait, and nothing is in memory.
    peek: () => 'ask',
    read: (key) => readEntry(options, access, key),
    ticket: (key, groups) => invalidations.ticket(key, groups),
    async writeHead(ticket, head) {
      if (invalidations.isSuperseded(ticket)) return 'superseded'
      const isCurrent = await inTurn(ticket.key, () =>
        change(ticket, (before) => ({
          heads: withVariant(before?.heads ?? [], { head, logPosition: ticket.logPosition, logId }),
          mark: undefined,
        })),
      )
      return isCurrent ? 'stored' : 'superseded'
    },
    async writeMark(ticket, mark) {
      if (invalidations.isSuperseded(ticket)) return
      await inTurn(ticket.key, () =>
        change(ticket, (before) => ({ heads: before?.heads ?? [], mark })),
      )
    },
    invalidate(key, how) {
      // At once: tickets taken before are no good from here on.
      const { position } = invalidations.record(key, how)
      if (!isKey(key)) return 'recorded'
      const isLast = () => invalidations.ticket(key).position === position
      const changed = inTurn(key, () => invalidateRecord(access, key, how, isLast))
      return changed.then((): Recorded => 'recorded')
    },
    presence: () => undefined,
    readSegment: (body, index, startByte, endByte) =>
      access.readSegment(body, index, startByte, endByte),
    async writeSegment(ticket, body, index, bytes) {
      if (invalidations.isSuperseded(ticket)) return
      await access.writeSegment(body, index, bytes)
      // It may have landed behind a drop that could not see it.
      if (invalidations.isSuperseded(ticket)) await access.deleteSegment(body, index)
    },
  }
}

async function invalidateRecord(
  access: CacheApiAccess,
  key: CacheKey,
  how: 'validate' | 'drop',
  isLast: () => boolean,
): Promise<void> {
  const before = await access.readRecord(key)
  if (before === undefined) return
  if (how === 'drop') {
    await access.deleteRecord(key)
    return deleteBodies(access, before)
  }
  const heads = before.heads.map((recorded) => ({
    ...recorded,
    head: { ...recorded.head, invalidated: true },
  }))
  const isWritten = await access.writeRecord(key, { ...before, heads })
  // What cannot be marked must not stay as it was, nor come back after a later invalidation.
  if (!isWritten || !isLast()) await access.deleteRecord(key)
}

async function readEntry(
  { invalidations, logId }: CacheApiStoreOptions,
  access: CacheApiAccess,
  key: CacheKey,
): Promise<Entry | undefined> {
  const ticket = invalidations.ticket(key)
  const found = await access.readRecord(key)
  if (found === undefined) return undefined
  const logged = found.heads.map(
    (recorded): Variant => ({
      head: recorded.head,
      // Of another isolate's head it is not known what came after it here.
      logPosition: recorded.logId === logId ? recorded.logPosition : 0,
    }),
  )
  const variants = await withBytes(access, judged(logged, invalidations))
  // Not what was invalidated while it was read.
  if (invalidations.isSuperseded(ticket)) return undefined
  return { variants: judged(variants, invalidations), mark: found.mark }
}

/** The latest head with its bytes, if these are one segment: nearly always it is the one that is asked for. */
async function withBytes(
  access: CacheApiAccess,
  [latest, ...others]: readonly Variant[],
): Promise<readonly Variant[]> {
  if (latest === undefined) return []
  const { completeLength = 0, segmentBytes, body } = latest.head
  if (completeLength === 0 || !isSingleSegment(completeLength, segmentBytes)) {
    return [latest, ...others]
  }
  const onlySegment = await access.readSegment(body, 0, 0, completeLength)
  return onlySegment?.byteLength === completeLength
    ? [{ ...latest, onlySegment }, ...others]
    : [latest, ...others]
}

async function deleteBodies(access: CacheApiAccess, { heads }: KeyRecord): Promise<void> {
  for (const { head } of heads) {
    const { body, completeLength = 0, segmentBytes } = head
    const count = segmentCountOf(completeLength, segmentBytes)
    for (let index = 0; index < count; index++) await access.deleteSegment(body, index)
  }
}
