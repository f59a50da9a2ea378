// Many variants of one URL, and HEAD as a way to change what GET has stored (T-39, T-40).

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { NO_STORE, SHARED, startAttacked } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import { wire } from '../support/raw-origin.ts'
import { createSeededRandom } from '../support/seeded-random.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
/** Of each of two fields. */
const ASKED_COUNT = 5000
const MAX_VARIANT_COUNT = 16

let attacked: Attacked
let path = ''
let pathCount = 0

beforeAll(async () => {
  attacked = await startAttacked((origin) => ({ origin, memory: '64MiB', log: 'off' }))
})

afterAll(() => attacked.finish())

beforeEach(() => {
  attacked.origin.reset()
  path = `/variants-${++pathCount}`
})

async function memoryBytes(): Promise<number> {
  return (await attacked.sluice.metrics()).value('sluice_memory_bytes')
}

/** Asks so often, with another value each time, and tells how many had to be asked of the origin. */
async function askWith(name: string, valueOf: (i: number) => string, count: number) {
  let hitCount = 0
  let wrongCount = 0
  await concurrently(Array(count).keys(), 16, async (i) => {
    const value = valueOf(i)
    const { isHit, status, header } = await attacked.get(path, { headers: { [name]: value } })
    if (isHit) hitCount += 1
    if (status !== 200 || (name === 'User-Agent' && header('x-for') !== value)) wrongCount += 1
  })
  return { hitCount, wrongCount, fetchCount: attacked.origin.requests.length }
}

function agentOf(i: number): string {
  return `agent ${i}`
}

describe('ten thousand values of a field that Vary names (T-39)', () => {
  const CODINGS = [
    'gzip',
    'br',
    'zstd',
    'deflate',
    '*',
    'identity',
    'x-gzip',
    'GZIP',
    '',
    'cats',
    '"',
  ]
  const WEIGHTS = [
    '',
    ';q=0',
    ';q=1',
    ';q=0.5',
    ';q=2',
    ';q="1"',
    ';x=y',
    '; q=0.001',
    ';',
    ';;q=1',
  ]

  it('are five at most if it is Accept-Encoding, however malformed', async () => {
    const random = createSeededRandom(SEED)
    attacked.origin.answer((request) => {
      const coding = request.header('accept-encoding') ?? ''
      return wire(200, [SHARED, 'Vary: accept-encoding', `Content-Encoding: ${coding}`], coding)
    })
    const valueOf = () =>
      Array.from(
        { length: random.integer(1, 5) },
        () => random.pick(CODINGS) + random.pick(WEIGHTS),
      ).join(random.pick([',', ', ', ' , ', ',,']))
    const asked = await askWith('Accept-Encoding', valueOf, ASKED_COUNT)
    expect(asked.wrongCount).toBe(0)
    // Those that were under way at once may have been asked for twice.
    expect(asked.fetchCount).toBeLessThanOrEqual(4)
    expect(asked.hitCount).toBeGreaterThan(ASKED_COUNT - 100)
  })

  it('leave sixteen variants of it, and no more memory than those take', async () => {
    const body = 'x'.repeat(1000)
    attacked.origin.answer((request) =>
      wire(200, [SHARED, 'Vary: user-agent', `X-For: ${request.header('user-agent')}`], body),
    )
    await askWith('User-Agent', agentOf, 1000)
    const rssBefore = attacked.sluice.rssBytes()
    const before = await memoryBytes()
    attacked.origin.reset()
    const asked = await askWith('User-Agent', agentOf, ASKED_COUNT)
    expect(asked.wrongCount).toBe(0)
    expect(asked.fetchCount + asked.hitCount).toBe(ASKED_COUNT)
    expect((await memoryBytes()) - before).toBeLessThan(64 * KIB)
    expect(attacked.sluice.rssBytes() - rssBefore).toBeLessThan(64 * MIB)
    attacked.origin.reset()
    const again = await askWith('User-Agent', (i) => agentOf(ASKED_COUNT - 100 + i), 100)
    expect(again.wrongCount).toBe(0)
    expect(again.hitCount).toBeLessThanOrEqual(MAX_VARIANT_COUNT)
  })

  it('never mix, were they all asked for at once', async () => {
    attacked.origin.answer((request) =>
      wire(200, [SHARED, 'Vary: user-agent', `X-For: ${request.header('user-agent')}`], 'x'),
    )
    const wrong: number[] = []
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const agent = `agent ${i % 50}`
        const { header } = await attacked.get(path, { headers: { 'User-Agent': agent } })
        if (header('x-for') !== agent) wrong.push(i)
      }),
    )
    expect(wrong).toEqual([])
  })

  it('leave nothing of a large body behind but what sixteen variants take', async () => {
    const body = Buffer.alloc(2 * MIB, 'x')
    attacked.origin.answer((request) =>
      wire(200, [SHARED, 'Vary: user-agent', `X-For: ${request.header('user-agent')}`], body),
    )
    const before = await memoryBytes()
    await askWith('User-Agent', agentOf, 24)
    const grownBytes = (await memoryBytes()) - before
    expect(grownBytes).toBeLessThan((MAX_VARIANT_COUNT + 1) * body.length)
  })
})

describe('validators of many variants (T-36, T-39, RFC 9111 §4.3.1)', () => {
  it('are never more than an origin takes', async () => {
    attacked.origin.answer(({ head, header }) => {
      // As much as S3 takes.
      if (head.length > 8192) return wire(400, [NO_STORE], 'too large')
      const agent = header('user-agent') ?? ''
      const lines = ['Cache-Control: max-age=0', 'Vary: user-agent', `X-For: ${agent}`]
      return wire(200, [...lines, `ETag: "${'x'.repeat(600)}${agent.replace(' ', '-')}"`], agent)
    })
    const statuses: number[] = []
    for (let i = 0; i < 2 * MAX_VARIANT_COUNT; i += 1) {
      const headers = { 'User-Agent': agentOf(i % MAX_VARIANT_COUNT) }
      statuses.push((await attacked.get(path, { headers })).status)
    }
    expect(statuses).toEqual(statuses.map(() => 200))
  })
})

describe('Vary on what is no part of any variant (RFC 9111 §4.1; T-39)', () => {
  it.each([
    ['Authorization', 'Bearer b'],
    ['Cookie, Authorization', 'Bearer b'],
  ])('serves nobody who differs in it: %s', async (vary, authorization) => {
    attacked.origin.answer((request) =>
      wire(200, [SHARED, `Vary: ${vary}`], `for ${request.header('authorization')}`),
    )
    await attacked.get(path)
    const { text } = await attacked.get(path, { headers: { Authorization: authorization } })
    expect(text).toBe(`for ${authorization}`)
  })
})

describe('a HEAD (T-40, RFC 9111 §4.3.5)', () => {
  const BODY = 'the right body'
  const LINES = ['ETag: "right"', 'X-Kept: kept']

  it('creates no response to a GET', async () => {
    const bytes = wire(200, [SHARED, ...LINES], BODY)
    attacked.origin.answer(({ method }) =>
      method === 'HEAD' ? bytes.subarray(0, bytes.length - BODY.length) : bytes,
    )
    await attacked.get(path, { method: 'HEAD' })
    const first = await attacked.get(path)
    expect(first).toMatchObject({ status: 200, text: BODY, complete: true, isHit: false })
    expect((await attacked.get(path)).isHit).toBe(true)
  })

  it('at once with a GET takes nothing from it', async () => {
    const bytes = wire(200, [SHARED, ...LINES], BODY)
    attacked.origin.answer(({ method }) =>
      method === 'HEAD' ? bytes.subarray(0, bytes.length - BODY.length) : bytes,
    )
    await concurrently(Array(50).keys(), 8, async (i) => {
      const target = `${path}-${i}`
      const [head, got, headToo, gotToo] = await Promise.all(
        ['HEAD', 'GET', 'HEAD', 'GET'].map((method) => attacked.get(target, { method })),
      )
      expect([head?.text, headToo?.text]).toEqual(['', ''])
      expect([got?.text, gotToo?.text]).toEqual([BODY, BODY])
      expect(head?.header('content-length')).toBe(`${BODY.length}`)
    })
  })

  it.each([
    ['another length', 200, ['ETag: "right"', 'Content-Length: 5']],
    ['no length', 200, ['ETag: "right"', 'Transfer-Encoding: chunked']],
    ['another tag', 200, ['ETag: "other"', 'Content-Length: 14']],
    ['a weak tag', 200, ['ETag: W/"right"', 'Content-Length: 14']],
    ['no tag', 200, ['Content-Length: 5']],
    [
      'another type and coding',
      200,
      ['ETag: "right"', 'Content-Encoding: gzip', 'Content-Length: 5'],
    ],
    ['a part', 206, ['ETag: "right"', 'Content-Range: bytes 0-4/14', 'Content-Length: 5']],
    ['no-store', 200, ['ETag: "right"', 'Cache-Control: no-store', 'Content-Length: 14']],
    [
      'private',
      200,
      ['ETag: "right"', 'Cache-Control: private', 'Set-Cookie: a=b', 'Content-Length: 14'],
    ],
    ['Vary: *', 200, ['ETag: "right"', 'Vary: *', 'Content-Length: 14']],
    ['204', 204, []],
    ['301', 301, ['Location: http://evil.test/', 'Content-Length: 0']],
    ['304', 304, ['ETag: "right"']],
    ['304 of another', 304, ['ETag: "other"']],
    ['404', 404, [SHARED, 'Content-Length: 5']],
    ['500', 500, ['Content-Length: 5']],
  ])(
    'that answers otherwise changes no byte of what GET has stored: %s',
    async (_, status, lines) => {
      for (const lifetime of ['max-age=60', 'max-age=0']) {
        const target = `${path}/${lifetime}`
        attacked.origin.answer(({ method, header }) => {
          if (method === 'HEAD') {
            return [`HTTP/1.1 ${status} Lie`, 'X-Lie: lie', ...lines, '', ''].join('\r\n')
          }
          return header('if-none-match') === '"right"'
            ? `HTTP/1.1 304 Not Modified\r\nETag: "right"\r\nCache-Control: ${lifetime}\r\n\r\n`
            : wire(200, [`Cache-Control: ${lifetime}`, ...LINES], BODY)
        })
        for (const method of ['GET', 'HEAD', 'GET', 'HEAD', 'GET']) {
          const headers = method === 'HEAD' ? { 'Cache-Control': 'no-cache' } : {}
          const result = await attacked.get(target, { method, headers })
          if (method === 'HEAD') continue
          expect(result).toMatchObject({ status: 200, text: BODY, complete: true })
          expect(result.header('content-length')).toBe(`${BODY.length}`)
          expect(result.header('content-encoding')).toBeUndefined()
          expect(result.header('set-cookie')).toBeUndefined()
          expect(result.header('etag')).toBe('"right"')
        }
      }
    },
  )
})
