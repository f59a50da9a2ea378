// File systems of a test's own: small, of few files, or broken; and directories that nobody may change.

import { spawnSync } from 'node:child_process'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { onTestFinished } from 'vitest'

import { testDirectory } from './programs.ts'

/** Whether this machine lets us: else tests that need it are skipped, and say so. */
export function canMount(): boolean {
  try {
    run('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])
    return true
  } catch {
    process.stderr.write('skipped: file systems of a test: mounting is not permitted here\n')
    return false
  }
}

export interface MemoryOptions {
  readonly sizeBytes: number
  /** Files and directories that there may be, itself included; absent, as many as fit. */
  readonly inodeCount?: number
}

/** Empty, readable by its owner only, and gone when the test ends. @returns The directory. */
export async function mountMemory({ sizeBytes, inodeCount }: MemoryOptions): Promise<string> {
  const inodes = inodeCount === undefined ? [] : [`nr_inodes=${inodeCount}`]
  const options = [`size=${sizeBytes}`, 'mode=700', ...inodes].join(',')
  return mounted(['-t', 'tmpfs', '-o', options, 'tmpfs'])
}

export interface MountedDisk {
  readonly directory: string
  /** As after an error that the kernel does not get over: from now on it can only be read. */
  abort(): void
  /** Mounts it anew, so that it can be written to again; nobody may have it open. */
  repair(): void
}

/** An ext4 in a file. */
export async function mountDisk(sizeBytes: number): Promise<MountedDisk> {
  const image = join(await testDirectory(), 'image')
  await writeFile(image, '')
  await truncate(image, sizeBytes)
  run('mkfs.ext4', ['-q', '-F', image])
  const point = await mounted(['-o', 'loop', image])
  const directory = join(point, 'cache')
  await mkdir(directory, { mode: 0o700 })
  return {
    directory,
    abort() {
      // What was written before is not what this is about.
      run('sync', ['-f', point])
      run('mount', ['-o', 'remount,abort', point])
    },
    repair() {
      run('umount', [point])
      run('e2fsck', ['-p', '-f', image])
      run('mount', ['-o', 'loop', image, point])
    },
  }
}

async function mounted(args: readonly string[]): Promise<string> {
  const directory = join(await testDirectory(), 'mounted')
  await mkdir(directory)
  run('mount', [...args, directory])
  onTestFinished(() => run('umount', ['-l', directory]))
  return directory
}

/** In a fixed directory nothing can be created or removed, not even by root, whom no mode binds. */
export function fixDirectory(directory: string, isFixed: boolean): void {
  run('chattr', [isFixed ? '+i' : '-i', directory])
}

function run(program: string, args: readonly string[]): void {
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
  const { status } = spawnSync(program, args, { stdio: 'ignore', env: { ...process.env, PATH } })
  // One says that e2fsck has mended something.
  if (status !== 0 && !(program === 'e2fsck' && status === 1)) {
    throw new Error(`Cannot run "${program} ${args.join(' ')}": it ended with ${status}`)
  }
}
