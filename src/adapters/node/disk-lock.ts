// One process a directory. The lock is SQLite's own on an empty database: the kernel frees it however the
// process ends, so that there is no stale lock to judge and no race to take one over.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { ensureFile } from './disk-files.ts'

export interface DiskLock {
  release(): void
}

/** @throws When another process, or another store of this one, has the directory. */
export async function lockDirectory(directory: string): Promise<DiskLock> {
  const path = join(directory, 'lock')
  const ownerPath = join(directory, 'lock.pid')
  await ensureFile(path)
  await ensureFile(ownerPath)
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    const owner = await readFile(ownerPath, 'utf8').catch(() => '')
    const who = owner === '' ? 'another process' : `process ${owner}`
    throw new Error(
      `Cannot use "${directory}" as cache: ${who} has it; give each process a directory of its own`,
      { cause: error },
    )
  }
  await writeFile(ownerPath, String(process.pid)).catch(() => undefined)
  return { release: () => database.close() }
}
