// Bytes of two versions never meet, whatever an origin or a client says of them (T-41, G-BYTES).

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { SHARED, startAttacked } from '../support/attacked.ts'
import type { Answered, Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import { wire, wireHead } from '../support/raw-origin.ts'
import {
  WEAK_DATE,
  answerVersion,
  etagOf,
  lastModifiedOf,
  validatorLines,
  versionBytes,
  versionOf,
} from '../support/versioned-origin.ts'
import type { ValidatorKind, Versioned } from '../support/versioned-origin.ts'

const SEGMENT_BYTES = 65_536
const SIZE_BYTES = 4 * SEGMENT_BYTES - 100
const KINDS: readonly ValidatorKind[] = [
  'strong tag',
  'weak tag',
  'strong date',
  'weak date',
  'none',
]
const STALE = 'Cache-Control: max-age=0'

let attacked: Attacked
let path = ''
let pathCount = 0

beforeAll(async () => {
  const limits = { resumeDelay: '1ms', resumes: 1, window: '128KiB' }
  attacked = await startAttacked((origin) => ({
    sites: [{ name: 'a', origins: [origin], response: [{ path: '/untagged', drop: ['etag'] }] }],
    limits,
    segment: '64KiB',
    // Room for a part of what is asked for, so that segments go and have to be fetched again.
    memory: '2MiB',
  }))
})

afterAll(() => attacked.finish())

beforeEach(() => {
  attacked.origin.reset()
  path = `/versions-${++pathCount}`
})

function resource(kind: ValidatorKind, lines: readonly string[], isConditional = true): Versioned {
  return { sizeBytes: SIZE_BYTES, kind, lines, isConditional }
}

/** What is wrong with an answer, if it is not of one version, or says that it is whole and is not. */
function problemOf(target: string, got: Answered, last: number): string | undefined {
  if (got.status >= 400 || got.status === 304) return undefined
  const [, start = '0', end] = /bytes (\d+)-(\d+)/.exec(got.header('content-range') ?? '') ?? []
  const versions = Array.from({ length: last }, (_, i) => i + 1)
  const version = got.bodyBytes === 0 ? 0 : versionOf(got.body, target, versions, Number(start))
  if (typeof version === 'string') return version
  const wantedBytes = end === undefined ? SIZE_BYTES : Number(end) - Number(start) + 1
  if (got.complete && got.bodyBytes !== wantedBytes) return `complete with ${got.bodyBytes} bytes`
  const etag = got.header('etag')
  const isNamedRight = etag === undefined || etag.endsWith(etagOf(version)) || version === 0
  return isNamedRight ? undefined : `${etag} with the bytes of version ${version}`
}

const RANGES = [undefined, 'bytes=0-99999', 'bytes=65500-65600', 'bytes=-70000', 'bytes=131072-']

interface State {
  fetchCount: number
  version: number
}

/** Replaces each resource after every so many requests, of which its path tells. */
function replaceWith(versioned: Versioned): Map<string, State> {
  const states = new Map<string, State>()
  attacked.origin.answer((request) => {
    const { target } = request
    const state = states.get(target) ?? { fetchCount: 0, version: 1 }
    states.set(target, state)
    const answer = answerVersion(request, target, state.version, versioned)
    state.fetchCount += 1
    if (state.fetchCount % Number(target.split('/').at(-1)) === 0) state.version += 1
    return answer
  })
  return states
}

describe('a resource that is replaced while it is read (T-41, RFC 9111 §3.4)', () => {
  const CASES = KINDS.flatMap((kind) =>
    ['max-age=60', 'max-age=0'].flatMap((lifetime) =>
      [true, false].map((heeds) => ({ kind, lifetime, heeds })),
    ),
  )

  it.each(CASES)(
    'is of one version in each answer: $kind, $lifetime, heeds conditions: $heeds',
    async ({ kind, lifetime, heeds }) => {
      const states = replaceWith(resource(kind, [`Cache-Control: ${lifetime}`], heeds))
      const wrong: string[] = []
      await concurrently([1, 2, 3, 5, 8], 2, async (moment) => {
        const target = `${path}/${moment}`
        for (let round = 0; round < 2; round += 1) {
          const answers = await Promise.all(
            RANGES.map((range) =>
              attacked.get(target, range === undefined ? {} : { range }).catch(() => undefined),
            ),
          )
          const last = states.get(target)?.version ?? 1
          for (const [i, got] of answers.entries()) {
            const problem = got === undefined ? undefined : problemOf(target, got, last)
            if (problem !== undefined) wrong.push(`${target} ${RANGES[i]}: ${problem}`)
          }
        }
      })
      expect(wrong).toEqual([])
      expect(states.get(`${path}/1`)?.version).toBeGreaterThan(1)
    },
  )
})

describe('If-Range (T-41, RFC 9110 §13.1.5)', () => {
  /** Whether a part may be sent to who has a part of version 1, which is the one there is. */
  const OLD: readonly (readonly [kind: ValidatorKind, value: string, isPart: boolean])[] = [
    ['strong tag', etagOf(1), true],
    ['strong tag', `W/${etagOf(1)}`, false],
    ['strong tag', etagOf(2), false],
    ['strong tag', `${etagOf(1)}, ${etagOf(2)}`, false],
    ['strong tag', '*', false],
    ['strong tag', 'v1', false],
    ['strong tag', lastModifiedOf(1), false],
    ['weak tag', `W/${etagOf(1)}`, false],
    ['weak tag', etagOf(1), false],
    ['strong date', lastModifiedOf(1), true],
    ['strong date', lastModifiedOf(2), false],
    ['strong date', lastModifiedOf(0), false],
    ['strong date', 'Fri, 01 Jan 2100 00:00:00 GMT', false],
    ['strong date', 'yesterday', false],
    ['strong date', etagOf(1), false],
    ['weak date', WEAK_DATE, false],
    ['none', etagOf(1), false],
    ['none', lastModifiedOf(1), false],
  ]

  it.each(OLD)('makes a part of %s, asked for with %s: %s', async (kind, value, isPart) => {
    attacked.origin.answer((request) =>
      answerVersion(request, request.target, 1, resource(kind, [SHARED])),
    )
    const headers = { 'If-Range': value }
    for (const target of [`${path}/cold`, `${path}/warm`]) {
      if (target.endsWith('warm')) await attacked.get(target)
      const got = await attacked.get(target, { headers, range: 'bytes=70000-70099' })
      expect([got.status, got.bodyBytes]).toEqual(isPart ? [206, 100] : [200, SIZE_BYTES])
      expect(problemOf(target, got, 1)).toBeUndefined()
    }
  })

  it.each([
    [etagOf(1), 200, 2],
    [etagOf(2), 206, 2],
    [`W/${etagOf(2)}`, 200, 2],
  ])(
    'is judged by what there is now, not by what is stored: %s',
    async (value, status, version) => {
      const versions = { now: 1 }
      attacked.origin.answer((request) =>
        answerVersion(request, request.target, versions.now, resource('strong tag', [STALE])),
      )
      await attacked.get(path)
      versions.now = version
      const headers = { 'If-Range': value }
      const got = await attacked.get(path, { headers, range: 'bytes=70000-70099' })
      expect(got.status).toBe(status)
      expect(versionOf(got.body, path, [1, 2], status === 206 ? 70_000 : 0)).toBe(version)
    },
  )
})

function wholeOf(version: number, lines: readonly string[]): Buffer {
  return wire(200, lines, versionBytes(path, version, SIZE_BYTES))
}

describe('a 304 (T-41, RFC 9111 §4.3.4)', () => {
  it.each<[string, ValidatorKind, readonly string[], number]>([
    ['another tag', 'strong tag', [`ETag: ${etagOf(2)}`], 2],
    ['a weak form of another tag', 'strong tag', [`ETag: W/${etagOf(2)}`], 2],
    ['the same tag', 'strong tag', [`ETag: ${etagOf(1)}`], 1],
    ['the weak form of the same tag', 'strong tag', [`ETag: W/${etagOf(1)}`], 1],
    ['no tag', 'strong tag', [], 1],
    ['another date alone', 'strong tag', [`Last-Modified: ${lastModifiedOf(2)}`], 2],
  ])('that names %s freshens what it names alone', async (_, kind, lines, version) => {
    let is304 = true
    attacked.origin.answer(({ header }) => {
      if (header('if-none-match') === undefined) {
        return is304
          ? wholeOf(1, [STALE, ...validatorLines(1, kind)])
          : wholeOf(2, [SHARED, ...validatorLines(2, kind)])
      }
      is304 = false
      return wireHead(304, [SHARED, ...lines])
    })
    await attacked.get(path)
    const got = await attacked.get(path)
    expect([got.status, versionOf(got.body, path, [1, 2])]).toEqual([200, version])
    // What comes of it is of that version too, and in every part.
    attacked.origin.answer((request) =>
      answerVersion(request, path, version, resource(kind, [SHARED])),
    )
    for (const range of RANGES) {
      const later = await attacked.get(path, range === undefined ? {} : { range })
      expect(problemOf(path, later, 2)).toBeUndefined()
    }
  })

  it.each([
    ['a plain GET', {}],
    ['a range', { Range: 'bytes=0-99' }],
    ['no-cache', { 'Cache-Control': 'no-cache' }],
  ])('to %s, of which nothing is stored, leaves nothing behind', async (_, headers) => {
    attacked.origin.answer(() => wireHead(304, [SHARED, `ETag: ${etagOf(1)}`]))
    for (let i = 0; i < 2; i += 1) await attacked.get(path, { headers })
    expect(await attacked.findTrace(path)).toBeUndefined()
  })

  it('that nobody asked for is no answer to a client that has nothing (RFC 9110 §15.4.5)', async () => {
    attacked.origin.answer(() => wireHead(304, [SHARED, `ETag: ${etagOf(1)}`]))
    expect((await attacked.get(path)).status).toBe(502)
  })
})

async function wholeAfterPart(target: string, kind: ValidatorKind, lines: readonly string[]) {
  const versioned = resource(kind, [SHARED, ...lines], false)
  attacked.origin.answer((request) => answerVersion(request, target, 1, versioned))
  await attacked.get(target, { range: 'bytes=0-99' })
  const { status, complete, bodyBytes } = await attacked.get(target)
  return { status, complete, bodyBytes }
}

describe('a resource whose parts come one after the other (T-41)', () => {
  const LAST_MODIFIED = `Last-Modified: ${lastModifiedOf(1)}`
  const DATED = `Date: ${new Date().toUTCString()}`

  const WHOLE = { status: 200, complete: true, bodyBytes: SIZE_BYTES }

  it('is whole where they are known by a tag or by a date', async () => {
    expect(await wholeAfterPart(path, 'strong tag', [])).toEqual(WHOLE)
    expect(await wholeAfterPart(`${path}/dated`, 'none', [LAST_MODIFIED, DATED])).toEqual(WHOLE)
  })

  it('is whole where the origin has no clock', async () => {
    expect(await wholeAfterPart(path, 'none', [LAST_MODIFIED])).toEqual(WHOLE)
  })

  it('is whole where a rule of the site takes the tag off', async () => {
    const lines = [LAST_MODIFIED, DATED]
    expect(await wholeAfterPart(`/untagged${path}`, 'strong tag', lines)).toEqual(WHOLE)
  })
})
