// What may become of bytes at rest, made to happen to the slab files of a directory.

import { open, readdir, truncate } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

import type { SeededRandom } from './seeded-random.ts'

const PAGE_BYTES = 4096
const KINDS = ['bit flip', 'zeroed page', 'page of another place', 'pages of another slab'] as const
/** Costs a slab nearly all that it holds, so there are few. */
const CUTS = ['cut end', 'empty file'] as const

export type Corruption = (typeof KINDS)[number] | (typeof CUTS)[number]

export function slabFiles(directory: string): Promise<readonly string[]> {
  return readdir(directory).then((names) =>
    names
      .filter((name) => /^[0-9a-f]{8}$/.test(name))
      .toSorted()
      .map((name) => join(directory, name)),
  )
}

/** @returns How often each kind was done. */
export async function corrupt(
  directory: string,
  count: number,
  random: SeededRandom,
): Promise<ReadonlyMap<Corruption, number>> {
  const paths = await slabFiles(directory)
  const files = await Promise.all(paths.map((path) => open(path, 'r+')))
  const counts = new Map<Corruption, number>()
  const add = (kind: Corruption) => counts.set(kind, (counts.get(kind) ?? 0) + 1)
  try {
    for (let i = 0; i < count; i++) {
      const kind = random.pick(KINDS)
      await corruptOnce(kind, random.pick(files), random.pick(files), random)
      add(kind)
    }
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
  for (const kind of CUTS) {
    const path = random.pick(paths)
    await truncate(path, kind === 'cut end' ? random.integer(1, 4 * 2 ** 20) : 0)
    add(kind)
  }
  return counts
}

async function corruptOnce(
  kind: (typeof KINDS)[number],
  file: FileHandle,
  other: FileHandle,
  random: SeededRandom,
): Promise<void> {
  const { size } = await file.stat()
  if (size < 2 * PAGE_BYTES) return
  const aPage = (bytes: number) =>
    random.integer(0, Math.floor(bytes / PAGE_BYTES) - 1) * PAGE_BYTES
  switch (kind) {
    case 'bit flip': {
      const at = random.integer(0, size - 1)
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
      await file.write(Buffer.from([(buffer[0] ?? 0) ^ (1 << random.integer(0, 7))]), 0, 1, at)
      return
    }
    case 'zeroed page':
      await file.write(Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, aPage(size))
      return
    case 'page of another place':
      return copyPages(file, aPage(size), file, aPage(size), 1)
    case 'pages of another slab': {
      const otherSize = (await other.stat()).size
      // A record or several: they take this many pages.
      return copyPages(other, aPage(otherSize), file, aPage(size), random.integer(2, 10))
    }
    default:
      throw new Error(`Cannot corrupt: ${JSON.stringify(kind satisfies never)}`)
  }
}

async function copyPages(
  from: FileHandle,
  fromByte: number,
  to: FileHandle,
  toByte: number,
  count: number,
): Promise<void> {
  const { size } = await to.stat()
  const bytes = Math.min(count * PAGE_BYTES, size - toByte)
  const { buffer, bytesRead } = await from.read(Buffer.alloc(bytes), 0, bytes, fromByte)
  await to.write(buffer, 0, bytesRead, toByte)
}
