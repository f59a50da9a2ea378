// Bytes at rest that are no longer what was written, and an index that is lost or false: no client gets a wrong
// byte, and none an error (F-36, F-37).

import { appendFile, cp, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

import { corrupt } from '../support/corruption.ts'
import type { Corruption } from '../support/corruption.ts'
import { createDiskClients, pathsOf, startOnDisk } from '../support/disk-clients.ts'
import { testDirectory } from '../support/programs.ts'
import { createSeededRandom } from '../support/seeded-random.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { startTestOrigin } from '../support/test-origin.ts'

const SEED = Number(process.env['SLUICE_CORRUPTION_SEED'] ?? 20_261_120)
const ROUND_COUNT = 4
const CORRUPTION_COUNT = 2500
/** One record each, but for the last, which are several. */
const PATHS = pathsOf('small', 1600)
const LARGE = pathsOf('large', 20)
const ALL = [...PATHS, ...LARGE]
const SOME = PATHS.slice(0, 40)

let origin: TestOrigin
/** A disk tier with all of it. */
let whole: string
beforeAll(async () => {
  origin = await startTestOrigin()
  whole = await mkdtemp(join(tmpdir(), 'sluice-whole-'))
  const clients = createDiskClients(origin, SEED)
  putAll(clients)
  const sluice = await startOnDisk(origin, whole)
  await clients.fetchAll(sluice, ALL)
  await sluice.finish()
  expect(clients.problems).toEqual([])
})
afterAll(async () => {
  await rm(whole, { recursive: true })
  await origin.close()
})

function putAll(clients: ReturnType<typeof createDiskClients>): void {
  clients.put(PATHS, 14_000)
  clients.put(LARGE, 400_000)
}

/** In a copy of it. */
async function prepare() {
  const disk = await testDirectory()
  await cp(whole, disk, { recursive: true })
  const clients = createDiskClients(origin, SEED)
  putAll(clients)
  onTestFinished(() => clients.end())
  async function start(): Promise<SluiceProcess> {
    const sluice = await startOnDisk(origin, disk)
    onTestFinished(() => sluice.kill())
    origin.resetCounters()
    return sluice
  }
  return { disk, clients, start }
}

describe('bytes at rest', () => {
  it('are refused and fetched again when they are not what was written', async () => {
    const random = createSeededRandom(SEED)
    const { disk, clients, start } = await prepare()
    const counts = new Map<Corruption, number>()
    let missCount = 0
    for (let round = 0; round < ROUND_COUNT; round++) {
      // Half of it while the process runs, before it has read any.
      const isRunning = round % 2 === 1
      const early = isRunning ? await start() : undefined
      const done = await corrupt(disk, CORRUPTION_COUNT, random)
      for (const [kind, count] of done) counts.set(kind, (counts.get(kind) ?? 0) + count)
      const sluice = early ?? (await start())
      const before = clients.hitCount
      const asked = ALL.filter(() => random.chance(0.6))
      await clients.fetchAll(sluice, asked)
      missCount += asked.length - (clients.hitCount - before)
      await sluice.finish()
    }
    console.log(Object.fromEntries(counts), { seed: SEED, missCount, ...tell(clients) })
    expect(clients.problems).toEqual([])
    // Else there was nothing to be refused, or nothing that was not.
    expect(missCount).toBeGreaterThan(500)
    expect(clients.hitCount).toBeGreaterThan(200)
  }, 120_000)

  const SPOILED: Readonly<Record<string, (index: string) => Promise<unknown>>> = {
    'is deleted': (index) => rm(index),
    'is empty': (index) => truncate(index, 0),
    'is cut': async (index) => truncate(index, Math.floor((await stat(index)).size / 2)),
    'has a page of zeroes': async (index) => {
      const bytes = await readFile(index)
      await writeFile(index, bytes.fill(0, 4096, 8192))
    },
    'is no database': (index) => writeFile(index, 'this is no database'.repeat(1000)),
    'is of a later schema': async (index) => withIndex(index, 'PRAGMA user_version = 99'),
    'is of another program': async (index) => withIndex(index, 'PRAGMA application_id = 1'),
    'lacks a table': async (index) => withIndex(index, 'DROP TABLE segments'),
    'has a log of another database': (index) => appendFile(`${index}-wal`, Buffer.alloc(40_000, 7)),
    'is a directory of that name': async (index) => {
      await rm(index)
      await cp(whole, index, { recursive: true })
    },
  }
  it.each(Object.entries(SPOILED))('are found again when the index %s', async (_name, spoil) => {
    const { disk, clients, start } = await prepare()
    await spoil(join(disk, 'index.sqlite'))
    const sluice = await start()
    // While it looks for what is there, it serves; then it has found all.
    await clients.fetchAll(sluice, LARGE.slice(0, 4))
    const storedCount = () => clients.storedCount(sluice, SOME)
    await expect.poll(storedCount, { interval: 100, timeout: 10_000 }).toBe(SOME.length)
    origin.resetCounters()
    await clients.fetchAll(sluice, SOME)
    expect(origin.counters().requests).toBe(0)
    await sluice.finish()
    expect(clients.problems).toEqual([])
  })

  it('are no danger when the index says that all is elsewhere', async () => {
    const { disk, clients, start } = await prepare()
    const elsewhere = `UPDATE segments SET offset = offset + 4096, slab = slab - 1;
      UPDATE heads SET offset = (SELECT max(offset) FROM heads) - offset + 4096`
    withIndex(join(disk, 'index.sqlite'), elsewhere)
    const sluice = await start()
    await clients.fetchAll(sluice, [...LARGE.slice(0, 4), ...SOME])
    await sluice.finish()
    expect(clients.problems).toEqual([])
  })
})

function withIndex(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

function tell({ responseCount, hitCount }: ReturnType<typeof createDiskClients>) {
  return { responseCount, hitCount }
}
