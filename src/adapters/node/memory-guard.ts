// Collects garbage before a burst of transfers outgrows the memory setting.
//
// Every byte that passes lives in buffers outside the JavaScript heap. V8 frees them when it collects, and
// when both cores are busy it collects late: a hundred MiB of segments that nobody holds any more is then
// what a process has too much. This looks at the sum while transfers run, and collects when it is too large.

import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface MemoryGuardOptions {
  /** Buffers outside the heap may take this much now; more of it is garbage. */
  maxExternalBytes(): number
  /** Whether transfers run: only they make such garbage. */
  isBusy(): boolean
}

/** How often it looks: a fast origin brings some MiB in this time. */
const LOOK_MS = 10
/** Shortest time between two collections; each takes a few milliseconds. */
const REST_MS = 50

/** @returns Stops it. */
export function startMemoryGuard({ maxExternalBytes, isBusy }: MemoryGuardOptions): () => void {
  const collect = collector()
  if (collect === undefined) return () => undefined
  let restUntilMs = 0
  const timer = setInterval(() => {
    if (!isBusy() || getHeapStatistics().external_memory <= maxExternalBytes()) return
    const nowMs = performance.now()
    if (nowMs < restUntilMs) return
    collect()
    restUntilMs = performance.now() + REST_MS
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** V8's own function, where it can be had; without it V8 collects when it sees fit. */
function collector(): (() => void) | undefined {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('globalThis.gc')
  setFlagsFromString('--no-expose-gc')
  return typeof gc === 'function' ? () => void gc() : undefined
}
