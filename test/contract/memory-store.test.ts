import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'

import { describeStore } from './store-contract.ts'

describeStore('createMemoryStore', async () => {
  const invalidations = createInvalidations()
  const store = createMemoryStore({ maxBytes: 2 ** 24, invalidations })
  return { store, invalidations, close: () => Promise.resolve() }
})
