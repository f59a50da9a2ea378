// An origin that fails in the midst of ranges, fault by fault (hazards 4.1). Segments and times are small.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { concurrently } from '../support/concurrently.ts'
import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpResult } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import type { OriginRequest } from '../support/origin-answer.ts'
import { originEtag } from '../support/origin-answer.ts'
import type { ContentRangeChange } from '../support/origin-faults.ts'
import { createSeededRandom } from '../support/seeded-random.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { ScriptedObject, TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const SEGMENT_BYTES = 65_536
const SIZE_BYTES = 4 * SEGMENT_BYTES + 321
const FRESH = [['Cache-Control', 'max-age=3600']] as const
const NO_VALIDATOR = { etag: false, lastModified: false } as const
const PATIENCE_MS = 120_000
const LIMITS = {
  idleTimeout: '2s',
  resumeDelay: '1ms',
  resumes: 2,
  // Most transfers are continued here, and not one in five.
  retryFraction: 1,
  retryMin: 100,
  window: '256KiB',
  rangeWait: '1MiB',
}

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess
/** Another one before each test, so that each begins cold. */
let base = ''
let testCount = 0

beforeAll(async () => {
  origin = await startTestOrigin()
  const config = files.write('faults.json', { limits: LIMITS, breaker: 'off' })
  sluice = await startSluice(['--origin', origin.url, '--config', config, '--segment', '64KiB'])
})

beforeEach(() => {
  origin.reset()
  base = `/test-${++testCount}`
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

function put(path: string, object: Partial<ScriptedObject> = {}): void {
  origin.put(path, { sizeBytes: SIZE_BYTES, fields: FRESH, ...object })
}

async function get(target: string, range?: string): Promise<HttpResult> {
  const options = range === undefined ? {} : { range }
  return await httpGet(sluice.url, { target, timeoutMs: 30_000, ...options })
}

/** Half-open, of what an answer says that it has. */
function spanOf(got: HttpResult, sizeBytes: number): readonly [startByte: number, endByte: number] {
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(got.header('content-range') ?? '') ?? []
  return first === undefined ? [0, sizeBytes] : [Number(first), Number(last) + 1]
}

/** What is wrong with an answer that is to be of this version; one that breaks off may be right so far. */
function problemOf(got: HttpResult, object: string, version = 1, sizeBytes = SIZE_BYTES) {
  if (got.status !== 200 && got.status !== 206) return `status ${got.status}`
  const [startByte, endByte] = spanOf(got, sizeBytes)
  const end = got.complete ? endByte : undefined
  return checkOracle(got.body, { object, version, startByte, endByte: end })
}

/** All of them, then as many ranges as there are segments, are whole and right from now on. */
async function findTrace(object: string, version = 1): Promise<readonly string[]> {
  put(object, { version })
  const wrong: string[] = []
  const ranges = [
    undefined,
    'bytes=-7',
    `bytes=${SEGMENT_BYTES - 1}-${2 * SEGMENT_BYTES}`,
    undefined,
  ]
  for (const range of ranges) {
    const got = await get(object, range)
    const problem = got.complete ? problemOf(got, object, version) : 'it breaks off'
    if (problem !== undefined) wrong.push(`then ${range}: ${problem}`)
  }
  return wrong
}

/** Each edge of a segment and its neighbours, and more of any others, 200 in all. */
function positions(random: SeededRandom): readonly number[] {
  const edges = [0, 1, 2, 3, 4].flatMap((index) => {
    const edge = index * SEGMENT_BYTES
    return [edge - 1, edge, edge + 1]
  })
  const ends = [1, SIZE_BYTES - 2, SIZE_BYTES - 1]
  const all = new Set([...edges, ...ends].filter((byte) => byte >= 0 && byte < SIZE_BYTES))
  while (all.size < 100) all.add(random.integer(0, SIZE_BYTES - 1))
  return [...all]
}

function whole(path: string, got: HttpResult): string | undefined {
  return got.complete ? problemOf(got, path) : 'it breaks off'
}

function broken(path: string, got: HttpResult): string | undefined {
  if (got.status >= 500) return undefined
  return got.complete ? 'it looks complete' : problemOf(got, path)
}

function isContinuation(request: OriginRequest): boolean {
  return request.header('if-match') !== undefined
}

describe('a transfer that is cut after any of its bytes (F-05)', () => {
  const random = createSeededRandom(5)
  const CUTS = (['fin', 'rst'] as const).flatMap((end) =>
    positions(random).map((afterBytes) => ({ end, afterBytes })),
  )

  async function findWrong(
    object: Partial<ScriptedObject>,
    judge: (path: string, got: HttpResult) => string | undefined,
    range?: string,
  ): Promise<readonly string[]> {
    const wrong: string[] = []
    await concurrently(CUTS, 8, async ({ end, afterBytes }) => {
      const path = `${base}/${end}/${afterBytes}`
      put(path, { ...object, script: [{ fault: 'truncate', afterBytes, end }] })
      const got = await get(path, range).catch(() => undefined)
      const problem = got === undefined ? undefined : judge(path, got)
      const trace = problem === undefined ? await findTrace(path) : [problem]
      wrong.push(...trace.map((what) => `${end} after ${afterBytes}: ${what}`))
    })
    return wrong
  }

  it('is continued, and its client has every byte', { timeout: PATIENCE_MS }, async () => {
    expect(await findWrong({}, whole)).toEqual([])
  })

  it('is continued for a range as well', { timeout: PATIENCE_MS }, async () => {
    expect(await findWrong({}, whole, `bytes=${SEGMENT_BYTES - 9}-`)).toEqual([])
  })

  it('and cannot be continued is visibly broken, and not kept', {
    timeout: PATIENCE_MS,
  }, async () => {
    expect(await findWrong(NO_VALIDATOR, broken)).toEqual([])
  })

  it('and whose rest is refused is visibly broken, and not kept (F-04)', {
    timeout: PATIENCE_MS,
  }, async () => {
    const wrong: string[] = []
    await concurrently([403, 404, 412, 416, 500, 503], 6, async (status) => {
      const path = `${base}/${status}`
      put(path, {
        script: [
          { fault: 'hang-body', afterBytes: SEGMENT_BYTES + 7 },
          { fault: 'status', status, when: isContinuation, times: Infinity },
        ],
      })
      const got = await get(path)
      const problem = broken(path, got)
      wrong.push(...(problem === undefined ? await findTrace(path) : [`${status}: ${problem}`]))
    })
    expect(wrong).toEqual([])
  })
})

describe('a part that is not the one asked for (F-07)', () => {
  const LIES: readonly (readonly [string, ContentRangeChange])[] = [
    ['start one less', { change: 'start', add: -1 }],
    ['start one more', { change: 'start', add: 1 }],
    ['start a segment further', { change: 'start', add: SEGMENT_BYTES }],
    ['end one less', { change: 'end', add: -1 }],
    ['end one more', { change: 'end', add: 1 }],
    ['total one less', { change: 'total', add: -1 }],
    ['total one more', { change: 'total', add: 1 }],
    ['total of twice as much', { change: 'total', add: SIZE_BYTES }],
    ['unknown total', { change: 'unknown-total' }],
    ['no Content-Range', { change: 'missing' }],
    ['multipart', { change: 'multipart' }],
    ['another unit', { change: 'value', value: 'items 0-9/10' }],
    ['only a total', { change: 'value', value: `bytes */${SIZE_BYTES}` }],
  ]

  it.each(LIES)('is never joined to what is stored: %s', async (_, change) => {
    for (const times of [1, Infinity]) {
      const path = `${base}/${times}`
      put(path)
      await get(path, 'bytes=0-0')
      origin.inject({ fault: 'content-range', ...change, times }, path)
      const isWhole = (got: HttpResult) => got.complete && problemOf(got, path) === undefined
      const got = await get(path)
      // The first segment is sent before anything else is asked for.
      expect(isWhole(got) || !got.complete || got.status >= 500).toBe(true)
      expect(got.status >= 500 ? undefined : problemOf(got, path)).toBeUndefined()
      expect(await findTrace(path)).toEqual([])
    }
  })
})

describe('an object that is replaced while eight clients read ranges of it (F-08)', () => {
  const random = createSeededRandom(8)
  const SIZES = [SIZE_BYTES, 20 * SEGMENT_BYTES + 9]

  it('at any of 100 moments: each answer is of one version, and the next of the new one', {
    timeout: PATIENCE_MS,
  }, async () => {
    const wrong: string[] = []
    let brokenCount = 0
    let newCount = 0
    await concurrently(Array(100).keys(), 4, async (moment) => {
      const path = `${base}/${moment}`
      const sizeBytes = random.pick(SIZES)
      const fields = [['Cache-Control', random.pick(['max-age=3600', 'max-age=0'])]] as const
      const flipAfterMs = random.integer(0, 40)
      origin.put(path, { sizeBytes, fields })
      origin.inject({ fault: 'rate', bytesPerSecond: 20 * MIB, times: Infinity }, path)
      const clients = Array.from({ length: 8 }, async () => {
        const first = random.integer(0, sizeBytes - 1)
        await pause(random.integer(0, 30))
        const range = `bytes=${first}-${first + random.pick([99, 70_000, 1e9])}`
        // What breaks off at once may take its head with it.
        const got = await get(path, range).catch(() => undefined)
        if (got?.complete !== true) brokenCount += 1
        if (got === undefined) return
        const version = got.header('etag') === originEtag(path, 2) ? 2 : 1
        if (got.complete && version === 2) newCount += 1
        const problem = problemOf(got, path, version, sizeBytes)
        if (problem !== undefined) wrong.push(`${path}: ${problem}`)
      })
      await pause(flipAfterMs)
      origin.replace(path, { sizeBytes, fields, version: 2 })
      await Promise.all(clients)
      // What is fresh may still be served; then it is whole.
      const { header, ...last } = await get(path)
      const version = header('etag') === originEtag(path, 2) ? 2 : 1
      const isFresh = fields[0][1] === 'max-age=3600'
      if (version === 1 && !isFresh) wrong.push(`${path}: the old version is served`)
      const problem = problemOf({ header, ...last }, path, version, sizeBytes)
      if (problem !== undefined) wrong.push(`${path} at last: ${problem}`)
    })
    process.stdout.write(`F-08: ${brokenCount} broken off, ${newCount} of the new version\n`)
    expect(wrong).toEqual([])
    expect(newCount).toBeGreaterThan(0)
  })
})

describe('an origin that knows no ranges (F-09b)', () => {
  const LARGE_BYTES = 24 * MIB
  const ENDS = [1, 1000, 100_000].map((lengthBytes) => `bytes=-${lengthBytes}`)
  const PLACES = [LARGE_BYTES - MIB, LARGE_BYTES - 5 * MIB, 12 * MIB, 100].map(
    (first) => `bytes=${first}-${first + 70_000}`,
  )

  it.each([
    ['one after the other', 1],
    ['all at once', ENDS.length + PLACES.length],
  ])(
    'answers ranges anywhere in one transfer at a time: %s',
    async (how, atOnce) => {
      const path = `${base}/${how.replaceAll(' ', '-')}`
      put(path, { sizeBytes: LARGE_BYTES, acceptRanges: false })
      const wrong: string[] = []
      await concurrently([...ENDS, ...PLACES], atOnce, async (range) => {
        const got = await get(path, range)
        const problem = got.complete ? problemOf(got, path, 1, LARGE_BYTES) : 'it breaks off'
        if (![200, 206].includes(got.status) || problem !== undefined)
          wrong.push(`${range}: ${problem}`)
      })
      expect(wrong).toEqual([])
      expect(origin.counters().maxConcurrent).toBe(1)
      // Each of them could have been one transfer more; most are served from what has passed.
      expect(origin.requests.length).toBeLessThanOrEqual(ENDS.length + PLACES.length)
    },
    PATIENCE_MS,
  )

  it(
    'that says that it knows them, neither',
    async () => {
      put(base, { sizeBytes: LARGE_BYTES })
      origin.inject({ fault: 'ignore-range', times: Infinity }, base)
      for (const range of [...PLACES, ...ENDS]) {
        const got = await get(base, range)
        expect([range, got.complete, problemOf(got, base, 1, LARGE_BYTES)]).toEqual([
          range,
          true,
          undefined,
        ])
      }
      expect(origin.counters().maxConcurrent).toBe(1)
    },
    PATIENCE_MS,
  )
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
