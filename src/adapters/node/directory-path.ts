// From a request target to a file under a directory, and never to one outside of it.

import { constants } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'

import { pathOf, queryOf } from '#core/http/target.ts'
import { openFile } from './open-file.ts'
import type { OpenFile } from './open-file.ts'

export type Found =
  | {
      readonly kind: 'file'
      readonly file: OpenFile
      /** Of the open file. */
      readonly stats: BigIntStats
      readonly name: string
    }
  /** A directory with an index, asked for without its slash. */
  | { readonly kind: 'moved'; readonly location: string }
  | { readonly kind: 'refused'; readonly status: 400 | 403 | 404 }

const INDEX = 'index.html'

/**
 * Opens the file that a target names, through symbolic links as long as they stay under the root. Whoever
 * gets a file closes it.
 *
 * @param directory Its real path is asked for each time, so that a link to it may be swapped.
 * @throws What the file system says, but that there is no such file or that it may not be read.
 */
export async function openUnder(directory: string, target: string): Promise<Found> {
  const path = decodePath(pathOf(target))
  if (path === undefined) return { kind: 'refused', status: 400 }
  // An empty segment is no file name: `a//b` would be a second key for the bytes of `a/b`.
  if (path.includes('//')) return { kind: 'refused', status: 404 }
  // Not within the `try`: a root that is gone says nothing about the file.
  const root = await realpath(directory)
  try {
    return await openPath(root, path, target)
  } catch (error) {
    const status = STATUSES.get(codeOf(error))
    if (status === undefined) throw error
    return { kind: 'refused', status }
  }
}

async function openPath(root: string, path: string, target: string): Promise<Found> {
  const name = path.endsWith('/') ? `${path}${INDEX}` : path
  const real = await realpath(join(root, name))
  if (!isUnder(root, real)) return { kind: 'refused', status: 404 }
  // The link was resolved above: one put there since is not followed. A pipe is not waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await openFile(real, flags)
  try {
    const stats = await file.stat()
    if (stats.isFile()) return { kind: 'file', file, stats, name }
    file.close()
    if (!stats.isDirectory() || path.endsWith('/')) return { kind: 'refused', status: 404 }
  } catch (error) {
    file.close()
    throw error
  }
  // Throws where there is none.
  const index = await stat(join(real, INDEX))
  return index.isFile()
    ? { kind: 'moved', location: withSlash(target) }
    : { kind: 'refused', status: 404 }
}

function isUnder(root: string, real: string): boolean {
  return real.startsWith(root.endsWith(sep) ? root : root + sep)
}

function withSlash(target: string): string {
  const query = queryOf(target)
  return query === undefined ? `${pathOf(target)}/` : `${pathOf(target)}/?${query}`
}

/** Visible ASCII, as a target must be; what goes into Location is written as it came. */
const VISIBLE = /^\/[\x21-\x7e]*$/
/** An encoded slash or backslash would be a separator to us that was none to whoever looked before. */
const SEPARATOR = /%2f|%5c|\\/i

/** @returns `undefined` for a path that names no file anywhere: badly encoded, or with dot segments. */
function decodePath(path: string): string | undefined {
  if (!VISIBLE.test(path) || SEPARATOR.test(path)) return undefined
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    return undefined
  }
  if (decoded.includes('\0')) return undefined
  const hasDots = decoded.split('/').some((segment) => segment === '.' || segment === '..')
  return hasDots ? undefined : decoded
}

/** Of what says something about the file. A socket, or a device without its driver, is ENXIO or ENODEV. */
const STATUSES: ReadonlyMap<string | undefined, 403 | 404> = new Map([
  ['EACCES', 403],
  ['EPERM', 403],
  ['ENOENT', 404],
  ['ENOTDIR', 404],
  ['ENAMETOOLONG', 404],
  ['ELOOP', 404],
  ['ENXIO', 404],
  ['ENODEV', 404],
] as const)

export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
