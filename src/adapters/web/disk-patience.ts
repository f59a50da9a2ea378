// How long a slower tier is waited for: beyond it, what was asked of it counts as absent.

import type { Clock } from '#core/ports/clock.ts'
import { within } from '#core/ports/within.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'

export interface PatienceOptions {
  readonly clock: Clock
  /** Of one read, and of a write that somebody waits for. */
  readonly maxWaitMs: number
  record(event: FlowEvent): void
}

export interface DiskPatience {
  /**
   * Reads, or gives up: while a read of this name is late, or too many of any are, no other is begun. A late
   * one goes on by itself.
   */
  read<T>(name: string, task: () => Promise<T | undefined>): Promise<T | undefined>
  /** Resolves with what the task gives, or with `undefined` when it takes too long. */
  wait<T>(task: Promise<T>): Promise<T | undefined>
  /** A read of it takes too long just now. */
  isLate(name: string): boolean
}

/** Late reads at once. More of them would only make the disk slower. */
const MAX_LATE_COUNT = 32

export function createDiskPatience(options: PatienceOptions): DiskPatience {
  const { clock, maxWaitMs, record } = options
  const late = new Set<string>()

  /** What fails is absent, as what comes too late. */
  function bearing<T>(task: Promise<T>, onLate?: () => void): Promise<T | undefined> {
    return within(
      task.catch(() => undefined),
      maxWaitMs,
      clock,
      onLate,
    )
  }

  return {
    read(name, task) {
      if (late.has(name) || late.size >= MAX_LATE_COUNT) return Promise.resolve(undefined)
      const running = task()
      return bearing(running, () => {
        late.add(name)
        record({ kind: 'limit', name: 'diskReadTimeout' })
        const end = (): void => void late.delete(name)
        running.then(end, end)
      })
    },
    wait: (task) => bearing(task),
    isLate: (name) => late.has(name),
  }
}

/** Waits for as long as it takes. */
export const ENDLESS_PATIENCE: DiskPatience = {
  read: (_name, task) => task(),
  wait: (task) => task,
  isLate: () => false,
}
