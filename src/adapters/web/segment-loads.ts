// Segments on their way from disk into memory.

import type { BodyId } from '#core/entry/body-id.ts'
import { remember } from '#core/entry/bounded-map.ts'
import type { Store, WriteTicket } from '#core/ports/store.ts'
import type { DiskGuard } from './disk-guard.ts'

/** The tickets that bodies were written or found under. */
export interface BodyTickets {
  /** Under which the body's segments may be promoted, now. `undefined`: not known. */
  ticketOf(body: BodyId): WriteTicket | undefined
  /** Dropped since: its bytes are not to be had, even where the disk still has some. */
  isDropped(body: BodyId): boolean
  set(body: BodyId, ticket: WriteTicket): void
}

/** Bodies remembered; segments of others are served from disk, and not promoted. */
const MAX_BODY_COUNT = 16_384

export function createBodyTickets(memory: Store, maxBodyCount = MAX_BODY_COUNT): BodyTickets {
  const tickets = new Map<BodyId, WriteTicket>()
  function set(body: BodyId, ticket: WriteTicket): void {
    remember(tickets, body, ticket, maxBodyCount)
  }
  return {
    set,
    isDropped(body) {
      const ticket = tickets.get(body)
      return ticket !== undefined && memory.ticket(ticket.key).generation !== ticket.generation
    },
    ticketOf(body) {
      const ticket = tickets.get(body)
      if (ticket === undefined) return undefined
      // What is used stays.
      set(body, ticket)
      return memory.ticket(ticket.key)
    },
  }
}

/** No cache key has such a form. */
export function segmentNameOf(body: BodyId, index: number): string {
  return `${body}/${index}`
}

export interface LoadsOptions {
  readonly memory: Store
  readonly disk: Store
  readonly guard: DiskGuard
  readonly tickets: BodyTickets
}

export interface Loads {
  /**
   * `[startByte, endByte)` of the segment from disk. The whole of it is read, once for all who ask meanwhile,
   * and promoted into memory, but for a small part that is asked of it for the first time.
   */
  load(
    body: BodyId,
    index: number,
    startByte: number,
    endByte: number,
  ): Promise<Uint8Array | undefined>
}

/** Beyond any segment's end: the store clips it there. */
const WHOLE = Number.MAX_SAFE_INTEGER
/** A part is small up to this. */
const MAX_PART_BYTES = 256 * 1024
/** Segments remembered of which a part was read. */
const MAX_PART_COUNT = 16_384

export function createLoads({ memory, disk, guard, tickets }: LoadsOptions): Loads {
  const loading = new Map<string, Promise<Uint8Array | undefined>>()
  const readInPart = new Map<string, true>()

  async function read(
    body: BodyId,
    index: number,
    startByte: number,
    endByte: number,
  ): Promise<Uint8Array | undefined> {
    return guard.act(() => disk.readSegment(body, index, startByte, endByte))
  }

  async function readAndPromote(
    ticket: WriteTicket,
    body: BodyId,
    index: number,
  ): Promise<Uint8Array | undefined> {
    const bytes = await read(body, index, 0, WHOLE)
    if (bytes === undefined) return undefined
    // Memory refuses it if the key was invalidated since the ticket was taken.
    void memory.writeSegment(ticket, body, index, ownBytes(bytes))
    return bytes
  }

  function loadWhole(
    ticket: WriteTicket,
    body: BodyId,
    index: number,
    name: string,
  ): Promise<Uint8Array | undefined> {
    const running = loading.get(name)
    if (running !== undefined) return running
    const bytes = readAndPromote(ticket, body, index).finally(() => loading.delete(name))
    loading.set(name, bytes)
    return bytes
  }

  return {
    async load(body, index, startByte, endByte) {
      if (tickets.isDropped(body)) return undefined
      const ticket = tickets.ticketOf(body)
      if (ticket === undefined) return read(body, index, startByte, endByte)
      const name = segmentNameOf(body, index)
      const isPart = endByte - startByte <= MAX_PART_BYTES
      if (isPart && !readInPart.has(name) && !loading.has(name)) {
        remember(readInPart, name, true, MAX_PART_COUNT)
        return read(body, index, startByte, endByte)
      }
      readInPart.delete(name)
      const bytes = await loadWhole(ticket, body, index, name)
      return bytes?.subarray(startByte, endByte)
    },
  }
}

/** A view keeps all of its buffer alive: where that is much more than the view, it is copied. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength > bytes.byteLength * 1.125 + 64 ? bytes.slice() : bytes
}
