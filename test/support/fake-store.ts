// A Store that is slow on purpose, and so simple that it is obviously right.

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import { isKey } from '#core/entry/invalidation-scope.ts'
import { isSingleSegment } from '#core/entry/segment.ts'
import type { Entry, Mark, StoredResponse, Variant } from '#core/entry/stored-response.ts'
import type { Store, WriteTicket } from '#core/ports/store.ts'
import { createInvalidations } from '#web/invalidations.ts'
import type { Invalidations } from '#web/invalidations.ts'

import type { Gate } from './gate.ts'
import { createGate } from './gate.ts'

export type StoreOperation =
  | 'read'
  | 'writeHead'
  | 'writeMark'
  | 'invalidate'
  | 'readSegment'
  | 'writeSegment'

export interface FakeStoreOptions {
  /** Default: a log of its own. */
  readonly invalidations?: Invalidations
  /** `false`: `presence` is always undefined. Default true. */
  readonly tellsPresence?: boolean
  /** `false`: bytes of one-segment bodies come by `readSegment` only. Default true. */
  readonly givesOnlySegment?: boolean
}

export interface FakeStore extends Store {
  readonly invalidations: Invalidations
  /** From now on this operation waits at the gate. What was asked before the gate stays as it was. */
  hold(operation: StoreOperation): Gate
  /** From now on this operation rejects, as no store should; `undefined` ends that. */
  fail(operation: StoreOperation, error: Error | undefined): void
  /** How often each operation was called. */
  count(operation: StoreOperation): number
  /** Forgets a key's heads and mark, as eviction does. */
  evictHead(key: CacheKey): void
  /** Forgets a segment, as eviction does. */
  evictSegment(body: BodyId, index: number): void
}

interface Logged {
  readonly head: StoredResponse
  readonly logPosition: number
}

interface Held {
  variants: readonly Logged[]
  mark: Mark | undefined
}

const MAX_VARIANT_COUNT = 16

/**
 * Answers later, always: after a microtask, or when the test lets it. Reads tell what was there when they
 * were called, writes take effect when they are let go, invalidations at once.
 */
export function createFakeStore(options: FakeStoreOptions = {}): FakeStore {
  const { tellsPresence = true, givesOnlySegment = true } = options
  const invalidations = options.invalidations ?? createInvalidations()
  const heads = new Map<CacheKey, Held>()
  const bodies = new Map<BodyId, Map<number, Uint8Array>>()
  const slow = createSlowness()

  function entryOf(key: CacheKey): Entry | undefined {
    const held = heads.get(key)
    if (held === undefined) return undefined
    const current = held.variants.flatMap(({ head, logPosition }) => {
      const standing = invalidations.standingOf(head, logPosition)
      if (standing === 'drop') return []
      return [
        { head: standing === 'validate' ? { ...head, invalidated: true } : head, logPosition },
      ]
    })
    return { variants: current.map(variantOf), mark: held.mark }
  }

  function variantOf({ head, logPosition }: Logged): Variant {
    const { body, completeLength = 0, segmentBytes } = head
    const bytes = bodies.get(body)?.get(0)
    const isWhole = isSingleSegment(completeLength, segmentBytes) && bytes !== undefined
    return isWhole && givesOnlySegment
      ? { head, logPosition, onlySegment: bytes }
      : { head, logPosition }
  }

  function isRefused(ticket: WriteTicket): boolean {
    return invalidations.isSuperseded(ticket)
  }

  return {
    invalidations,
    ...slow.controls,
    evictHead: (key) => void heads.delete(key),
    evictSegment: (body, index) => void bodies.get(body)?.delete(index),
    peek: (key) => (heads.has(key) ? 'ask' : undefined),
    ticket: (key, groups) => invalidations.ticket(key, groups),
    read(key) {
      const entry = entryOf(key)
      return slow.later('read', () => entry)
    },
    readSegment(body, index, startByte, endByte) {
      const bytes = bodies.get(body)?.get(index)
      return slow.later('readSegment', () => bytes?.subarray(startByte, endByte))
    },
    presence(body) {
      if (!tellsPresence) return undefined
      return { has: (index) => bodies.get(body)?.has(index) === true }
    },
    writeHead: (ticket, head) =>
      slow.later('writeHead', () => {
        if (isRefused(ticket)) return 'superseded'
        const before = heads.get(head.key)?.variants ?? []
        const others = before.filter((other) => selectionOf(other.head) !== selectionOf(head))
        const added = { head, logPosition: ticket.logPosition }
        const variants = [added, ...others].slice(0, MAX_VARIANT_COUNT)
        heads.set(head.key, { variants, mark: undefined })
        return 'stored'
      }),
    writeMark: (ticket, mark) =>
      slow.later('writeMark', () => {
        if (isRefused(ticket)) return
        heads.set(ticket.key, { variants: heads.get(ticket.key)?.variants ?? [], mark })
      }),
    writeSegment: (ticket, body, index, bytes) =>
      slow.later('writeSegment', () => {
        if (isRefused(ticket)) return
        const segments = bodies.get(body) ?? new Map<number, Uint8Array>()
        bodies.set(body, segments.set(index, bytes))
      }),
    invalidate(key, how) {
      invalidations.record(key, how)
      const held = isKey(key) ? heads.get(key) : undefined
      if (isKey(key) && how === 'drop') {
        heads.delete(key)
        for (const { head } of held?.variants ?? []) bodies.delete(head.body)
      } else if (held !== undefined) {
        held.variants = held.variants.map(({ head, logPosition }) => ({
          head: { ...head, invalidated: true },
          logPosition,
        }))
      }
      return slow.later('invalidate', () => 'recorded')
    },
  }
}

function selectionOf(head: StoredResponse): string {
  return JSON.stringify(head.nominated)
}

interface Slowness {
  readonly controls: Pick<FakeStore, 'hold' | 'fail' | 'count'>
  later<T>(operation: StoreOperation, act: () => T): Promise<T>
}

function createSlowness(): Slowness {
  const gates = new Map<StoreOperation, Gate>()
  const errors = new Map<StoreOperation, Error>()
  const counts = new Map<StoreOperation, number>()
  return {
    controls: {
      hold(operation) {
        const gate = createGate()
        gates.set(operation, gate)
        return gate
      },
      fail(operation, error) {
        if (error === undefined) errors.delete(operation)
        else errors.set(operation, error)
      },
      count: (operation) => counts.get(operation) ?? 0,
    },
    async later(operation, act) {
      counts.set(operation, (counts.get(operation) ?? 0) + 1)
      const error = errors.get(operation)
      await (gates.get(operation)?.wait() ?? Promise.resolve())
      if (error !== undefined) throw error
      return act()
    },
  }
}
