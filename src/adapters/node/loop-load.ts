import { performance } from 'node:perf_hooks'
import type { EventLoopUtilization } from 'node:perf_hooks'

/** How often it looks. */
const LOOK_MS = 100
/** Share of the time in which the loop was at work. */
const BUSY_SHARE = 0.8

/** @returns Whether what seems slow may be so because this process is. */
export function watchLoopLoad(): () => boolean {
  let last: EventLoopUtilization = performance.eventLoopUtilization()
  let share = 0
  const timer = setInterval(() => {
    const current = performance.eventLoopUtilization()
    share = performance.eventLoopUtilization(current, last).utilization
    last = current
  }, LOOK_MS)
  timer.unref()
  return () => share > BUSY_SHARE
}
