// The store of a simulation: fast or slow, with room or without.

import type { BodyId } from '#core/entry/body-id.ts'
import type { Store } from '#core/ports/store.ts'
import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'
import { createTieredStore } from '#web/tiered-store.ts'
import type { FakeStore } from './fake-store.ts'
import { createFakeStore } from './fake-store.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface WrittenSegment {
  readonly body: BodyId
  readonly index: number
}

export interface MadeStore {
  readonly store: Store
  readonly fake: FakeStore | undefined
  readonly kind: string
}

/** One of the stores that the flow may stand on. */
export function makeStore(
  random: SeededRandom,
  isCalm: boolean,
  segments: WrittenSegment[],
): MadeStore {
  const kind = isCalm ? 'memory' : random.pick(['memory', 'tiny', 'fake', 'tiered'])
  const invalidations = createInvalidations()
  if (kind === 'memory' || kind === 'tiny') {
    const maxBytes = kind === 'memory' ? 1024 * 1024 : random.pick([1, 5000, 12_000, 30_000])
    return { store: createMemoryStore({ maxBytes, invalidations }), fake: undefined, kind }
  }
  const made = createFakeStore({
    invalidations,
    tellsPresence: random.chance(0.7),
    givesOnlySegment: random.chance(0.7),
  })
  const fake: FakeStore = {
    ...made,
    writeSegment(ticket, body, index, bytes) {
      segments.push({ body, index })
      return made.writeSegment(ticket, body, index, bytes)
    },
  }
  if (kind === 'fake') return { store: fake, fake, kind }
  const memory = createMemoryStore({ maxBytes: random.pick([5000, 30_000]), invalidations })
  return {
    store: createTieredStore({ memory, disk: fake, record: () => undefined }),
    fake,
    kind,
  }
}
