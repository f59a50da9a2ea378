// What a process has open, as the kernel tells.

import { readdirSync, readlinkSync } from 'node:fs'

export interface OpenFiles {
  readonly socketCount: number
  /** All but sockets and what lies below the directories that were named. */
  readonly otherCount: number
}

/** @param ignored Directories whose files come and go with what is stored. */
export function openFilesOf(pid: number, ignored: readonly string[]): OpenFiles {
  let socketCount = 0
  let otherCount = 0
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const target = linkOf(`/proc/${pid}/fd/${fd}`)
    if (target.startsWith('socket:')) socketCount += 1
    else if (target !== '' && !ignored.some((path) => target.startsWith(path))) otherCount += 1
  }
  return { socketCount, otherCount }
}

/** Empty for what was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
