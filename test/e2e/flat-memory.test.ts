// Memory stays flat whatever many readers do: those that stop reading, and those that all want one cold object.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { createGate } from '../support/gate.ts'
import { readLean } from '../support/lean-reader.ts'
import { oracleBytes } from '../support/oracle.ts'
import { describeWith } from '../support/programs.ts'
import { createSeededRandom } from '../support/seeded-random.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { openConnectionCount, startStalledCrowd } from '../support/stalled-crowd.ts'
import type { StalledCrowd } from '../support/stalled-crowd.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const MEMORY_BYTES = 128 * MIB
/** Less than half of the default of 20 s, to save time; all have to stall at once all the same. */
const STALL_MS = 8000
const SAMPLE_MS = 100
const PATIENCE_MS = 180_000
const FRESH = [['Cache-Control', 'max-age=3600']] as const

/** What is promised, with a connection and an active stream for each client. */
const maxRssBytes = (clientCount: number) =>
  1.3 * MEMORY_BYTES + 160 * MIB + clientCount * (16 + 256) * 1024

const files = createConfigFiles()
let disk: string | undefined
let origin: TestOrigin
let running: SluiceProcess | undefined

beforeAll(async () => {
  origin = await startTestOrigin()
})

beforeEach(() => {
  origin.reset()
})

async function start(limits: Readonly<Record<string, string>>): Promise<SluiceProcess> {
  disk = await mkdtemp(join(tmpdir(), 'sluice-flat-'))
  const config = files.write('flat.json', { limits })
  const tiers = ['--memory', `${MEMORY_BYTES}`, '--disk', disk, '--disk-size', '4GiB']
  running = await startSluice(['--origin', origin.url, '--config', config, ...tiers])
  return running
}

afterEach(async () => {
  // Where a test before has measured, none was started.
  await running?.finish()
  running = undefined
  if (disk !== undefined) await rm(disk, { recursive: true, force: true })
})

afterAll(async () => {
  await origin?.close()
  files.remove()
})

/** The highest resident set of the process from now on. */
function watchRss(sluice: SluiceProcess): { maxBytes(): number } & Disposable {
  let maxBytes = sluice.rssBytes()
  const timer = setInterval(() => {
    maxBytes = Math.max(maxBytes, sluice.rssBytes())
  }, SAMPLE_MS)
  return { maxBytes: () => maxBytes, [Symbol.dispose]: () => clearInterval(timer) }
}

function report(what: string, ms: number, rssBytes: number, clientCount: number): void {
  const [rss, limit] = [rssBytes, maxRssBytes(clientCount)].map((bytes) => Math.round(bytes / MIB))
  process.stdout.write(`${what}: ${(ms / 1000).toFixed(1)} s, RSS ${rss} of ${limit} MiB\n`)
}

describeWith(['perl'], 'two thousand readers that stop reading', () => {
  const clientCount = 2000
  const sizeBytes = 1024 * MIB
  let crowd: StalledCrowd | undefined
  const measured = { rssBytes: Infinity, closedMs: Infinity }

  afterEach(() => crowd?.leave())

  it('are closed', {
    timeout: PATIENCE_MS,
  }, async () => {
    const target = '/stalled.bin'
    const sluice = await start({ stallTimeout: `${STALL_MS}ms` })
    origin.put(target, { sizeBytes, fields: FRESH })
    // So that each can be answered at once: from the disk, for memory has an eighth of it.
    const { problem } = await readLean({ port: sluice.port, target }).done
    expect(problem).toBeUndefined()
    using rss = watchRss(sluice)
    const stepBytes = sizeBytes / clientCount
    const requests = Array.from({ length: clientCount }, (_, index) => {
      return { target, startByte: Math.floor(index * stepBytes), endByte: sizeBytes }
    })
    const startedAtMs = performance.now()
    crowd = await startStalledCrowd(sluice.port, requests)
    expect(crowd.startedCount).toBe(clientCount)
    const stalledAtMs = performance.now()
    // The last of these has fewer bytes left than the kernel takes.
    const timeout = { timeout: 60_000, interval: 50 }
    await expect.poll(() => openConnectionCount(sluice.port), timeout).toBeLessThanOrEqual(1)
    measured.closedMs = performance.now() - stalledAtMs
    measured.rssBytes = rss.maxBytes()
    report('2,000 stalled', performance.now() - startedAtMs, rss.maxBytes(), clientCount)
    process.stdout.write(
      `the last is closed ${(measured.closedMs / STALL_MS).toFixed(2)} stall times later\n`,
    )
  })

  it('held a bounded memory, as the test before has measured', () => {
    expect(measured.rssBytes / MIB).toBeLessThan(maxRssBytes(clientCount) / MIB)
  })

  it('were closed after the time they may stand still, as the test before has measured', () => {
    expect(measured.closedMs).toBeLessThan(1.25 * STALL_MS)
  })
})

describe('a thousand readers of one cold object', () => {
  it('hold a bounded memory, and have it fetched once, half of them asking for ranges', {
    timeout: PATIENCE_MS,
  }, async () => {
    const clientCount = 1000
    const target = '/popular.bin'
    // A thousand clients of one process may be slow to ask, and slow to be heard.
    // Without gaps, each byte is wanted once.
    const sluice = await start({ stallTimeout: '2m', headTimeout: '2m', gap: '0B' })
    const sizeBytes = 64 * MIB
    const rangeBytes = MIB
    const gate = createGate()
    origin.put(target, { sizeBytes, fields: FRESH })
    origin.inject({ fault: 'gate-head', gate }, target)
    const object = oracleBytes({ object: target, version: 1, startByte: 0, endByte: sizeBytes })
    const random = createSeededRandom(1000)
    using rss = watchRss(sluice)
    const startedAtMs = performance.now()
    const readers = Array.from({ length: clientCount }, (_, index) => {
      const startByte = random.integer(0, sizeBytes - rangeBytes)
      const range = { startByte, endByte: startByte + rangeBytes }
      return readLean({ port: sluice.port, target, object, ...(index % 2 === 1 && { range }) })
    })
    await gate.arrived()
    gate.release()
    const results = await Promise.all(readers.map(({ done }) => done))
    report('1,000 of one', performance.now() - startedAtMs, rss.maxBytes(), clientCount)
    const problems = results
      .map(({ problem }) => problem)
      .filter((problem) => problem !== undefined)
    expect(problems).toEqual([])
    // Far ranges have transfers of their own. What is on its way when one is ended, the kernel throws away.
    const { requests, bodyBytes } = origin.counters()
    const receivedBytes = (await sluice.metrics()).value('sluice_origin_bytes_total')
    const [sent, received] = [bodyBytes, receivedBytes].map((bytes) => Math.round(bytes / MIB))
    process.stdout.write(`${requests} transfers, ${sent} MiB sent, ${received} MiB received\n`)
    expect(receivedBytes).toBeLessThan(sizeBytes + MIB)
    expect(rss.maxBytes()).toBeLessThan(maxRssBytes(clientCount))
  })
})
