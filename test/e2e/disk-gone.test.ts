// A disk that is full, or has no room for another file, or cannot be written to, or is gone: clients are served
// all the same, and what can be written again is (F-30, F-39).

import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import type { DiskClients } from '../support/disk-clients.ts'
import { createDiskClients, mixedSizes, pathsOf, startOnDisk } from '../support/disk-clients.ts'
import { canMount, fixDirectory, mountDisk, mountMemory } from '../support/mounts.ts'
import { testDirectory } from '../support/programs.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { startTestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const OLD = pathsOf('old', 60)
/** How often a disk that failed again and again is looked at. */
const PROBE_MS = 10_000

interface Scene {
  readonly origin: TestOrigin
  readonly clients: DiskClients
  readonly sluice: SluiceProcess
  /** Fetches objects that nobody has asked for before, so that they are written, or would be. */
  add(name: string, count: number): Promise<readonly string[]>
}

async function begin(disk: string, diskSize = '64MiB'): Promise<Scene> {
  const origin = await startTestOrigin()
  onTestFinished(() => origin.close())
  const clients = createDiskClients(origin, 1)
  onTestFinished(() => clients.end())
  clients.put(OLD, mixedSizes(1))
  const sluice = await startOnDisk(origin, disk, ['--disk-size', diskSize])
  onTestFinished(() => sluice.kill())
  await clients.fetchAll(sluice, OLD)
  async function add(name: string, count: number): Promise<readonly string[]> {
    const paths = pathsOf(name, count)
    clients.put(paths, 333_333)
    await clients.fetchAll(sluice, paths)
    await clients.fetchAny(sluice, OLD, 30)
    return paths
  }
  return { origin, clients, sluice, add }
}

/** Waits until the disk takes writes, or does not. */
async function untilDegraded(sluice: SluiceProcess, isDegraded: boolean, timeout: number) {
  const isSo = async () => (await sluice.metrics()).value('sluice_disk_degraded') === 1
  await expect.poll(isSo, { interval: 50, timeout }).toBe(isDegraded)
}

/** What is written now is there after the next start, without the origin. */
async function expectWritten({ origin, clients, sluice, add }: Scene, disk: string): Promise<void> {
  const paths = await add('again', 20)
  // What is asked for again is let in before what was asked for once.
  for (let i = 0; i < 3; i++) await clients.fetchAll(sluice, paths)
  await sluice.finish()
  const next = await startOnDisk(origin, disk)
  onTestFinished(() => next.kill())
  // It reads what it finds while it serves.
  const storedCount = () => clients.storedCount(next, paths)
  await expect.poll(storedCount, { interval: 100, timeout: 10_000 }).toBeGreaterThan(10)
  // Nor is anything back that was purged meanwhile.
  await clients.fetchAll(next, OLD)
  await next.finish()
}

describe('a disk tier', () => {
  const isPermitted = canMount()

  it.skipIf(!isPermitted)(
    'on a full disk serves on, and writes 5 s after there is room',
    async () => {
      const disk = await mountMemory({ sizeBytes: 64 * MIB })
      const scene = await begin(disk, '1GiB')
      const { clients, sluice, add } = scene
      await add('flood', 230)
      // Somebody else takes what was left free.
      const other = join(disk, 'other')
      await fillUp(other)
      await add('more', 30)
      for (const path of OLD.slice(0, 5)) await clients.purge(sluice, path)
      await clients.fetchAll(sluice, OLD)
      await rm(other)
      await untilDegraded(sluice, false, 5000)
      await expectWritten(scene, disk)
      expect(clients.problems).toEqual([])
    },
  )

  it.skipIf(!isPermitted)('with no file left to be made serves on', async () => {
    // The directory, two of the lock, three of the index, and four slabs.
    const disk = await mountMemory({ sizeBytes: 128 * MIB, inodeCount: 10 })
    const scene = await begin(disk)
    const { clients, sluice, add } = scene
    await add('flood', 80)
    for (const path of OLD.slice(0, 5)) await clients.purge(sluice, path)
    await clients.fetchAll(sluice, OLD)
    await sluice.finish()
    expect(clients.problems).toEqual([])
  })

  it.skipIf(!isPermitted)('on a file system that becomes read-only serves on', async () => {
    const { directory, abort } = await mountDisk(96 * MIB)
    const { clients, sluice, add } = await begin(directory)
    await add('before', 30)
    abort()
    await add('after', 30)
    for (const path of OLD.slice(0, 5)) await clients.purge(sluice, path, 500)
    await clients.fetchAll(sluice, OLD)
    await untilDegraded(sluice, true, 1000)
    await sluice.finish()
    expect(clients.problems).toEqual([])
  })

  const LOSSES = {
    'is removed': {
      lose: (disk: string) => rm(disk, { recursive: true }),
      heal: (disk: string) => mkdir(disk, { mode: 0o700 }),
      // With all that was in it, what is purged is gone.
      purged: 200,
    },
    'is replaced by a file': {
      async lose(disk: string) {
        await rename(disk, `${disk}.aside`)
        await writeFile(disk, 'a file')
      },
      async heal(disk: string) {
        await rm(disk)
        await rename(`${disk}.aside`, disk)
      },
      purged: 500,
    },
    'cannot be changed any more': {
      lose: async (disk: string) => fixDirectory(disk, true),
      heal: async (disk: string) => fixDirectory(disk, false),
      purged: 500,
    },
  } as const
  it('whose directory is lost serves on, and writes again when it is back', async () => {
    // At once, as each waits for the next look at the disk.
    const left = Object.entries(LOSSES).map(async ([name, { lose, heal, purged }]) => {
      const disk = join(await testDirectory(), 'cache')
      const scene = await begin(disk)
      const { clients, sluice, add } = scene
      await add('before', 20)
      await lose(disk)
      // Until the slab that is open is full, nothing needs the directory.
      await add('after', 30)
      for (const path of OLD.slice(0, 5)) await clients.purge(sluice, path, purged)
      await clients.fetchAll(sluice, OLD)
      await untilDegraded(sluice, true, 10_000)
      await heal(disk)
      await untilDegraded(sluice, false, PROBE_MS + 5000)
      await expectWritten(scene, disk)
      return { name, problems: clients.problems }
    })
    const none = Object.keys(LOSSES).map((name) => ({ name, problems: [] }))
    expect(await Promise.all(left)).toEqual(none)
  })
}, 60_000)

async function fillUp(path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (;;) await file.write(Buffer.alloc(MIB / 4))
  } catch {
    await file.close()
  }
}
