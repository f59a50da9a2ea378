import type { CacheKey } from '#core/entry/cache-key.ts'
import type { WriteTicket } from '#core/ports/store.ts'

/** The last invalidation of a key: its place in the log, and that of the last that dropped. */
interface Invalidated {
  readonly position: number
  readonly generation: number
}

/** One counter of invalidations a process, shared by the tiers of its store. */
export interface Invalidations {
  ticket(key: CacheKey): WriteTicket
  record(key: CacheKey, how: 'validate' | 'drop'): WriteTicket
  /** Whether the key was invalidated after the ticket was taken. */
  isSuperseded(ticket: WriteTicket): boolean
  /** Takes up what an earlier process has recorded. */
  restore(tickets: Iterable<WriteTicket>): void
}

/** Keys remembered one by one; what is older counts for all keys alike. */
const DEFAULT_MAX_KEY_COUNT = 100_000

/**
 * @param maxKeyCount Beyond it the oldest are folded into a floor: every key is then taken to have been
 *   invalidated then, which costs a refetch at most and never brings back what was purged.
 */
export function createInvalidations(maxKeyCount = DEFAULT_MAX_KEY_COUNT): Invalidations {
  const byKey = new Map<CacheKey, Invalidated>()
  let floor: Invalidated = { position: 0, generation: 0 }
  let position = 0

  function lastOf(key: CacheKey): Invalidated {
    return byKey.get(key) ?? floor
  }

  function remember(key: CacheKey, last: Invalidated): void {
    byKey.delete(key)
    byKey.set(key, last)
    if (byKey.size <= maxKeyCount) return
    for (const [oldest, folded] of byKey) {
      byKey.delete(oldest)
      floor = {
        position: Math.max(floor.position, folded.position),
        generation: Math.max(floor.generation, folded.generation),
      }
      return
    }
  }

  return {
    ticket: (key) => ({ key, ...lastOf(key) }),
    record(key, how) {
      position++
      const generation = how === 'drop' ? position : lastOf(key).generation
      remember(key, { position, generation })
      return { key, position, generation }
    },
    isSuperseded: (ticket) => lastOf(ticket.key).position > ticket.position,
    restore(tickets) {
      for (const ticket of tickets) {
        position = Math.max(position, ticket.position)
        remember(ticket.key, ticket)
      }
    },
  }
}
