// A disk that takes 2 s for each read: clients get the right bytes from the origin, soon, and never an error.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

import { httpGet } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { testDirectory } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const FRESH = [['Cache-Control', 'max-age=3600']] as const
const OBJECTS = { '/hot': 2000, '/small': 100_000, '/large': 6 * MIB + 77 } as const
type Path = keyof typeof OBJECTS
const PATHS = Object.keys(OBJECTS) as Path[]

let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
  for (const path of PATHS) origin.put(path, { sizeBytes: OBJECTS[path], fields: FRESH })
})

afterAll(() => origin.close())

async function start(disk: string): Promise<SluiceProcess> {
  const tiers = ['--disk', disk, '--disk-size', '1GiB', '--drain-delay', '0s']
  const sluice = await startSluice(['--origin', origin.url, ...tiers])
  onTestFinished(() => sluice.kill())
  return sluice
}

/** Delays each read of the slabs, which are read with preadv. @returns Ends it. */
async function slowDown(pid: number): Promise<() => Promise<void>> {
  const inject = 'inject=preadv,preadv2:delay_enter=2000000'
  const args = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=preadv,preadv2', '-e', inject]
  const strace = spawn('strace', [...args, '-p', String(pid)], { stdio: 'ignore' })
  const exited = once(strace, 'exit')
  onTestFinished(() => void strace.kill())
  const isTraced = () => {
    const { stdout } = spawnSync('grep', ['TracerPid', `/proc/${pid}/status`], { encoding: 'utf8' })
    return Number(stdout.split(':')[1]) === strace.pid
  }
  await expect.poll(isTraced, { timeout: 10_000 }).toBe(true)
  return async () => {
    strace.kill('SIGINT')
    await exited
  }
}

async function fetchRight(sluice: SluiceProcess, path: Path, range?: [number, number]) {
  const [startByte, endByte] = range ?? [0, OBJECTS[path]]
  const options = range === undefined ? {} : { range: `bytes=${startByte}-${endByte - 1}` }
  const got = await httpGet(`${sluice.url}${path}`, options)
  expect(got).toMatchObject({ status: range === undefined ? 200 : 206, complete: true })
  expect(checkOracle(got.body, { object: path, version: 1, startByte, endByte })).toBeUndefined()
  return got.header('cache-status')
}

const hasStrace = spawnSync('strace', ['-V']).status === 0

describe.skipIf(!hasStrace)('a disk that is slow', () => {
  it('is passed over: right bytes, no error, and hits in memory meanwhile', async () => {
    const disk = await testDirectory()
    const before = await start(disk)
    for (const path of PATHS) await fetchRight(before, path)
    await before.finish()
    const sluice = await start(disk)
    await fetchRight(sluice, '/hot')
    expect(await fetchRight(sluice, '/hot')).toMatch(/hit/)
    origin.resetCounters()
    const end = await slowDown(sluice.pid)
    const slow = Promise.all([
      fetchRight(sluice, '/small'),
      fetchRight(sluice, '/large', [3 * MIB - 5, 3 * MIB + 5]),
      fetchRight(sluice, '/large'),
    ])
    for (let i = 0; i < 20; i++) {
      expect(await fetchRight(sluice, '/hot')).toMatch(/hit/)
    }
    await slow
    expect(origin.counters().requests).toBeGreaterThan(0)
    expect((await sluice.metrics()).value('sluice_disk_degraded')).toBe(0)
    await end()
    // Late reads are over by now, or soon.
    await expect
      .poll(
        async () => {
          origin.resetCounters()
          for (const path of PATHS) await fetchRight(sluice, path)
          return origin.counters().requests
        },
        { timeout: 15_000 },
      )
      .toBe(0)
    await sluice.finish()
  }, 60_000)
})
