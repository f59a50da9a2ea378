// Memory over disk: a Store made of two. Memory answers at once; disk keeps more, and outlives it.
//
// A record in memory is always whole: it names every variant that the disk has of its key. Else a variant
// that only the disk has would be hidden behind it for as long as it stays. So it is made in three ways
// only: from the disk's entry; for a key of which the disk has nothing; or, where the disk may have
// something, after that has been read and promoted.

import type { BodyId } from '#core/entry/body-id.ts'
import type { Maybe } from '#core/entry/byte-source.ts'
import { isPromise } from '#core/entry/byte-source.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import { isKey } from '#core/entry/invalidation-scope.ts'
import { NO_SEGMENTS } from '#core/entry/segment.ts'
import type { Mark, StoredResponse } from '#core/entry/stored-response.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Store, WriteTicket } from '#core/ports/store.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { DiskGuard } from './disk-guard.ts'
import { createDiskGuard } from './disk-guard.ts'
import type { DiskPatience } from './disk-patience.ts'
import { ENDLESS_PATIENCE, createDiskPatience } from './disk-patience.ts'
import type { EntryReads } from './entry-reads.ts'
import { createEntryReads } from './entry-reads.ts'
import { createBodyTickets, createLoads, segmentNameOf } from './segment-loads.ts'

export interface TieredStoreOptions {
  /** Answers at once, always. */
  readonly memory: Store
  /** Shares its invalidations with `memory`, so that a ticket of one is a ticket of the other. */
  readonly disk: Store
  /** Is told when the disk fails; that is a miss, or a write that is dropped. */
  record(event: FlowEvent): void
  /** How long a read of the disk may take: what comes later counts as absent. Default: as long as it takes. */
  readonly patience?: { readonly clock: Clock; readonly maxWaitMs: number } | undefined
}

type Written = 'stored' | 'superseded'

export function createTieredStore(options: TieredStoreOptions): Store {
  const { memory, disk } = options
  const guard = createDiskGuard((event) => options.record(event))
  const tickets = createBodyTickets(memory)
  const entries = createEntryReads({ memory, disk, guard, tickets })
  const loads = createLoads({ memory, disk, guard, tickets })
  const { patience: limit } = options
  const patience =
    limit === undefined
      ? ENDLESS_PATIENCE
      : createDiskPatience({ ...limit, record: (event) => options.record(event) })
  const write = createWriter({ memory, disk, guard, entries, patience })

  return {
    peek: (key) => memory.peek(key) ?? (guard.isWriting(key) ? 'ask' : disk.peek(key)),
    read(key) {
      const held = memory.peek(key)
      if (held !== undefined && held !== 'ask') return Promise.resolve(held)
      return patience.read(key, () => entries.read(key))
    },
    ticket: (key, groups) => memory.ticket(key, groups),
    writeHead(ticket: WriteTicket, head: StoredResponse): Maybe<Written> {
      tickets.set(head.body, ticket)
      return write<Written>(
        ticket,
        () => memory.writeHead(ticket, head),
        () => disk.writeHead(ticket, head),
        'stored',
      )
    },
    writeMark(ticket: WriteTicket, mark: Mark) {
      return write<void>(
        ticket,
        () => memory.writeMark(ticket, mark),
        () => disk.writeMark(ticket, mark),
        undefined,
      )
    },
    invalidate(scope, how) {
      if (isKey(scope)) entries.outdate(scope)
      void memory.invalidate(scope, how)
      const recorded = guard.act(() => disk.invalidate(scope, how))
      return isPromise(recorded)
        ? recorded.then((written = 'unwritten') => written)
        : (recorded ?? 'unwritten')
    },
    presence(body) {
      if (tickets.isDropped(body)) return NO_SEGMENTS
      const [inMemory, onDisk] = [memory.presence(body), disk.presence(body)]
      // Not to know what the disk has is not to know what is here.
      if (inMemory === undefined || onDisk === undefined) return undefined
      return {
        has: (index) =>
          inMemory.has(index) ||
          (onDisk.has(index) && !patience.isLate(segmentNameOf(body, index))),
      }
    },
    readSegment(body, index, startByte, endByte) {
      const held = memory.readSegment(body, index, startByte, endByte)
      if (held !== undefined) return held
      return patience.read(segmentNameOf(body, index), () =>
        loads.load(body, index, startByte, endByte),
      )
    },
    writeSegment(ticket, body: BodyId, index, bytes) {
      tickets.set(body, ticket)
      const written = memory.writeSegment(ticket, body, index, bytes)
      const onDisk = guard.act(() => disk.writeSegment(ticket, body, index, bytes))
      // What memory did not take can only be read once the disk has it.
      return memory.presence(body)?.has(index) === true ? written : onDisk
    },
  }
}

/** Writes to both: memory answers, or the disk where memory must not have a record. */
type Write = <T>(
  ticket: WriteTicket,
  inMemory: () => Maybe<T>,
  onDisk: () => Maybe<T>,
  /** The answer if the disk fails. */
  otherwise: T,
) => Maybe<T>

interface WriterOptions {
  readonly memory: Store
  readonly disk: Store
  readonly guard: DiskGuard
  readonly entries: EntryReads
  readonly patience: DiskPatience
}

function createWriter({ memory, disk, guard, entries, patience }: WriterOptions): Write {
  /** Whether memory may write the key's record as it is, or must first take over what the disk has. */
  function isWhole(key: CacheKey): boolean {
    if (memory.peek(key) !== undefined) return true
    return disk.peek(key) === undefined && !guard.isWriting(key)
  }

  function write<T>(
    ticket: WriteTicket,
    inMemory: () => Maybe<T>,
    onDisk: () => Maybe<T>,
    otherwise: T,
  ): Maybe<T> {
    const { key } = ticket
    if (isWhole(key)) {
      const written = inMemory()
      void guard.write(key, onDisk)
      entries.outdate(key)
      return written
    }
    return patience.wait(entries.promoted(key)).then(async () => {
      if (isWhole(key)) return write(ticket, inMemory, onDisk, otherwise)
      // Too large for memory, or not read in time: a record made now would hide the disk's other variants.
      entries.outdate(key)
      return (await patience.wait(Promise.resolve(guard.write(key, onDisk)))) ?? otherwise
    })
  }

  return write
}
