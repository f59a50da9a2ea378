// Purging in the real process: what was purged is not met again, and what was not is still there.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { createGate } from '../support/gate.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpGetOptions, HttpResult } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { sendPurge, versionsIn } from '../support/purge-call.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { OriginHandler, TestOrigin } from '../support/test-origin.ts'

const KIB = 1024
const SEGMENT_BYTES = 64 * KIB
const SIZE_BYTES = 5 * SEGMENT_BYTES + 160
const FRESH = [['Cache-Control', 'max-age=3600']] as const
const LANGUAGES = ['de', 'en', 'fr']
/** What an origin sends that was told to serve other bytes, and does not say so. */
const SAME = { etag: '"same"', lastModified: false, fields: FRESH } as const
const DONE = { nodes: { applied: 1, of: 1 } }

const files = createConfigFiles()
let origin: TestOrigin
let config: string

beforeAll(async () => {
  origin = await startTestOrigin()
  config = files.write('purge.json', {
    segment: '64KiB',
    limits: { adminChangesPerSecond: 10_000, originConcurrency: 8 },
  })
})

beforeEach(() => origin.reset())

afterAll(async () => {
  await origin.close()
  files.remove()
})

/** What validators the requests to the origin carried. */
function conditionsSeen(): readonly string[] {
  const names = ['if-none-match', 'if-modified-since', 'if-match', 'if-range']
  return origin.requests.flatMap(({ header }) => names.filter((name) => header(name) !== undefined))
}

function inLanguages(text: string): OriginHandler {
  return ({ headers }, response) => {
    const language = headers['accept-language'] ?? 'none'
    const fields = {
      ETag: `"${language}"`,
      Vary: 'Accept-Language',
      'Cache-Control': 'max-age=3600',
    }
    const isSame = headers['if-none-match']?.includes(fields.ETag) === true
    response.writeHead(isSame ? 304 : 200, fields).end(isSame ? undefined : `${language} ${text}`)
  }
}

/** Memory of the second holds next to nothing, so that most is read from disk. */
const TIERS: readonly (readonly [string, (directory: string) => readonly string[]])[] = [
  ['memory', () => ['--disk', 'off']],
  ['disk', (directory) => ['--disk', directory, '--memory', '1MiB']],
]

describe.each(TIERS)('a purge with everything in %s', (_tier, flagsOf) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-purge-'))
  let sluice: SluiceProcess

  beforeAll(async () => {
    const flags = ['--origin', origin.url, '--config', config, ...flagsOf(directory)]
    sluice = await startSluice(flags)
  })

  afterAll(async () => {
    await sluice.finish()
    rmSync(directory, { recursive: true, force: true })
  })

  type Got = HttpResult & { readonly cache: string }

  async function get(path: string, options: HttpGetOptions = {}): Promise<Got> {
    const got = await httpGet(sluice.url, { target: path, ...options })
    expect(got.complete).toBe(true)
    return { ...got, cache: got.header('cache-status')?.replace(/^sluice; /, '') ?? '' }
  }

  function getIn(language: string, path: string): Promise<Got> {
    return get(path, { headers: { 'Accept-Language': language } })
  }

  async function purge(body: unknown): Promise<unknown> {
    const { status, body: answer } = await sendPurge(sluice.adminUrl, body)
    expect(status).toBe(200)
    return JSON.parse(answer.toString())
  }

  const urlOf = (path: string) => `${sluice.url}${path}`

  /** Until nothing of it is asked of the origin any more. */
  async function settle(path: string): Promise<void> {
    await expect.poll(async () => (await get(path)).cache).toMatch(/^hit/)
  }

  /** Two ranges of an object, far apart: segments 0 and 3. */
  async function getRanges(path: string): Promise<readonly Got[]> {
    const ranges = [0, 3].map((index) => index * SEGMENT_BYTES)
    const got: Got[] = []
    for (const from of ranges) got.push(await get(path, { range: `bytes=${from}-${from + 159}` }))
    return got
  }

  it('hard leaves no variant: the origin is asked without our validators', async () => {
    origin.put('/hard', inLanguages('old'))
    for (const language of LANGUAGES) await getIn(language, '/hard')
    for (const language of LANGUAGES) expect((await getIn(language, '/hard')).cache).toMatch(/^hit/)
    const keys = [`default\n/hard`]
    expect(await purge({ url: urlOf('/hard') })).toEqual({
      purged: { url: urlOf('/hard'), keys },
      how: 'hard',
      ...DONE,
    })
    origin.put('/hard', inLanguages('new'))
    origin.resetCounters()
    for (const language of LANGUAGES) {
      const { body, cache } = await getIn(language, '/hard')
      expect([body.toString(), cache]).toEqual([
        `${language} new`,
        expect.stringMatching(/^fwd=(?:uri|vary)-miss/),
      ])
    }
    expect([origin.requests.length, conditionsSeen()]).toEqual([3, []])
  })

  it('hard leaves no segment, and poisoned bytes under an unchanged ETag are never met again', async () => {
    origin.put('/ranges', { ...SAME, sizeBytes: SIZE_BYTES, version: 1 })
    await getRanges('/ranges')
    for (const { cache } of await getRanges('/ranges')) expect(cache).toMatch(/^hit/)
    await purge({ url: urlOf('/ranges'), how: 'hard' })
    origin.put('/ranges', { ...SAME, sizeBytes: SIZE_BYTES, version: 2 })
    origin.resetCounters()
    for (const { body } of await getRanges('/ranges')) expect([...versionsIn(body)]).toEqual([2])
    expect(origin.requests[0]?.header('if-match')).toBeUndefined()
    expect(conditionsSeen()).not.toContain('if-none-match')
    const whole = await get('/ranges')
    const expected = { object: '/ranges', version: 2, startByte: 0, endByte: SIZE_BYTES }
    expect(checkOracle(whole.body, expected)).toBeUndefined()
  })

  it('soft has the origin asked with If-None-Match, and after its 304 no byte is fetched again', async () => {
    origin.put('/soft', { sizeBytes: SIZE_BYTES, fields: FRESH })
    await get('/soft')
    await settle('/soft')
    expect(await purge({ url: urlOf('/soft'), how: 'soft' })).toMatchObject({ how: 'soft' })
    origin.resetCounters()
    expect((await get('/soft')).cache).toMatch(/^fwd=stale; fwd-status=304/)
    for (const { cache } of await getRanges('/soft')) expect(cache).toMatch(/^hit/)
    const expected = { object: '/soft', version: 1, startByte: 0, endByte: SIZE_BYTES }
    expect(checkOracle((await get('/soft')).body, expected)).toBeUndefined()
    expect(origin.requests.map(({ header }) => header('if-none-match'))).toEqual([
      expect.any(String),
    ])
    expect(origin.counters().bodyBytes).toBe(0)
  })

  it('soft has every variant validated, and what has changed is fetched', async () => {
    origin.put('/soft-v', inLanguages('old'))
    for (const language of LANGUAGES) await getIn(language, '/soft-v')
    await purge({ url: urlOf('/soft-v'), how: 'soft' })
    for (const language of LANGUAGES)
      expect((await getIn(language, '/soft-v')).cache).toMatch(/fwd-status=304/)
    for (const language of LANGUAGES)
      expect((await getIn(language, '/soft-v')).cache).toMatch(/^hit/)
    origin.put('/soft-o', { sizeBytes: SIZE_BYTES, fields: FRESH })
    await get('/soft-o')
    await purge({ url: urlOf('/soft-o'), how: 'soft' })
    origin.put('/soft-o', { sizeBytes: SIZE_BYTES, fields: FRESH, version: 2 })
    expect([...versionsIn((await get('/soft-o')).body)]).toEqual([2])
  })

  it('of a URL leaves every other URL alone', async () => {
    const paths = ['/one', '/one/', '/one?', '/one?a', '/One', '/on%65', '/two']
    for (const path of paths) origin.put(path, { sizeBytes: 100, fields: FRESH })
    for (const how of ['soft', 'hard']) {
      for (const path of paths) await settle(path)
      await purge({ url: urlOf('/one'), how })
      for (const path of paths.slice(1)) expect((await get(path)).cache).toMatch(/^hit/)
      expect((await get('/one')).cache).toMatch(/^fwd=/)
    }
  })

  it('of all is soft unless it says hard, and reaches everything', async () => {
    const paths = ['/all-1', '/all-2', '/all-3']
    for (const path of paths) origin.put(path, { ...SAME, sizeBytes: SIZE_BYTES, version: 1 })
    for (const path of paths) await settle(path)
    expect(await purge({ all: true })).toEqual({ purged: { all: true }, how: 'soft', ...DONE })
    origin.resetCounters()
    for (const path of paths) expect((await get(path)).cache).toMatch(/fwd-status=304/)
    expect(origin.counters()).toMatchObject({ requests: 3, bodyBytes: 0 })
    expect(await purge({ all: true, how: 'hard' })).toMatchObject({ how: 'hard' })
    for (const path of paths) origin.put(path, { ...SAME, sizeBytes: SIZE_BYTES, version: 2 })
    origin.resetCounters()
    for (const path of paths) expect([...versionsIn((await get(path)).body)]).toEqual([2])
    expect(conditionsSeen()).toEqual([])
  })

  describe.each(['head', 'body'] as const)('while its %s is under way', (part) => {
    it.each([
      ['a URL', 'hard'],
      ['a URL', 'soft'],
      ['all', 'hard'],
      ['all', 'soft'],
    ])(
      'of %s, %s, is not undone by what was asked before it, nor answered with that',
      async (what, how) => {
        const path = `/${part}-${what.slice(-3)}-${how}`
        const gate = createGate()
        // A soft purge takes an ETag at its word.
        const object = { ...(how === 'hard' ? SAME : { fields: FRESH }), sizeBytes: SIZE_BYTES }
        origin.put(path, { ...object, version: 1 })
        const afterBytes = 2 * SEGMENT_BYTES + 16
        const fault = part === 'head' ? 'gate-head' : 'gate-body'
        origin.inject({ fault, gate, afterBytes }, path)
        const began = get(path)
        await gate.arrived()
        await purge({ ...(what === 'all' ? { all: true } : { url: urlOf(path) }), how })
        origin.put(path, { ...object, version: 2 })
        // While the origin is still at the old answer.
        const { body, cache } = await get(path)
        expect([...versionsIn(body)]).toEqual([2])
        expect(cache).toMatch(/^fwd=/)
        gate.release()
        expect([...versionsIn((await began).body)]).toEqual([1])
        for (const again of [await get(path), ...(await getRanges(path))]) {
          expect([...versionsIn(again.body)]).toEqual([2])
        }
      },
    )
  })

  it('is never followed by older bytes: 200 purges of what is read all the while', async () => {
    const path = '/hot'
    const state = { acknowledged: 1, isOver: false, readCount: 0 }
    const seenTooOld: string[] = []
    const put = (version: number) => origin.put(path, { ...SAME, sizeBytes: SIZE_BYTES, version })
    put(1)

    async function read(index: number): Promise<void> {
      const from = (index % 6) * SEGMENT_BYTES
      while (!state.isOver) {
        const { acknowledged } = state
        const part = index < 6 ? { range: `bytes=${from}-${from + 159}` } : {}
        // A purge may end it, visibly: the rest would be other bytes.
        const { body, status } = await httpGet(sluice.url, { target: path, ...part })
        const oldest = Math.min(...versionsIn(body))
        if (status >= 300 || oldest < acknowledged) {
          seenTooOld.push(`${status}: ${oldest} after ${acknowledged}`)
        }
        state.readCount++
      }
    }

    const readers = Promise.all(Array.from({ length: 4 }, (_, index) => read(2 * index)))
    for (let version = 2; version <= 201; version++) {
      put(version)
      await purge({ url: urlOf(path) })
      state.acknowledged = version
    }
    state.isOver = true
    await readers
    expect(seenTooOld).toEqual([])
    expect(state.readCount).toBeGreaterThan(200)
    expect([...versionsIn((await get(path)).body)]).toEqual([201])
  }, 60_000)

  it('of all under load harms no client, and the origin no more than it may be asked (T-101)', async () => {
    const paths = Array.from({ length: 40 }, (_, index) => `/load-${index}`)
    for (const path of paths) origin.put(path, { sizeBytes: SIZE_BYTES, fields: FRESH })
    for (const path of paths) await get(path)
    origin.resetCounters()
    const statuses = new Set<number>()
    const read = async (path: string) => {
      for (let count = 0; count < 5; count++) statuses.add((await get(path)).status)
    }
    const readers = paths.map(read)
    await purge({ all: true })
    await Promise.all([...readers, ...paths.map(read)])
    expect([...statuses]).toEqual([200])
    const { maxConcurrent, bodyBytes } = origin.counters()
    expect(maxConcurrent).toBeLessThanOrEqual(8)
    expect(bodyBytes).toBe(0)
  })
})
