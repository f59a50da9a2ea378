// Entries on their way from disk into memory.

import type { CacheKey } from '#core/entry/cache-key.ts'
import type { Entry } from '#core/entry/stored-response.ts'
import type { Store, WriteTicket } from '#core/ports/store.ts'
import type { DiskGuard } from './disk-guard.ts'
import type { BodyTickets } from './segment-loads.ts'
import { ownBytes } from './segment-loads.ts'

/** How often a read begins anew because its key was invalidated meanwhile; beyond it, it is a miss. */
const MAX_READ_COUNT = 3

export interface EntryReadsOptions {
  readonly memory: Store
  readonly disk: Store
  readonly guard: DiskGuard
  readonly tickets: BodyTickets
}

export interface EntryReads {
  /** The disk's entry, promoted into memory. */
  read(key: CacheKey): Promise<Entry | undefined>
  /** Resolves when what the disk has of the key is in memory, as far as there is room. */
  promoted(key: CacheKey): Promise<void>
  /** What is being read of the key is no longer all there is: it must not be promoted. */
  outdate(key: CacheKey): void
}

/** Reads entries from disk, one read a key at a time, and promotes them. */
export function createEntryReads({ memory, disk, guard, tickets }: EntryReadsOptions): EntryReads {
  const reading = new Map<CacheKey, Promise<Entry | undefined>>()

  async function load(key: CacheKey, isCurrent: () => boolean): Promise<Entry | undefined> {
    for (let count = 0; count < MAX_READ_COUNT; count++) {
      // Else the disk would tell what it had before the last write.
      await guard.written(key)
      const ticket = memory.ticket(key)
      const entry = await guard.act(() => disk.read(key))
      // Not what was invalidated while it was read.
      if (memory.ticket(key).position !== ticket.position) continue
      for (const { head } of entry?.variants ?? []) tickets.set(head.body, ticket)
      if (isCurrent() && entry !== undefined) promote(memory, ticket, entry)
      return entry
    }
    return undefined
  }

  function read(key: CacheKey): Promise<Entry | undefined> {
    const running = reading.get(key)
    if (running !== undefined) return running
    const started: Promise<Entry | undefined> = load(
      key,
      () => reading.get(key) === started,
    ).finally(() => {
      if (reading.get(key) === started) reading.delete(key)
    })
    reading.set(key, started)
    return started
  }

  return {
    read,
    promoted: (key) => read(key).then(() => undefined),
    outdate: (key) => void reading.delete(key),
  }
}

/**
 * Memory has no record and nothing was written since the read: nothing can come between. What is too large
 * for memory is not there in part either, but not at all.
 */
function promote(memory: Store, ticket: WriteTicket, { variants, mark }: Entry): void {
  const { key } = ticket
  if (memory.peek(key) !== undefined) return
  for (const { head, logPosition } of variants.toReversed()) {
    // As old as it is: what the log has had since then still holds for it.
    void memory.writeHead({ ...ticket, logPosition }, head)
    if (memory.peek(key) === undefined) return
  }
  if (mark !== undefined) void memory.writeMark(ticket, mark)
  for (const { head, onlySegment } of variants.toReversed()) {
    if (onlySegment !== undefined) {
      void memory.writeSegment(ticket, head.body, 0, ownBytes(onlySegment))
    }
  }
}
