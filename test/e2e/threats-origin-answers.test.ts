// Answers that make no sense where they come: few questions, an end soon, nothing of ours is to blame (T-22, T-35, T-41).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { SHARED, startAttacked } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import type { HttpGetOptions } from '../support/http-get.ts'
import { wire, wireHead } from '../support/raw-origin.ts'
import { answerVersion } from '../support/versioned-origin.ts'

const SIZE_BYTES = 200_000
const MAX_FETCH_COUNT = 3

let answerCount = 0
const otherTag = () => `ETag: "other-${++answerCount}"`
const BODY = Buffer.alloc(SIZE_BYTES, 'x')
const PART = BODY.subarray(0, 65_536)

const ANSWERS: Readonly<Record<string, () => Buffer>> = {
  'a 304 of another': () => wireHead(304, [otherTag()]),
  'a 304 of nothing': () => wireHead(304, []),
  'a 412': () => wire(412, []),
  'a 416 of nothing': () => wire(416, ['Content-Range: bytes */0']),
  'a 416 of less': () => wire(416, ['Content-Range: bytes */100']),
  'another part': () => wire(206, ['ETag: "v1"', 'Content-Range: bytes 5-6/9'], 'xx'),
  'a part of another': () =>
    wire(206, [otherTag(), SHARED, `Content-Range: bytes 0-65535/${SIZE_BYTES}`], PART),
  'another every time': () => wire(200, [otherTag(), SHARED, 'Accept-Ranges: bytes'], BODY),
  'nothing under the same tag': () => wire(200, ['ETag: "v1"', SHARED]),
  'a 204': () => wireHead(204, ['ETag: "v1"']),
  'a 205': () => wire(205, ['ETag: "v1"', SHARED]),
  'a 401': () => wire(401, ['WWW-Authenticate: Basic']),
  'a 421': () => wire(421, []),
  'a 425': () => wire(425, []),
  'a 503 to try again': () => wire(503, ['Retry-After: 0']),
}

/** What is stored before, and what is asked for then. */
const ASKED: readonly (readonly [before: string, asked: HttpGetOptions])[] = [
  ['nothing', {}],
  ['nothing', { range: 'bytes=0-9' }],
  ['nothing', { method: 'HEAD' }],
  ['all of it, stale', {}],
  ['all of it, stale', { range: 'bytes=70000-70001' }],
  ['all of it, stale', { method: 'HEAD' }],
  ['a part', {}],
  ['a part', { range: 'bytes=70000-' }],
]

describe.each(['careful', 'rfc'])(
  'an origin that always answers with the same, under %s',
  (policy) => {
    let attacked: Attacked
    let pathCount = 0

    beforeAll(async () => {
      const settings = { segment: '64KiB', limits: { resumeDelay: '1ms' } }
      attacked = await startAttacked((origin) => ({ ...settings, origin }), ['--policy', policy])
    })

    afterAll(() => attacked.finish())

    /** What is wrong with how the request ended, if anything. */
    async function problemOf(make: () => Buffer, before: string, asked: HttpGetOptions) {
      const { origin } = attacked
      const target = `/answers/${++pathCount}`
      const lifetime = before === 'a part' ? SHARED : 'Cache-Control: max-age=0'
      const right = { sizeBytes: SIZE_BYTES, kind: 'strong tag', isConditional: true } as const
      origin.answer((request) => answerVersion(request, target, 1, { ...right, lines: [lifetime] }))
      if (before !== 'nothing') {
        await attacked.get(target, before === 'a part' ? { range: 'bytes=0-9' } : {})
      }
      origin.reset()
      origin.answer(make)
      const got = await attacked.get(target, { ...asked, timeoutMs: 2000 }).catch(() => undefined)
      const fetchCount = origin.requests.length
      if (fetchCount > MAX_FETCH_COUNT) return `${fetchCount} requests`
      // It sent no condition, so 304 tells it nothing; and nothing of this is a mistake of ours.
      if (got === undefined || got.status === 304 || got.status === 500) return `${got?.status}`
      return undefined
    }

    it.each(Object.entries(ANSWERS))(
      'is asked little, and so soon given up: %s',
      async (_, make) => {
        const problems: string[] = []
        for (const [before, asked] of ASKED) {
          const problem = await problemOf(make, before, asked)
          if (problem !== undefined)
            problems.push(`${before}, ${JSON.stringify(asked)}: ${problem}`)
        }
        expect(problems).toEqual([])
      },
    )
  },
)
