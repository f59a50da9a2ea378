// What a range costs the origin, whatever the object: the segments that cover it, and what is stated besides
// (T-50 to T-56).

import { connect } from 'node:net'

import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'

import { concurrently } from '../support/concurrently.ts'
import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpResult } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { rawRequest } from '../support/raw-client.ts'
import { judgeRange } from '../support/range-model.ts'
import { createSeededRandom } from '../support/seeded-random.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const SEGMENT_BYTES = 65_536
/** How far `a-` is asked for, before it is known how fast it is read. */
const WINDOW_BYTES = 4 * MIB
/** What several ranges may cost beyond their own bytes. */
const EXCESS_BYTES = 8 * SEGMENT_BYTES
const HUGE_BYTES = 1024 * MIB
const SIZE_BYTES = 32 * SEGMENT_BYTES + 321
const MIDDLE = 5 * SEGMENT_BYTES + 30_000
const FRESH = [['Cache-Control', 'max-age=3600']] as const
const PATIENCE_MS = 120_000

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  const limits = {
    window: `${WINDOW_BYTES}`,
    rangeExcess: `${EXCESS_BYTES}`,
    gap: `${SEGMENT_BYTES}`,
    readAhead: '0',
  }
  const config = files.write('amplification.json', { limits })
  sluice = await startSluice(['--origin', origin.url, '--config', config, '--segment', '64KiB'])
})

beforeEach(() => {
  origin.reset()
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

/** Asked when nothing at all is stored. */
interface Cold {
  readonly shape: string
  readonly range: string | undefined
  /** Bytes that answer it. */
  readonly askedBytes: number
  /** The most that the origin may have sent, and how often it may have been asked. */
  readonly maxBytes: number
  readonly maxRequestCount: number
}

const several = (firsts: readonly number[]) =>
  `bytes=${firsts.map((first) => `${first}-${first + 99}`).join()}`

const COLD: readonly Cold[] = [
  { shape: 'one byte', range: `bytes=${MIDDLE}-${MIDDLE}`, askedBytes: 1, ...segments(1) },
  { shape: 'the first byte', range: 'bytes=0-0', askedBytes: 1, ...segments(1) },
  { shape: 'in one', range: `bytes=${MIDDLE}-${MIDDLE + 999}`, askedBytes: 1000, ...segments(1) },
  {
    shape: 'in two',
    range: `bytes=${6 * SEGMENT_BYTES - 1}-${6 * SEGMENT_BYTES}`,
    askedBytes: 2,
    ...segments(2),
  },
  {
    shape: 'two whole',
    range: `bytes=${SEGMENT_BYTES}-${3 * SEGMENT_BYTES - 1}`,
    askedBytes: 2 * SEGMENT_BYTES,
    ...segments(2),
  },
  {
    shape: 'near the end, to it',
    range: `bytes=${32 * SEGMENT_BYTES - 1}-`,
    askedBytes: 322,
    ...segments(2),
  },
  {
    shape: 'to the end',
    range: `bytes=${MIDDLE}-`,
    askedBytes: SIZE_BYTES - MIDDLE,
    maxBytes: SIZE_BYTES - 5 * SEGMENT_BYTES,
    maxRequestCount: 1,
  },
  {
    shape: 'the last byte',
    range: 'bytes=-1',
    askedBytes: 1,
    maxBytes: SEGMENT_BYTES,
    maxRequestCount: 1,
  },
  {
    shape: 'the last 100,000',
    range: 'bytes=-100000',
    askedBytes: 100_000,
    maxBytes: 100_000 + SEGMENT_BYTES - 1,
    maxRequestCount: 1,
  },
  {
    shape: 'several in one',
    range: several([MIDDLE, MIDDLE + 5000, MIDDLE + 9000]),
    askedBytes: 300,
    ...segments(1),
  },
  {
    shape: 'several near',
    range: several([SEGMENT_BYTES, 2 * SEGMENT_BYTES, 4 * SEGMENT_BYTES]),
    askedBytes: 300,
    maxBytes: 4 * SEGMENT_BYTES,
    maxRequestCount: 2,
  },
  {
    shape: 'several far',
    range: several([0, 10 * SEGMENT_BYTES, 20 * SEGMENT_BYTES]),
    askedBytes: 300,
    maxBytes: 3 * SEGMENT_BYTES,
    maxRequestCount: 3,
  },
  {
    shape: 'many far',
    range: several(Array.from({ length: 11 }, (_, i) => 3 * i * SEGMENT_BYTES + 7)),
    askedBytes: 1100,
    // Beyond the excess each is fetched at its own size.
    maxBytes: EXCESS_BYTES + 1100,
    maxRequestCount: 11,
  },
  {
    shape: 'many, and gaps',
    range: several(Array.from({ length: 16 }, (_, i) => 2 * i * SEGMENT_BYTES + 7)),
    askedBytes: 1600,
    // Gaps that are merged are no excess: at most one before each segment.
    maxBytes: 2 * EXCESS_BYTES + 1600,
    maxRequestCount: 10,
  },
  {
    shape: 'too many overlapping',
    range: 'bytes=0-,0-,0-',
    askedBytes: 0,
    maxBytes: WINDOW_BYTES,
    maxRequestCount: 1,
  },
  {
    shape: 'beyond the end',
    range: `bytes=${SIZE_BYTES}-`,
    askedBytes: 0,
    // The last one, which tells the length.
    ...segments(1),
  },
  {
    shape: 'the whole',
    range: undefined,
    askedBytes: SIZE_BYTES,
    maxBytes: SIZE_BYTES,
    maxRequestCount: 1,
  },
]

function segments(count: number) {
  return { maxBytes: count * SEGMENT_BYTES, maxRequestCount: 1 }
}

function put(path: string, sizeBytes = SIZE_BYTES): void {
  origin.put(path, { sizeBytes, fields: FRESH })
}

async function get(target: string, range?: string): Promise<HttpResult> {
  return await httpGet(sluice.url, {
    target,
    timeoutMs: 30_000,
    ...(range !== undefined && { range }),
  })
}

/** Nothing is being sent by the origin any more, nor will be. */
async function untilQuiet(): Promise<void> {
  const { value } = await sluice.metrics()
  await expect.poll(() => origin.counters().concurrent, { timeout: 10_000, interval: 5 }).toBe(0)
  await expect
    .poll(async () => (await sluice.metrics()).value('sluice_fills'), { timeout: 10_000 })
    .toBeLessThanOrEqual(value('sluice_fills'))
}

function report(rows: readonly (readonly (string | number)[])[]): void {
  const widths = [24, 12, 12, 12, 10]
  const lines = rows.map((row) =>
    row.map((cell, i) => String(cell).padEnd(widths[i] ?? 0)).join(''),
  )
  process.stdout.write(`${lines.join('\n')}\n`)
}

describe('what the origin sends for a range of which nothing is stored', () => {
  it('is the segments that cover it, and no more than is stated besides', {
    timeout: PATIENCE_MS,
  }, async () => {
    const rows: (string | number)[][] = [
      ['cold', 'bytes asked', 'origin sent', 'at most', 'requests'],
    ]
    const wrong: string[] = []
    for (const { shape, range, askedBytes, maxBytes, maxRequestCount } of COLD) {
      const path = `/cold-${shape.replaceAll(' ', '-')}`
      put(path)
      origin.resetCounters()
      const got = await get(path, range)
      await untilQuiet()
      const { bodyBytes, requests } = origin.counters()
      rows.push([shape, askedBytes, bodyBytes, maxBytes, requests])
      const isWithin = bodyBytes <= maxBytes && requests <= maxRequestCount
      const isRight =
        got.complete && got.bodyBytes >= askedBytes && [200, 206, 416].includes(got.status)
      if (!isWithin || !isRight) wrong.push(`${shape}: ${got.status}, ${bodyBytes}, ${requests}`)
    }
    report(rows)
    expect(wrong).toEqual([])
  })

  it('is no more for who leaves with the head', { timeout: PATIENCE_MS }, async () => {
    const rows: (string | number)[][] = [
      ['left with the head', 'bytes asked', 'origin sent', 'at most', ''],
    ]
    const wrong: string[] = []
    for (const { shape, range, askedBytes, maxBytes } of COLD) {
      if (askedBytes === 0) continue
      const path = `/left-${shape.replaceAll(' ', '-')}`
      put(path)
      // So slow that what is not wanted any more need not come.
      origin.inject({ fault: 'rate', bytesPerSecond: 4 * MIB, times: Infinity }, path)
      origin.resetCounters()
      await leaveWithHead(path, range)
      await untilQuiet()
      const { bodyBytes } = origin.counters()
      rows.push([shape, askedBytes, bodyBytes, maxBytes, ''])
      // Nobody waits: what has come meanwhile may lie in a gap that is fetched once more.
      if (bodyBytes > maxBytes + 2 * SEGMENT_BYTES) wrong.push(`${shape}: ${bodyBytes}`)
    }
    report(rows)
    expect(wrong).toEqual([])
  })
})

/** Asks, reads the head and some bytes behind it, and goes. */
async function leaveWithHead(path: string, range: string | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ port: sluice.port, host: '127.0.0.1' })
  onTestFinished(() => void socket.destroy())
  socket.once('data', resolve)
  socket.once('error', reject)
  const field = range === undefined ? '' : `Range: ${range}\r\n`
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${field}\r\n`)
  await promise
  socket.destroy()
}

describe('one byte of a large object, each time of another (T-50)', () => {
  const random = createSeededRandom(50)

  it.each<[string, () => string]>([
    ['anywhere', () => `bytes=${random.integer(0, HUGE_BYTES - 1)}`],
    ['at its end', () => 'bytes=-1'],
  ])(
    'costs a segment, and never more: %s',
    async (where, rangeOf) => {
      put('/huge', HUGE_BYTES)
      const wrong: string[] = []
      await concurrently(Array(1000).keys(), 16, async (i) => {
        const said = rangeOf()
        const range = said.includes('=-') ? said : `${said}-${said.slice('bytes='.length)}`
        const { status, bodyBytes } = await get(`/huge?r=${where.replace(/\W/g, '')}${i}`, range)
        if (status !== 206 || bodyBytes !== 1) wrong.push(`${range}: ${status}, ${bodyBytes} bytes`)
      })
      await untilQuiet()
      expect(wrong).toEqual([])
      const mostBytes = Math.max(...origin.requests.map(({ bytesSent }) => bytesSent))
      expect(mostBytes).toBeLessThanOrEqual(SEGMENT_BYTES)
      expect(origin.requests).toHaveLength(1000)
    },
    PATIENCE_MS,
  )

  it('costs a segment, when the client leaves with the head as well', async () => {
    put('/left', HUGE_BYTES)
    await concurrently(Array(100).keys(), 8, async (i) => {
      const byte = random.integer(0, HUGE_BYTES - 1)
      await leaveWithHead(`/left?r=${i}`, `bytes=${byte}-${byte}`)
    })
    await untilQuiet()
    const mostBytes = Math.max(...origin.requests.map(({ bytesSent }) => bytesSent))
    expect(mostBytes).toBeLessThanOrEqual(SEGMENT_BYTES)
    expect(origin.requests).toHaveLength(100)
  })
})

describe('many ranges in one request', () => {
  it('that overlap are refused in few bytes, cold and hot, and cost next to nothing (T-51)', async () => {
    put('/overlapping')
    await get('/overlapping', 'bytes=0-0')
    origin.resetCounters()
    const range = `bytes=${'0-,'.repeat(1023)}0-`
    for (let i = 0; i < 3; i += 1) {
      const { status, bodyBytes, headers } = await get('/overlapping', range)
      const headBytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
      expect(status).toBe(416)
      expect(bodyBytes + headBytes).toBeLessThan(2048)
    }
    expect(origin.counters().requests).toBe(0)
    put('/overlapping-cold')
    expect((await get('/overlapping-cold', range)).status).toBe(416)
    await untilQuiet()
    expect(origin.counters().bodyBytes).toBeLessThanOrEqual(WINDOW_BYTES)
  })

  it('never take more bytes than the object has, and a tenth (T-51, RFC 9110 §14.2)', async () => {
    put('/parts')
    await get('/parts')
    const random = createSeededRandom(51)
    for (let i = 0; i < 30; i += 1) {
      const count = random.integer(2, 200)
      const stepBytes = Math.floor(SIZE_BYTES / count)
      const members = Array.from({ length: count }, (_, k) => {
        const first = k * stepBytes
        return `${first}-${first + random.integer(0, Math.min(stepBytes - 1, 100_000))}`
      })
      const { status, bodyBytes } = await get('/parts', `bytes=${members.join()}`)
      expect([206, 416]).toContain(status)
      expect(bodyBytes).toBeLessThanOrEqual(1.1 * SIZE_BYTES)
    }
  })

  it.each([
    ['refused', 1300, 1, [416, 431], 1000, 50],
    ['answered', 200, 1000, [206], 300, 100],
  ])(
    'take no memory each, on 200 connections: %s (T-52)',
    async (what, memberCount, stepBytes, statuses, requestCount, maxMib) => {
      const path = `/memory-${what}`
      put(path)
      await get(path)
      const firsts = Array.from({ length: memberCount }, (_, i) => i * stepBytes)
      const range = `bytes=${firsts.map((first) => `${first}-${first}`).join()}`
      const wrong = new Set<number>()
      const ask = async () =>
        await concurrently(Array(requestCount).keys(), 200, async () => {
          const { status } = await get(path, range)
          if (!statuses.includes(status)) wrong.add(status)
        })
      // What the process needs to do this at all.
      await ask()
      const rssBefore = sluice.rssBytes()
      await ask()
      expect((sluice.rssBytes() - rssBefore) / MIB).toBeLessThan(maxMib)
      expect([...wrong]).toEqual([])
    },
    PATIENCE_MS,
  )
})

describe('a range of numbers at their extremes (T-53)', () => {
  const VALUES = [
    'bytes=0-18446744073709551616',
    'bytes=9007199254740993-',
    'bytes=9007199254740991-9007199254740993',
    'bytes=9007199254740993-9007199254740992',
    'bytes=-9007199254740993',
    'bytes=00000000000000000000000000000001-1',
    'bytes=-0',
    'bytes=5-2',
    'bytes=-',
    'bytes=',
    'bytes= 0-1',
    'bytes=0-1,',
    'bytes=,,0-1',
    'Bytes=0-1',
    'octets=0-1',
    'bytes=0-9-',
    'bytes=+0-1',
    'bytes=0x0-1',
    'bytes=1e1-',
    'bytes=0 -1',
    'bytes=--1',
    'bytes=0.5-1',
    'bytes=0-0,9007199254740993-',
  ]

  it.each([0, 1, 2, 100, SEGMENT_BYTES, SEGMENT_BYTES + 1])(
    'is answered as the letter of the standard has it, cold and hot: %i bytes',
    async (sizeBytes) => {
      const wrong: string[] = []
      for (const [index, value] of VALUES.entries()) {
        const path = `/numerals-${sizeBytes}-${index}`
        put(path, sizeBytes)
        const verdict = judgeRange(value, sizeBytes)
        const { first, last } =
          verdict.kind === 'single' ? verdict.range : { first: 0, last: sizeBytes - 1 }
        const [status, contentRange] = {
          whole: [200, undefined] as const,
          unsatisfiable: [416, `bytes */${sizeBytes}`] as const,
          single: [206, `bytes ${first}-${last}/${sizeBytes}`] as const,
          several: [0, undefined] as const,
        }[verdict.kind]
        const expected = { object: path, version: 1, startByte: first, endByte: last + 1 }
        for (const state of ['cold', 'hot']) {
          const got = await get(path, value)
          const isRight = got.status === status && got.header('content-range') === contentRange
          const problem = status === 416 ? undefined : checkOracle(got.body, expected)
          if (!isRight || problem !== undefined) wrong.push(`${value} ${state}: ${got.status}`)
        }
      }
      expect(wrong).toEqual([])
    },
  )
})

describe('an object that has no bytes, or fewer than it had (T-54)', () => {
  it('has no ranges, cold and hot, but all of it', async () => {
    for (const [range, status] of [
      ['bytes=0-0', 416],
      ['bytes=0-', 416],
      ['bytes=-0', 416],
      ['bytes=-5', 200],
      ['bytes=0-0,2-3', 416],
      ['bytes=x', 200],
    ] as const) {
      const path = `/empty-${range}`
      put(path, 0)
      for (const state of ['cold', 'hot']) {
        const got = await get(path, range)
        expect([range, state, got.status, got.bodyBytes]).toEqual([range, state, status, 0])
        expect(got.header('content-range')).toBe(status === 416 ? 'bytes */0' : undefined)
      }
      expect(await get(path)).toMatchObject({ status: 200, bodyBytes: 0, complete: true })
    }
  })

  it('is of the new version, when it shrank between two of its segments', async () => {
    const [longBytes, shortBytes] = [3 * SEGMENT_BYTES, 10]
    origin.put('/shrunk', { sizeBytes: longBytes, fields: FRESH })
    expect((await get('/shrunk', 'bytes=0-9')).status).toBe(206)
    origin.put('/shrunk', { sizeBytes: shortBytes, version: 2, fields: FRESH })
    // Of the old version there is nothing to be had there, of the new one no byte.
    const beyond = await get('/shrunk', `bytes=${2 * SEGMENT_BYTES}-`)
    expect([beyond.status, beyond.header('content-range')]).toEqual([416, 'bytes */10'])
    const { status, body } = await get('/shrunk')
    const whole = { object: '/shrunk', version: 2, startByte: 0, endByte: shortBytes }
    expect([status, checkOracle(body, whole)]).toEqual([200, undefined])
  })
})

describe('what is sent', () => {
  it('has the length that was declared, and only bytes of the object (T-56)', {
    timeout: PATIENCE_MS,
  }, async () => {
    const sizeBytes = 2 * SEGMENT_BYTES + 4321
    const random = createSeededRandom(56)
    put('/exact', sizeBytes)
    const wrong: string[] = []
    await concurrently(Array(2000).keys(), 16, async () => {
      const first = random.integer(0, sizeBytes - 1)
      const last = Math.min(sizeBytes - 1, first + random.pick([0, 1, 99, 4095, 4096, 70_000]))
      const bytes = `GET /exact HTTP/1.1\r\nHost: a\r\nRange: bytes=${first}-${last}\r\nConnection: close\r\n\r\n`
      const result = await rawRequest({
        port: sluice.port,
        bytes,
        until: 'close',
        timeoutMs: 30_000,
      })
      const [response] = result.responses
      const expected = { object: '/exact', version: 1, startByte: first, endByte: last + 1 }
      const isExact =
        response?.header('content-length') === String(last + 1 - first) && result.rest.length === 0
      const problem = checkOracle(response?.body ?? Buffer.alloc(0), expected)
      if (!isExact || problem !== undefined) wrong.push(`${first}-${last}: ${problem}`)
    })
    expect(wrong).toEqual([])
  })
})
