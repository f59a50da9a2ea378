import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'
import { createTieredStore } from '#web/tiered-store.ts'

import { createFakeStore } from '../support/fake-store.ts'
import type { FakeStoreOptions } from '../support/fake-store.ts'
import type { StoreHarness } from './store-contract.ts'
import { describeStore } from './store-contract.ts'

function create(maxBytes: number, options: FakeStoreOptions = {}): Promise<StoreHarness> {
  const invalidations = createInvalidations()
  const memory = createMemoryStore({ maxBytes, invalidations })
  const disk = createFakeStore({ ...options, invalidations })
  const store = createTieredStore({ memory, disk, record: () => undefined })
  return Promise.resolve({ store, invalidations, close: () => Promise.resolve() })
}

describeStore('createTieredStore', () => create(2 ** 24))

// Everything is evicted all the time, so that nearly every read is one of the disk.
describeStore('createTieredStore with hardly any memory', () => create(6000))

describeStore('createTieredStore without memory', () => create(0), { propertyRunCount: 100 })

describeStore(
  'createTieredStore over a disk that cannot tell',
  () => create(20_000, { tellsPresence: false, givesOnlySegment: false }),
  { tellsPresence: false },
)
