// Requests to the store of a process: memory over disk, small objects, popular by Zipf 0.9.

import type { BodyId } from '#core/entry/body-id.ts'
import { cacheKeyOf } from '#core/entry/cache-key.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'
import { NOTHING_NOMINATED } from '#core/entry/stored-response.ts'
import type { Store } from '#core/ports/store.ts'
import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'
import { createSystemClock } from '#web/system-clock.ts'
import { createTieredStore } from '#web/tiered-store.ts'

import type { DiskStore } from '../src/adapters/node/disk-store.ts'
import { openDiskStore } from '../src/adapters/node/disk-store.ts'
import { hashOf } from './traces.ts'

/** With head and fields, two units of 4 KiB on disk. */
const OBJECT_BYTES = 5000

const record = (): void => undefined

export interface LoadedStore {
  readonly store: Store
  readonly disk: DiskStore
}

/** As the server has it, with hardly any memory. */
export async function openLoadedStore(directory: string, maxBytes: number): Promise<LoadedStore> {
  const invalidations = createInvalidations()
  const clock = createSystemClock()
  const disk = await openDiskStore({ directory, maxBytes, invalidations, record, clock })
  const memory = createMemoryStore({ maxBytes: maxBytes / 100, invalidations, uses: disk })
  return { store: createTieredStore({ memory, disk, record }), disk }
}

/** @returns Whether it was a hit; else it is stored. */
export async function request({ store, disk }: LoadedStore, id: number): Promise<boolean> {
  const head = headOf(id)
  const peeked = store.peek(head.key)
  const entry = peeked === 'ask' ? await store.read(head.key) : peeked
  if (entry?.variants[0]?.onlySegment?.byteLength === OBJECT_BYTES) return true
  const ticket = store.ticket(head.key)
  await store.writeHead(ticket, head)
  await store.writeSegment(ticket, head.body, 0, new Uint8Array(OBJECT_BYTES).fill(id))
  // A flood would only show how much the write queue holds.
  if (disk.stats().writeQueueBytes > 2 ** 24) await disk.flush()
  return false
}

function headOf(id: number): StoredResponse {
  const part = (seed: number): string =>
    hashOf(id * 4 + seed)
      .toString(16)
      .padStart(8, '0')
  return {
    key: cacheKeyOf('bench', '', `/${id}`),
    body: `${part(0)}${part(1)}${part(2)}${part(3)}` as BodyId,
    nominated: NOTHING_NOMINATED,
    status: 200,
    fields: ['content-type', 'application/octet-stream', 'etag', '"v1"'],
    validators: { etag: { weak: false, opaque: '"v1"' }, lastModifiedMs: undefined, dateMs: 0 },
    joinable: true,
    segmentBytes: 2 ** 20,
    completeLength: OBJECT_BYTES,
    validatedAtMs: 0,
    invalidated: false,
    groups: [],
    bornAtMs: 0,
    freshnessLifetimeMs: 86_400_000,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 0,
    mustRevalidate: false,
    mustValidate: false,
    ownWindowsOnly: false,
    immutable: false,
    sharedWithCredentials: true,
  }
}
