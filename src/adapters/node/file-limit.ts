import { readFileSync } from 'node:fs'

/** What slabs, origins, the admin listener and the log may need, where there are enough for everybody. */
const RESERVED_COUNT = 1024

/**
 * How many clients may be connected so that the rest of the process still finds descriptors: with none left, what is on
 * disk could not be read, no origin be asked, and no operator let in.
 */
export function connectionsWithin(wantedCount: number): number {
  const fileCount = openFileLimit()
  const reservedCount = Math.min(RESERVED_COUNT, fileCount / 2)
  return Math.max(1, Math.min(wantedCount, Math.floor(fileCount - reservedCount)))
}

function openFileLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1')
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  } catch {
    // Only Linux tells.
    return Number.POSITIVE_INFINITY
  }
}
