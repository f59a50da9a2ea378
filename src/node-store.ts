// The store on Node: memory over disk, or memory alone.

import type { BudgetBounds } from '#core/flow/budget.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Store } from '#core/ports/store.ts'
import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'
import type { Gauges } from '#web/otel-telemetry.ts'
import { createTieredStore } from '#web/tiered-store.ts'
import { openDiskStore } from './adapters/node/disk-store.ts'
import type { Config } from './config.ts'

export interface NodeStore {
  readonly store: Store
  /** What fills and readers may hold: a part of the memory setting. */
  readonly fillBounds: BudgetBounds
  readonly gauges: Gauges
  close(): Promise<void>
}

/** What waits to be written holds memory, beside the tiers; beyond it segments are not kept on disk. */
const WRITE_QUEUE_BYTES = 64 * 1024 * 1024

export async function openNodeStore(
  config: Config,
  clock: Clock,
  record: (event: FlowEvent) => void,
): Promise<NodeStore> {
  const invalidations = createInvalidations()
  // What is being filled is in memory too: the setting bounds both together.
  const maxFillingBytes = Math.min(config.limits.fillBudget, config.memory / 4)
  const fillBounds: BudgetBounds = { maxFillingBytes, maxPinnedBytes: config.memory / 8 }
  const disk =
    config.disk === 'off'
      ? undefined
      : await openDiskStore({
          directory: config.disk,
          maxBytes: config.diskSize,
          writeQueueBytes: WRITE_QUEUE_BYTES,
          objectShare: config.limits.diskObjectShare,
          scrubIntervalMs: config.limits.diskScrubInterval,
          invalidations,
          record,
          clock,
        })
  const maxBytes = config.memory - maxFillingBytes
  const memory = createMemoryStore({ maxBytes, invalidations, uses: disk })
  const memoryGauges: Gauges = {
    sluice_memory_bytes: {
      description: 'Heads and segments in memory',
      read: () => memory.stats().bytes,
    },
    sluice_memory_limit_bytes: {
      description: 'Limit of the memory tier',
      read: () => memory.stats().maxBytes,
    },
  }
  if (disk === undefined) {
    return {
      store: memory,
      fillBounds,
      gauges: memoryGauges,
      close: () => Promise.resolve(),
    }
  }
  return {
    store: createTieredStore({
      memory,
      disk,
      record,
      patience: { clock, maxWaitMs: config.limits.diskReadTimeout },
    }),
    fillBounds,
    gauges: {
      ...memoryGauges,
      sluice_disk_bytes: { description: 'Bytes of slabs on disk', read: () => disk.stats().bytes },
      sluice_disk_limit_bytes: {
        description: 'Limit of the disk tier',
        read: () => disk.stats().maxBytes,
      },
      sluice_disk_scrubbed_bytes: {
        description: 'Bytes read again in the background since the start, to find damage',
        read: () => disk.stats().scrubbedBytes,
      },
      sluice_disk_damaged_records: {
        description: 'Records found damaged since the start, and let go',
        read: () => disk.stats().damagedCount,
      },
      sluice_disk_degraded: {
        description: '1 while the disk tier does not take writes',
        read: () => (disk.stats().isDegraded ? 1 : 0),
      },
    },
    close: () => disk.close(),
  }
}
