import { statSync } from 'node:fs'

/** Of the file as it is now, empty if there is none; a link is followed, so that one which is swapped counts as changed. */
export function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeNs}`
}
