// The disk tier outlives the process: ended in peace, or killed at any moment.

import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'

import { createGate } from '../support/gate.ts'
import { httpGet } from '../support/http-get.ts'
import { checkOracle, createOracleChecker } from '../support/oracle.ts'
import { testDirectory } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const OBJECTS: readonly (readonly [path: string, sizeBytes: number])[] = [
  ['/empty', 0],
  ['/one', 1],
  ['/small', 100_000],
  ['/segment', MIB],
  ['/over', MIB + 1],
  ['/large', 30 * MIB + 4321],
]
const TOTAL_BYTES = OBJECTS.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0)
const FRESH = [['Cache-Control', 'max-age=3600']] as const

let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
})

beforeEach(() => {
  origin.reset()
  for (const [path, sizeBytes] of OBJECTS) origin.put(path, { sizeBytes, fields: FRESH })
})

afterAll(() => origin.close())

/** Memory holds next to nothing, so that what is served comes from disk. */
async function start(disk: string): Promise<SluiceProcess> {
  const tiers = ['--memory', '4MiB', '--disk', disk, '--disk-size', '1GiB']
  const sluice = await startSluice(['--origin', origin.url, ...tiers, '--drain-delay', '0s'])
  // Whatever else happens, it does not outlive the test.
  onTestFinished(() => sluice.kill())
  return sluice
}

interface Expected {
  readonly cache: RegExp
  readonly startByte?: number
  readonly endByte?: number
}

/** Fetches the object, or a range of it, and compares every byte. */
async function fetchRight(
  sluice: SluiceProcess,
  [path, sizeBytes]: readonly [string, number],
  { cache, startByte = 0, endByte = sizeBytes }: Expected,
): Promise<void> {
  const isPart = endByte - startByte < sizeBytes
  const got = await httpGet(`${sluice.url}${path}`, {
    ...(isPart && { range: `bytes=${startByte}-${endByte - 1}` }),
  })
  expect(got).toMatchObject({ status: isPart ? 206 : 200, complete: true })
  const { body } = got
  expect(checkOracle(body, { object: path, version: 1, startByte, endByte })).toBeUndefined()
  expect(`${path} ${got.header('cache-status')}`).toMatch(cache)
}

async function fill(sluice: SluiceProcess): Promise<void> {
  for (const object of OBJECTS) await fetchRight(sluice, object, { cache: /fwd=uri-miss; stored/ })
  expect(origin.counters().bodyBytes).toBe(TOTAL_BYTES)
}

/** Waits until so much is on disk, and no more is coming. */
async function untilWritten(sluice: SluiceProcess, leastBytes: number): Promise<void> {
  let lastBytes = 0
  const isWritten = async () => {
    const { value } = await sluice.metrics()
    const bytes = value('sluice_disk_bytes')
    const isStill = bytes === lastBytes
    lastBytes = bytes
    return isStill && bytes >= leastBytes
  }
  await expect.poll(isWritten, { interval: 100, timeout: 10_000 }).toBe(true)
}

/** Finds everything to be hits; returns how often the origin was asked. */
async function fetchAllHere(sluice: SluiceProcess): Promise<number> {
  origin.resetCounters()
  for (const object of OBJECTS) await fetchRight(sluice, object, { cache: /; hit/ })
  const span = { startByte: 12 * MIB - 5, endByte: 14 * MIB + 5 }
  await fetchRight(sluice, ['/large', 30 * MIB + 4321], { cache: /; hit/, ...span })
  return origin.counters().requests
}

describe('a restart on the same disk', () => {
  it('serves everything from disk after SIGTERM, without the origin', async () => {
    const disk = await testDirectory()
    const before = await start(disk)
    await fill(before)
    expect(await before.stop('SIGTERM')).toMatchObject({ code: 0 })
    const after = await start(disk)
    expect(await fetchAllHere(after)).toBe(0)
    await after.finish()
  })

  it('serves everything that was written after kill -9, without the origin', async () => {
    const disk = await testDirectory()
    const before = await start(disk)
    await fill(before)
    await untilWritten(before, TOTAL_BYTES)
    await before.kill()
    const after = await start(disk)
    expect(await fetchAllHere(after)).toBe(0)
    await after.finish()
  })

  it('serves right bytes after kill -9 in the midst of a fill, and fetches only what is missing', async () => {
    const disk = await testDirectory()
    const sizeBytes = 32 * MIB
    const gate = createGate()
    origin.put('/broken', { sizeBytes, fields: FRESH })
    origin.inject({ fault: 'gate-body', gate, afterBytes: 20 * MIB + 100 }, '/broken')
    const before = await start(disk)
    const cut = httpGet(`${before.url}/broken`)
    await gate.arrived()
    await untilWritten(before, 20 * MIB)
    await before.kill()
    const got = await cut
    expect(got.complete).toBe(false)
    gate.release()
    origin.resetCounters()
    const after = await start(disk)
    await fetchRight(after, ['/broken', sizeBytes], { cache: /fwd=/ })
    expect(origin.counters().bodyBytes).toBeLessThanOrEqual(sizeBytes - 20 * MIB)
    origin.resetCounters()
    await fetchRight(after, ['/broken', sizeBytes], { cache: /; hit/ })
    expect(origin.counters().requests).toBe(0)
    await after.finish()
  })

  it('serves right bytes over one kill after another, whatever each left on disk', async () => {
    const disk = await testDirectory()
    const object = ['/killed', 24 * MIB + 99] as const
    origin.put('/killed', { sizeBytes: object[1], fields: FRESH })
    for (const killAtByte of [1, 3 * MIB + 1, 11 * MIB, 20 * MIB - 1]) {
      const sluice = await start(disk)
      const checker = createOracleChecker({ object: '/killed', version: 1, startByte: 0 })
      const cut = await httpGet(`${sluice.url}/killed`, {
        onChunk(chunk) {
          checker.push(chunk)
          if (checker.receivedBytes >= killAtByte) sluice.signal('SIGKILL')
        },
      })
      expect(cut.status).toBe(200)
      expect(checker.problem).toBeUndefined()
      await sluice.exited
    }
    const last = await start(disk)
    for (const cache of [/./, /; hit/]) await fetchRight(last, object, { cache })
    await last.finish()
  })
})
