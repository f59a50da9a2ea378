import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Store } from '#core/ports/store.ts'
import { createInvalidations } from '#web/invalidations.ts'

import type { DiskStore } from '../../src/adapters/node/disk-store.ts'
import { openDiskStore } from '../../src/adapters/node/disk-store.ts'
import { createSteppedClock } from '../support/stepped-clock.ts'
import { describeStore } from './store-contract.ts'

async function createHarness(asSeen: (store: DiskStore) => Store) {
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
  return { store: asSeen(store), invalidations, close }
}

/** What is written is on disk before anything else happens, so that nothing is read from the queue. */
function flushing(store: DiskStore): Store {
  return {
    peek: (key) => store.peek(key),
    read: (key) => store.read(key),
    ticket: (key, groups) => store.ticket(key, groups),
    presence: (body) => store.presence(body),
    readSegment: (...asked) => store.readSegment(...asked),
    async writeHead(ticket, head) {
      const outcome = await store.writeHead(ticket, head)
      await store.flush()
      return outcome
    },
    writeMark: (ticket, mark) => store.writeMark(ticket, mark),
    invalidate: (key, how) => store.invalidate(key, how),
    async writeSegment(...written) {
      await store.writeSegment(...written)
      await store.flush()
    },
  }
}

describeStore('openDiskStore, with its write queue,', () => createHarness((store) => store), {
  propertyRunCount: 8,
})
describeStore('openDiskStore, flushed after each write,', () => createHarness(flushing), {
  propertyRunCount: 8,
})
