// A disk that answers with errors, or does less than it says: no client hears of it (F-30, F-32, F-33).

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'

import type { DiskClients } from '../support/disk-clients.ts'
import { createDiskClients, mixedSizes, pathsOf, startOnDisk } from '../support/disk-clients.ts'
import { describeWith, testDirectory } from '../support/programs.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { ONE_THREAD, attachStrace, indexPaths, slabPaths } from '../support/strace.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { startTestOrigin } from '../support/test-origin.ts'

const OLD = pathsOf('old', 60)
const PURGED = pathsOf('purged', 8)
const FILLING = pathsOf('filling', 220)
/** Of the calls of a kind: one of them, every other, or all. */
const POSITIONS = ['1', '3', '2+2', '1+'] as const
/** Each action at each of many positions, in place of each at some. */
const IS_LONG = process.env['SLUICE_DISK_FAULTS'] === 'all'
const LONG_POSITIONS = Array.from({ length: 18 }, (_, index) => String(index + 1))
const SLAB_COUNT = 100
const CASE_MS = IS_LONG ? 300_000 : 60_000

interface Fault {
  readonly of: 'slabs' | 'index'
  readonly call: string
  readonly actions: readonly string[]
  /** Of what is then not called any more there is less to change. */
  readonly leastCount: number
}

const FAULTS: readonly Fault[] = [
  {
    of: 'slabs',
    call: 'pwritev',
    actions: ['error=ENOSPC', 'error=EIO', 'retval=100'],
    leastCount: 8,
  },
  { of: 'slabs', call: 'preadv', actions: ['error=EIO', 'retval=100'], leastCount: 8 },
  { of: 'slabs', call: 'fdatasync', actions: ['error=EIO', 'error=ENOSPC'], leastCount: 5 },
  { of: 'slabs', call: 'unlink', actions: ['error=EIO', 'error=EROFS'], leastCount: 2 },
  { of: 'slabs', call: 'openat', actions: ['error=EMFILE', 'error=ENOSPC'], leastCount: 2 },
  {
    of: 'index',
    call: 'pwrite64',
    actions: ['retval=100', 'error=EIO', 'error=ENOSPC'],
    leastCount: 1,
  },
]

/** An action at a position, one after the other in one process. */
const CASES = FAULTS.flatMap((fault) => {
  const { actions } = fault
  if (IS_LONG) {
    return actions.map((action) => ({
      ...fault,
      steps: [...LONG_POSITIONS, '2+2', '1+'].map((when) => ({ action, when })),
    }))
  }
  const steps = POSITIONS.map((when, index) => ({
    action: actions[index % actions.length] ?? '',
    when,
  }))
  return [{ ...fault, steps }]
})

let origin: TestOrigin
/** A disk tier that is full up to its budget, to be copied. */
let full: string
const clients = () => {
  const made = createDiskClients(origin, 1)
  made.put([...OLD, ...PURGED], mixedSizes(1))
  made.put(FILLING, 300_000)
  return made
}

beforeAll(async () => {
  origin = await startTestOrigin()
  full = await mkdtemp(join(tmpdir(), 'sluice-full-'))
  const filler = clients()
  const sluice = await startOnDisk(origin, full)
  await filler.fetchAll(sluice, [...FILLING, ...OLD, ...PURGED])
  await sluice.finish()
  filler.end()
})
afterAll(async () => {
  await rm(full, { recursive: true })
  await origin.close()
})

describeWith(['strace'], 'a disk that fails', () => {
  it.each(CASES)(
    'at $call of its $of, with $actions, is no concern of any client',
    async ({ of, call, steps, leastCount }) => {
      const disk = await testDirectory()
      await cp(full, disk, { recursive: true })
      const some = clients()
      onTestFinished(() => some.end())
      const sluice = await startOnDisk(origin, disk, [], { env: ONE_THREAD })
      onTestFinished(() => sluice.kill())
      const paths = of === 'slabs' ? slabPaths(disk, 1, SLAB_COUNT) : indexPaths(disk)
      let changedCount = 0
      for (const [step, { action, when }] of steps.entries()) {
        const strace = await attachStrace(sluice.pid, { call, action, when, paths })
        await useAll(some, sluice, step)
        changedCount += await strace.detach()
      }
      await some.fetchAny(sluice, OLD, 20)
      await sluice.kill()
      // What was on disk and what was purged is what it is after the next start, too.
      const next = await startOnDisk(origin, disk)
      onTestFinished(() => next.kill())
      await some.fetchAll(next, [...OLD, ...PURGED])
      await next.finish()
      expect(some.problems).toEqual([])
      // Else nothing was proved.
      expect(changedCount).toBeGreaterThanOrEqual(leastCount)
      expect(some.hitCount).toBeGreaterThan(5)
    },
    CASE_MS,
  )

  it.each(['error=EIO', 'error=ENOSPC'])(
    'with %s at each write keeps a purge over kill -9, at whatever cost',
    async (action) => {
      const disk = await testDirectory()
      await cp(full, disk, { recursive: true })
      const some = clients()
      onTestFinished(() => some.end())
      const sluice = await startOnDisk(origin, disk, [], { env: ONE_THREAD })
      onTestFinished(() => sluice.kill())
      const paths = slabPaths(disk, 1, SLAB_COUNT)
      const strace = await attachStrace(sluice.pid, { call: 'pwritev', action, paths })
      for (const path of PURGED.slice(0, 2)) await some.purge(sluice, path)
      await sluice.kill()
      expect(await strace.detach()).toBeGreaterThan(1)
      const next = await startOnDisk(origin, disk)
      onTestFinished(() => next.kill())
      await some.fetchAll(next, PURGED)
      await next.finish()
      expect(some.problems).toEqual([])
    },
  )
})

/** Reads what is there, writes so much that something is evicted, and purges. */
async function useAll(some: DiskClients, sluice: SluiceProcess, step: number): Promise<void> {
  const added = pathsOf(`new-${step}`, 8)
  some.put(added, 600_000)
  await some.fetchAny(sluice, OLD, 25)
  await some.fetchAll(sluice, added)
  // Nobody asks for the third until the next start.
  const purged = [OLD[0], OLD[step + 1], PURGED[step % PURGED.length]]
  for (const path of purged) if (path !== undefined) await some.purge(sluice, path)
  await some.fetchAll(sluice, [...OLD.slice(0, 6), ...added])
}
