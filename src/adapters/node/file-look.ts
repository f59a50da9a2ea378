// Looks whether a file has changed, for what is taken anew from it while the process runs.

import { statSync } from 'node:fs'

import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'

export interface FileLookOptions {
  readonly path: string
  readonly clock: Clock
  /** Takes what is in the file now; what it throws is told, and what was taken before stays. */
  take(): void
  record(event: FlowEvent): void
}

/** The file is looked at once in this time, however many ask. */
const LOOK_MS = 1000

/** @returns To be called before each use of what was taken. */
export function createFileLook({ path, clock, take, record }: FileLookOptions): () => void {
  let stamp = stampOf(path)
  let lookedAtMs = clock.monotonicMs()

  return () => {
    const nowMs = clock.monotonicMs()
    if (nowMs - lookedAtMs < LOOK_MS) return
    lookedAtMs = nowMs
    const now = stampOf(path)
    if (now === stamp) return
    stamp = now
    try {
      take()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      record({ kind: 'credentials-kept', message })
    }
  }
}

/** Of the file as it is now, empty if there is none; a link is followed, so that one which is swapped counts as changed. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeNs}`
}
