// A disk store in a directory of its own, that can be closed, opened again and taken apart in between.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import { createInvalidations } from '#web/invalidations.ts'

import type { DiskStore, DiskStoreOptions } from '../../src/adapters/node/disk-store.ts'
import { openDiskStore } from '../../src/adapters/node/disk-store.ts'
import { createSteppedClock } from './stepped-clock.ts'

export interface DiskFixture {
  readonly directory: string
  /** What stores of this directory have told, and not yet been asked about. */
  readonly events: FlowEvent[]
  open(options?: Partial<DiskStoreOptions>): Promise<DiskStore>
  /** Names of the slab files, the oldest first. */
  slabs(): Promise<readonly string[]>
  /** Takes away the written index, so that the slabs alone are left. */
  loseIndex(): Promise<void>
  /** Closes whatever is open, and removes the directory. */
  end(): Promise<void>
}

export async function createDiskFixture(clock: Clock = createSteppedClock()): Promise<DiskFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-disk-'))
  return diskFixtureAt(directory, clock)
}

export function diskFixtureAt(directory: string, clock: Clock = createSteppedClock()): DiskFixture {
  const events: FlowEvent[] = []
  const opened = new Set<DiskStore>()
  return {
    directory,
    events,
    async open(options = {}) {
      const store = await openDiskStore({
        directory,
        maxBytes: 2 ** 26,
        invalidations: createInvalidations(),
        clock,
        record: (event) => events.push(event),
        ...options,
      })
      opened.add(store)
      return store
    },
    async slabs() {
      const names = await readdir(directory)
      return names.filter((name) => /^[0-9a-f]{8}$/.test(name)).toSorted()
    },
    async loseIndex() {
      for (const suffix of ['', '-wal', '-shm']) {
        await rm(join(directory, `index.sqlite${suffix}`), { force: true })
      }
    },
    async end() {
      for (const store of opened) await store.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
