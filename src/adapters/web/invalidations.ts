// The log of invalidations, as far as it has to be remembered: where its last line is about each thing.

import type { CacheKey } from '#core/entry/cache-key.ts'
import type { GroupId, InvalidationScope } from '#core/entry/invalidation-scope.ts'
import { EVERYTHING, isKey } from '#core/entry/invalidation-scope.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'
import type { WriteTicket } from '#core/ports/store.ts'

/** Where in the log something was invalidated last, and where it was last dropped. */
interface Last {
  readonly position: number
  readonly generation: number
}

/** One line of the log. */
export interface Invalidation extends Last {
  readonly key: InvalidationScope
}

/** What the log says of a stored response: nothing, that it is to be validated, or that it is gone. */
type Standing = 'current' | 'validate' | 'drop'

/** One log a process, shared by the tiers of its store. */
export interface Invalidations {
  /** Of the last line. */
  readonly position: number
  ticket(key: CacheKey, groups?: readonly GroupId[]): WriteTicket
  record(scope: InvalidationScope, how: 'validate' | 'drop'): Invalidation
  /** Whether the key was invalidated after the ticket was taken. */
  isSuperseded(ticket: WriteTicket): boolean
  /**
   * What has come over a response by its groups, or over everything, since it was stored. Invalidations of
   * its key the stores carry out at once.
   */
  standingOf(stored: Pick<StoredResponse, 'groups'>, logPosition: number): Standing
  /** Takes up what an earlier process has recorded. */
  restore(lines: Iterable<Invalidation>): void
}

/** Keys and groups remembered one by one; what is older counts for all alike. */
const DEFAULT_MAX_COUNT = 100_000

const NEVER: Last = { position: 0, generation: 0 }

/**
 * @param maxCount Of keys, and of groups. Beyond it the oldest are folded into a floor: each is then taken to
 *   have been invalidated then, which costs a refetch at most and never brings back what was purged.
 */
export function createInvalidations(maxCount = DEFAULT_MAX_COUNT): Invalidations {
  const keys = createMemory(maxCount)
  const groups = createMemory(maxCount)
  let everything = NEVER
  let position = 0

  function lastOf(key: InvalidationScope): Last {
    if (key === EVERYTHING) return everything
    return later(isKey(key) ? keys.lastOf(key) : groups.lastOf(key), everything)
  }

  function remember(line: Invalidation): void {
    if (line.key === EVERYTHING) everything = later(everything, line)
    else if (isKey(line.key)) keys.remember(line.key, line)
    else groups.remember(line.key, line)
  }

  return {
    get position() {
      return position
    },
    ticket(key, ofGroups = []) {
      let last = lastOf(key)
      for (const group of ofGroups) last = later(last, groups.lastOf(group))
      return { key, position: last.position, generation: last.generation, logPosition: position }
    },
    record(scope, how) {
      position++
      const generation = how === 'drop' ? position : lastOf(scope).generation
      const line = { key: scope, position, generation }
      remember(line)
      return line
    },
    isSuperseded: (ticket) => lastOf(ticket.key).position > ticket.position,
    standingOf(stored, logPosition) {
      if (logPosition >= position) return 'current'
      let last = everything
      for (const group of stored.groups) last = later(last, groups.lastOf(group))
      if (last.generation > logPosition) return 'drop'
      return last.position > logPosition ? 'validate' : 'current'
    },
    restore(lines) {
      for (const line of lines) {
        position = Math.max(position, line.position)
        remember(line)
      }
    },
  }
}

interface Memory {
  lastOf(name: string): Last
  remember(name: string, last: Last): void
}

function createMemory(maxCount: number): Memory {
  const lasts = new Map<string, Last>()
  let floor = NEVER
  return {
    lastOf: (name) => lasts.get(name) ?? floor,
    remember(name, last) {
      const known = lasts.get(name) ?? NEVER
      lasts.delete(name)
      lasts.set(name, later(known, { position: last.position, generation: last.generation }))
      if (lasts.size <= maxCount) return
      for (const [oldest, folded] of lasts) {
        lasts.delete(oldest)
        floor = later(floor, folded)
        return
      }
    },
  }
}

function later(a: Last, b: Last): Last {
  if (a.position >= b.position && a.generation >= b.generation) return a
  return {
    position: Math.max(a.position, b.position),
    generation: Math.max(a.generation, b.generation),
  }
}
