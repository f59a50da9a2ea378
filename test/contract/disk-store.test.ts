import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createInvalidations } from '#web/invalidations.ts'

import { openDiskStore } from '../../src/adapters/node/disk-store.ts'
import { createSteppedClock } from '../support/stepped-clock.ts'
import { describeStore } from './store-contract.ts'

describeStore(
  'openDiskStore',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-disk-'))
    const invalidations = createInvalidations()
    const store = await openDiskStore({
      directory,
      maxBytes: 2 ** 26,
      invalidations,
      clock: createSteppedClock(),
      record: (event) => {
        throw new Error(`Unexpected event: ${JSON.stringify(event)}`)
      },
    })
    async function close() {
      await store.close()
      await rm(directory, { recursive: true })
    }
    return { store, invalidations, close }
  },
  { propertyRunCount: 20 },
)
