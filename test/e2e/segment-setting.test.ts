// Another segment size is for new bodies: what is on disk is served as it was cut.

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'

import { httpGet } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { testDirectory } from '../support/programs.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const FRESH = [['Cache-Control', 'max-age=3600']] as const
const SIZES = { '/small': 100_000, '/one': MIB, '/large': 9 * MIB + 4321 } as const
type Path = keyof typeof SIZES
const PATHS = Object.keys(SIZES) as Path[]

let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
  for (const path of PATHS) {
    origin.put(path, { sizeBytes: SIZES[path], fields: FRESH })
    origin.put(`/later${path}`, { sizeBytes: SIZES[path], fields: FRESH })
  }
})

afterAll(() => origin.close())

async function start(disk: string, segment: string): Promise<SluiceProcess> {
  const tiers = ['--memory', '4MiB', '--disk', disk, '--disk-size', '1GiB', '--segment', segment]
  const sluice = await startSluice(['--origin', origin.url, ...tiers, '--drain-delay', '0s'])
  onTestFinished(() => sluice.kill())
  return sluice
}

/** Fetches the object, or a range of it, compares every byte, and gives what the cache said. */
async function fetchRight(
  sluice: SluiceProcess,
  path: string,
  sizeBytes: number,
  [startByte, endByte] = [0, sizeBytes],
): Promise<string | undefined> {
  const isPart = endByte - startByte < sizeBytes
  const range = `bytes=${startByte}-${endByte - 1}`
  const got = await httpGet(`${sluice.url}${path}`, isPart ? { range } : {})
  expect(got).toMatchObject({ status: isPart ? 206 : 200, complete: true })
  expect(checkOracle(got.body, { object: path, version: 1, startByte, endByte })).toBeUndefined()
  return got.header('cache-status')
}

it('serves bodies of another segment size byte for byte, whole and in ranges', async () => {
  const disk = await testDirectory()
  const first = await start(disk, '1MiB')
  for (const path of PATHS) await fetchRight(first, path, SIZES[path])
  await first.finish()
  const { bodyBytes } = origin.counters()

  const second = await start(disk, '192KiB')
  for (const path of PATHS) {
    const size = SIZES[path]
    const ranges = [
      [0, 1],
      [size - 1, size],
      [65_536, 99_999],
      [Math.floor(size / 2) - 500, Math.floor(size / 2) + 500],
      [Math.max(0, size - 3_000_000), size],
    ] as const
    for (const [startByte, endByte] of ranges) {
      expect(await fetchRight(second, path, size, [startByte, endByte])).toMatch(/hit/)
    }
    expect(await fetchRight(second, path, size)).toMatch(/hit/)
    expect(await fetchRight(second, `/later${path}`, size)).toMatch(/fwd=uri-miss/)
  }
  expect(origin.counters().bodyBytes).toBe(2 * bodyBytes)
  await second.finish()

  const third = await start(disk, '16MiB')
  for (const path of PATHS.flatMap(
    (one) =>
      [
        [one, one],
        [`/later${one}`, one],
      ] as const,
  )) {
    const size = SIZES[path[1]]
    expect(await fetchRight(third, path[0], size, [70_000, 90_000])).toMatch(/hit/)
    expect(await fetchRight(third, path[0], size)).toMatch(/hit/)
  }
  expect(origin.counters().bodyBytes).toBe(2 * bodyBytes)
  await third.finish()
}, 60_000)
