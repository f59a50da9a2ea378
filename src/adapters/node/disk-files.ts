// The directory of the disk tier: who may own it, and how files in it are opened.

import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants

/** Names of slabs are the digits of their number; nothing that a client sends is ever in a name. */
const SLAB_NAME = /^[0-9a-f]{8}$/

/**
 * Makes the directory if it is not there.
 *
 * @throws When others could plant files in it: what is found there is believed.
 */
export async function prepareDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const found = await lstat(directory)
  const refuse = (why: string): Error => new Error(`Cannot use "${directory}" as cache: ${why}`)
  if (found.isSymbolicLink()) {
    throw refuse('it is a symbolic link; name the directory that it points to')
  }
  if (!found.isDirectory()) throw refuse('it is not a directory')
  if ((found.mode & 0o022) !== 0) {
    throw refuse('group or others may write to it; run "chmod 700" on it')
  }
}

export function slabPathOf(directory: string, slab: number): string {
  return join(directory, slab.toString(16).padStart(8, '0'))
}

export interface FoundSlab {
  readonly slab: number
  readonly bytes: number
}

/** Slab files by number; links and whatever else has such a name are left alone. */
export async function findSlabs(directory: string): Promise<readonly FoundSlab[]> {
  const found: FoundSlab[] = []
  for (const name of await readdir(directory)) {
    if (!SLAB_NAME.test(name)) continue
    const file = await lstat(join(directory, name))
    if (file.isFile()) found.push({ slab: Number.parseInt(name, 16), bytes: file.size })
  }
  return found.toSorted((a, b) => a.slab - b.slab)
}

/** A file that is not there yet: never one that somebody else has put in its place. */
export function createFile(path: string): Promise<FileHandle> {
  return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
}

/** For reading only: what is not the active slab is never written to again. */
export function openFile(path: string): Promise<FileHandle> {
  return open(path, O_RDONLY | O_NOFOLLOW)
}

/** Makes sure that a file of ours is at the path, for SQLite, which opens by name and follows links. */
export async function ensureFile(path: string): Promise<void> {
  try {
    await (await createFile(path)).close()
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const found = await lstat(path)
    if (found.isFile()) return
    throw new Error(`Cannot use "${path}": it is not a regular file`, { cause: error })
  }
}

export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
