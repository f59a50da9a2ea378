// A purge that was answered for holds over kill -9, a restart and a drain (F-35, F-59).

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'

import { httpGet } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { testDirectory } from '../support/programs.ts'
import { sendPurge, versionsIn } from '../support/purge-call.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const SEGMENT_BYTES = 64 * 1024
const SIZE_BYTES = 5 * SEGMENT_BYTES + 160
const PATHS = ['/a', '/b']
/** Other bytes of it say nothing of the change. */
const OBJECT = {
  sizeBytes: SIZE_BYTES,
  etag: '"same"',
  lastModified: false,
  fields: [['Cache-Control', 'max-age=3600']],
} as const

let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
})

beforeEach(() => {
  origin.reset()
  put(1)
})

afterAll(() => origin.close())

function put(version: number): void {
  for (const path of PATHS) origin.put(path, { ...OBJECT, version })
}

async function start(disk: string, flags: readonly string[] = []): Promise<SluiceProcess> {
  const tiers = ['--memory', '1MiB', '--disk', disk, '--segment', '64KiB']
  const sluice = await startSluice(['--origin', origin.url, ...tiers, ...flags])
  onTestFinished(() => sluice.kill())
  return sluice
}

interface Got {
  readonly cache: string
  readonly versions: readonly number[]
}

async function get(sluice: SluiceProcess, path: string): Promise<Got> {
  const { complete, body, header } = await httpGet(`${sluice.url}${path}`)
  expect([complete, body.length]).toEqual([true, SIZE_BYTES])
  return { cache: header('cache-status') ?? '', versions: [...versionsIn(body)] }
}

async function textOf(url: string): Promise<string> {
  return (await httpGet(url)).body.toString()
}

async function purge(sluice: SluiceProcess, body: object): Promise<void> {
  expect((await sendPurge(sluice.adminUrl, body)).status).toBe(200)
}

/** Waits until all of it is on disk. */
async function fill(sluice: SluiceProcess): Promise<void> {
  for (const path of PATHS) await get(sluice, path)
  let lastBytes = 0
  const isWritten = async () => {
    const bytes = (await sluice.metrics()).value('sluice_disk_bytes')
    const isStill = bytes === lastBytes
    lastBytes = bytes
    return isStill && bytes >= PATHS.length * SIZE_BYTES
  }
  await expect.poll(isWritten, { interval: 100, timeout: 10_000 }).toBe(true)
}

describe.each([
  // What becomes of the other object: a hit as before, or what the origin has now.
  { what: 'URL', other: { hard: [/; hit/, 1], soft: [/; hit/, 1] } },
  { what: 'all', other: { hard: [/fwd=uri-miss/, 2], soft: [/fwd=stale; fwd-status=304/, 1] } },
] as const)('a purge of $what before kill -9', ({ what, other }) => {
  const bodyOf = (how: string, { url }: SluiceProcess) =>
    what === 'all' ? { all: true, how } : { url: `${url}/a`, how }

  async function expectOther(sluice: SluiceProcess, how: 'hard' | 'soft'): Promise<void> {
    const [wanted, version] = other[how]
    const { cache, versions } = await get(sluice, '/b')
    expect([cache, versions]).toEqual([expect.stringMatching(wanted), [version]])
  }

  it('hard: none of the bytes are met again, though their ETag is unchanged', async () => {
    const disk = await testDirectory()
    const before = await start(disk)
    await fill(before)
    await purge(before, bodyOf('hard', before))
    await before.kill()
    put(2)
    origin.resetCounters()
    const after = await start(disk)
    const { cache, versions } = await get(after, '/a')
    expect([cache, versions]).toEqual([expect.stringContaining('fwd=uri-miss'), [2]])
    expect(origin.requests[0]?.header('if-none-match')).toBeUndefined()
    await expectOther(after, 'hard')
    await after.kill()
    // And what was fetched in their place is what a third process finds.
    const third = await start(disk)
    expect((await get(third, '/a')).versions).toEqual([2])
    await third.finish()
  })

  it('soft: the origin is asked with If-None-Match, and after its 304 no byte is fetched again', async () => {
    const disk = await testDirectory()
    const before = await start(disk)
    await fill(before)
    await purge(before, bodyOf('soft', before))
    await before.kill()
    origin.resetCounters()
    const after = await start(disk)
    const { cache, versions } = await get(after, '/a')
    expect([cache, versions]).toEqual([expect.stringContaining('fwd=stale; fwd-status=304'), [1]])
    await expectOther(after, 'soft')
    expect((await get(after, '/a')).cache).toContain('; hit')
    expect(origin.requests[0]?.header('if-none-match')).toBe('"same"')
    expect(origin.counters().bodyBytes).toBe(0)
    await after.finish()
  })
})

describe('a hard purge', () => {
  it.each([0, 1, 5, 20, 60, 150])(
    'holds when the process is killed %i ms into the writing of what was fetched before it',
    async (delayMs) => {
      const disk = await testDirectory()
      const before = await start(disk)
      for (const path of PATHS) await get(before, path)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      for (const path of PATHS) await purge(before, { url: before.url + path })
      await before.kill()
      put(2)
      const after = await start(disk)
      for (const path of PATHS) expect((await get(after, path)).versions).toEqual([2])
      await after.finish()
    },
  )

  it('is taken while the process drains, and holds after it', async () => {
    const disk = await testDirectory()
    const before = await start(disk, ['--drain-delay', '30s'])
    await fill(before)
    before.signal('SIGTERM')
    const isDraining = async () => (await httpGet(`${before.adminUrl}/readyz`)).status
    await expect.poll(isDraining, { interval: 10 }).toBe(503)
    await purge(before, { url: `${before.url}/a` })
    // A second signal ends it at once.
    before.signal('SIGTERM')
    await before.exited
    put(2)
    const after = await start(disk)
    expect((await get(after, '/a')).versions).toEqual([2])
    const { cache, versions } = await get(after, '/b')
    expect([cache, versions]).toEqual([expect.stringMatching(/; hit/), [1]])
    await after.finish()
  })

  it('has the origin asked for what it left, and nothing else, after a peaceful restart', async () => {
    const disk = await testDirectory()
    const before = await start(disk, ['--drain-delay', '0s'])
    await fill(before)
    await purge(before, { url: `${before.url}/a` })
    expect(await before.stop('SIGTERM')).toMatchObject({ code: 0 })
    origin.resetCounters()
    const after = await start(disk)
    for (const path of PATHS) {
      const { body } = await httpGet(`${after.url}${path}`)
      const expected = { object: path, version: 1, startByte: 0, endByte: SIZE_BYTES }
      expect(checkOracle(body, expected)).toBeUndefined()
    }
    expect(origin.requests.map(({ target }) => target)).toEqual(['/a'])
    await after.finish()
  })

  // The response that stands for the URL is known to do so only once it is read again.
  it('of a URL holds for what another URL stands for (No-Vary-Search)', async () => {
    const disk = await testDirectory()
    const sites = [{ name: 'search', origins: [origin.url], noVarySearch: true }]
    const config = join(disk, 'sites.json')
    writeFileSync(config, JSON.stringify({ sites }))
    const flags = ['--config', config, '--disk', join(disk, 'cache'), '--drain-delay', '0s']
    const fields = [...OBJECT.fields, ['No-Vary-Search', 'params=("utm")']] as const
    origin.put('/s', { body: 'old', fields })
    const before = await startSluice(flags)
    await textOf(`${before.url}/s?utm=1`)
    await before.stop()
    const after = await startSluice(flags)
    onTestFinished(() => after.kill())
    await purge(after, { url: `${after.url}/s?utm=2` })
    origin.put('/s', { body: 'new', fields })
    await textOf(`${after.url}/s?utm=1`)
    expect(await textOf(`${after.url}/s?utm=2`)).toBe('new')
  })
})
