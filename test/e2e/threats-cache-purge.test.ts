// A purge at any instant of what the origin is answering just then: none of it comes back (T-44, F-57).

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startAttacked } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import type { HttpGetOptions } from '../support/http-get.ts'
import { sendPurge } from '../support/purge-call.ts'
import { wire, wireHead } from '../support/raw-origin.ts'
import type { WireRequest } from '../support/raw-origin.ts'
import { versionBytes, versionOf } from '../support/versioned-origin.ts'

const SEGMENT_BYTES = 65_536
const SIZE_BYTES = 2 * SEGMENT_BYTES + 160
/** The tag of every version: only that it was purged tells that bytes are old. */
const TAG = 'ETag: "same"'

let attacked: Attacked

interface Kind {
  readonly name: string
  /** Field lines of both versions. */
  readonly lines: readonly string[]
  /** How the answer that the purge meets is asked for. */
  readonly asked: HttpGetOptions
  /** Whether something was stored before, and how. */
  readonly before?: HttpGetOptions
  readonly framing?: 'chunked'
  /** Status of the answer that the purge meets; default by its Range. */
  readonly status?: 304
}

const FRESH = 'Cache-Control: max-age=60'
const STALE = 'Cache-Control: max-age=0'
const RANGES = 'Accept-Ranges: bytes'

const KINDS: readonly Kind[] = [
  {
    name: 'another part',
    lines: [FRESH, TAG, RANGES],
    asked: { range: 'bytes=0-' },
    before: { range: 'bytes=-160' },
  },
  { name: 'a whole body', lines: [FRESH, TAG, RANGES], asked: {} },
  { name: 'a part', lines: [FRESH, TAG, RANGES], asked: { range: 'bytes=70000-70099' } },
  { name: 'a body in chunks', lines: [FRESH], asked: {}, framing: 'chunked' },
  { name: 'a body without a validator', lines: [FRESH], asked: {} },
  { name: 'a 304', lines: [STALE, TAG], asked: {}, before: {}, status: 304 },
  {
    name: 'a 304 for a part',
    lines: [STALE, TAG, RANGES],
    asked: { range: 'bytes=0-99' },
    before: {},
    status: 304,
  },
  { name: 'a new body where one was stale', lines: [STALE, TAG], asked: {}, before: {} },
  {
    name: 'a body for one who has credentials',
    lines: ['Cache-Control: public, max-age=60', TAG],
    asked: { headers: { Authorization: 'Basic eA==' } },
  },
  {
    name: 'a variant',
    lines: [FRESH, TAG, 'Vary: accept-language'],
    asked: { headers: { 'Accept-Language': 'en' } },
    before: { headers: { 'Accept-Language': 'de' } },
  },
  { name: 'the head of a HEAD', lines: [STALE, TAG], asked: { method: 'HEAD' }, before: {} },
  {
    name: 'what a condition asked for',
    lines: [FRESH, TAG, RANGES],
    asked: { headers: { 'If-None-Match': '"other"' } },
  },
]

/** Bytes of the answer that have come when the purge does: in its head, at its edges, within its body. */
const INSTANTS = [
  0,
  1,
  60,
  'head - 1',
  'head',
  'head + 1',
  'head + 65535',
  'head + 65536',
  'head + 65537',
  'end - 1',
]

function instantOf(instant: number | string, headBytes: number, endBytes: number): number {
  if (typeof instant === 'number') return Math.min(instant, endBytes)
  const [name, sign, count] = instant.split(' ')
  const from = name === 'head' ? headBytes : endBytes
  return Math.min(endBytes, from + Number(`${sign ?? '+'}${count ?? 0}`))
}

function messageOf(
  request: WireRequest,
  kind: Kind,
  version: number,
): { head: Buffer; body: Buffer } {
  const bytes = versionBytes(request.target, version, SIZE_BYTES)
  if (kind.framing === 'chunked') {
    const head = wireHead(200, [...kind.lines, 'Transfer-Encoding: chunked'])
    const size = Buffer.from(`${bytes.length.toString(16)}\r\n`)
    return { head, body: Buffer.concat([size, bytes, Buffer.from('\r\n0\r\n\r\n')]) }
  }
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.header('range') ?? '') ?? []
  if (first === undefined || last === undefined || !kind.lines.includes(RANGES)) {
    const lines = [...kind.lines, `Content-Length: ${bytes.length}`]
    return { head: wireHead(200, lines), body: request.method === 'HEAD' ? Buffer.alloc(0) : bytes }
  }
  const start = first === '' ? Math.max(0, SIZE_BYTES - Number(last)) : Number(first)
  const end = first === '' || last === '' ? SIZE_BYTES : Math.min(SIZE_BYTES, Number(last) + 1)
  const part = bytes.subarray(start, end)
  const range = `Content-Range: bytes ${start}-${end - 1}/${SIZE_BYTES}`
  return {
    head: wireHead(206, [...kind.lines, range, `Content-Length: ${part.length}`]),
    body: part,
  }
}

/** What is held back of one answer until it is let go. */
interface Held {
  kind: Kind
  instant: number | string
  version: number
  holdsNext: boolean
  readonly arrived: PromiseWithResolvers<void>
  readonly letGo: PromiseWithResolvers<void>
}

const held = new Map<string, Held>()

function answerHolding(): void {
  attacked.origin.answer((request, socket) => {
    const state = held.get(request.target)
    if (state === undefined) return wire(404, [])
    const { head, body } = messageOf(request, state.kind, state.version)
    // A purge of all that was meant for another may have taken away what there was to ask about.
    const is304 =
      state.holdsNext && state.kind.status === 304 && request.header('if-none-match') !== undefined
    const answer = is304 ? wireHead(304, state.kind.lines) : Buffer.concat([head, body])
    if (!state.holdsNext) return answer
    state.holdsNext = false
    const headBytes = is304 ? answer.length : head.length
    const sentBytes = instantOf(state.instant, headBytes, answer.length)
    socket.write(answer.subarray(0, sentBytes), () => state.arrived.resolve())
    void state.letGo.promise.then(() => socket.write(answer.subarray(sentBytes)))
    return undefined
  })
}

interface Moment {
  readonly instant: number | string
  readonly what: 'url' | 'all'
  /** Else nothing new is there when the rest of the old comes. */
  readonly isReadMeanwhile: boolean
}

const MOMENTS: readonly Moment[] = INSTANTS.flatMap((instant, i) => [
  { instant, what: 'url', isReadMeanwhile: i % 2 === 0 },
  { instant, what: 'all', isReadMeanwhile: i % 2 === 1 },
])

/** Which answers are of a version that was purged before they were asked for. */
async function findResurrected(target: string, moment: Moment, state: Held) {
  const wrong: string[] = []
  async function read(when: string, options: HttpGetOptions, oldest: number): Promise<void> {
    const got = await attacked.get(target, options).catch(() => undefined)
    if (got === undefined || got.bodyBytes === 0) return
    if (got.status >= 400) {
      wrong.push(`${when}: ${got.status} ${got.header('cache-status')}`)
      return
    }
    const [, start = '0'] = /bytes (\d+)-/.exec(got.header('content-range') ?? '') ?? []
    const version = versionOf(got.body, target, [1, 2], Number(start))
    if (typeof version === 'string' || version < oldest) wrong.push(`${when}: ${version}`)
  }
  if (state.kind.before !== undefined) await read('before', state.kind.before, 1)
  state.holdsNext = true
  const began = read('under way', state.kind.asked, 1)
  await state.arrived.promise
  await sleep(2)
  state.version = 2
  const url = `${attacked.sluice.url}${target}`
  const purge = moment.what === 'url' ? { url, how: 'hard' } : { all: true, how: 'hard' }
  const { status } = await sendPurge(attacked.sluice.adminUrl, purge)
  if (status !== 200) wrong.push(`purge: ${status}`)
  if (moment.isReadMeanwhile) {
    await read('while the old one is still coming', state.kind.asked, 2)
    await read('and by anybody', {}, 2)
  }
  state.letGo.resolve()
  await began
  for (const options of [
    state.kind.before ?? {},
    state.kind.asked,
    {},
    { range: 'bytes=-32' },
    { range: 'bytes=65520-65600' },
    {},
  ]) {
    await read(`after it, ${JSON.stringify(options)}`, options, 2)
  }
  return wrong
}

async function findAllResurrected(
  kind: Kind,
  moments: readonly Moment[],
): Promise<readonly string[]> {
  answerHolding()
  const wrong: string[] = []
  await concurrently(moments, 4, async (moment, i) => {
    const target = `/${kind.name.replaceAll(/\W+/g, '-')}/${i}`
    const state: Held = {
      kind,
      instant: moment.instant,
      version: 1,
      holdsNext: false,
      arrived: Promise.withResolvers<void>(),
      letGo: Promise.withResolvers<void>(),
    }
    held.set(target, state)
    const problems = await findResurrected(target, moment, state)
    wrong.push(...problems.map((problem) => `${JSON.stringify(moment)}: ${problem}`))
  })
  return wrong
}

/** Memory of the second holds next to nothing, so that most is read from disk; it is asked of fewer instants. */
const TIERS = [
  ['memory', () => ['--disk', 'off'], MOMENTS],
  [
    'disk',
    (directory: string) => ['--disk', directory, '--memory', '1MiB'],
    MOMENTS.filter((_, i) => i % 3 === 0),
  ],
] as const

describe.each(TIERS)(
  'an answer that a hard purge meets, with a store in %s (T-44)',
  (_, flagsOf, moments) => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-threats-'))

    beforeAll(async () => {
      const limits = { adminChangesPerSecond: 10_000 }
      const settings = { limits, segment: '64KiB', forward: 'all' }
      attacked = await startAttacked((origin) => ({ ...settings, origin }), flagsOf(directory))
    })

    afterAll(async () => {
      await attacked.finish()
      rmSync(directory, { recursive: true, force: true })
    })

    it.each(KINDS)('never comes back, at whatever instant: $name', async (kind) => {
      expect(await findAllResurrected(kind, moments)).toEqual([])
    })
  },
)
