import { createFakeStore } from '../support/fake-store.ts'
import { describeStore } from './store-contract.ts'

describeStore('createFakeStore', async () => {
  const store = createFakeStore()
  return { store, invalidations: store.invalidations, close: () => Promise.resolve() }
})

describeStore(
  'createFakeStore without presence and whole entries',
  async () => {
    const store = createFakeStore({ tellsPresence: false, givesOnlySegment: false })
    return { store, close: () => Promise.resolve() }
  },
  { tellsPresence: false },
)
