// Parts that are not the part that was asked for (T-35).

import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'

import { SHARED, startAttacked } from '../support/attacked.ts'
import type { Answered, Attacked } from '../support/attacked.ts'
import { checkOracle } from '../support/oracle.ts'
import { wire, wireHead } from '../support/raw-origin.ts'
import type { WireHandler } from '../support/raw-origin.ts'
import { answerVersion, versionBytes, versionOf } from '../support/versioned-origin.ts'
import type { Versioned } from '../support/versioned-origin.ts'

const SEGMENT_BYTES = 65_536
const SIZE_BYTES = 3 * SEGMENT_BYTES - 100
const LAST = SEGMENT_BYTES - 1
const RIGHT: Versioned = {
  sizeBytes: SIZE_BYTES,
  kind: 'strong tag',
  lines: [SHARED],
  isConditional: true,
}

let attacked: Attacked
let path = ''
let pathCount = 0

beforeAll(async () => {
  const limits = { firstByteTimeout: '1s', idleTimeout: '1s', resumeDelay: '1ms', resumes: 1 }
  attacked = await startAttacked((origin) => ({ origin, limits, segment: '64KiB' }))
})

afterAll(() => attacked.finish())

beforeEach(() => {
  attacked.origin.reset()
  path = `/parts-${++pathCount}`
})

const right: WireHandler = (request) => answerVersion(request, path, 1, RIGHT)

function part(contentRange: string | undefined, body: Uint8Array, more: readonly string[] = []) {
  const range = contentRange === undefined ? [] : [`Content-Range: ${contentRange}`]
  return wire(206, [SHARED, 'ETag: "v1"', ...range, ...more], body)
}

/** The last that the origin has said. */
let said: Uint8Array | string | undefined

function answerWith(answer: WireHandler): void {
  attacked.origin.answer((request, socket) => {
    said = answer(request, socket)
    return said
  })
}

/** It is the origin's word as it came, and says so: for who asked alone, and nothing of it is kept. */
function isPassedOn(got: Answered): boolean {
  const message = Buffer.from(said ?? '').toString('latin1')
  const head = message.slice(0, message.indexOf('\r\n\r\n'))
  const ranges = [...head.matchAll(/^Content-Range: (.*)$/gm)].map(([, value]) => value)
  const isSame = got.text === message.slice(head.length + 4)
  return (
    isSame &&
    (got.header('content-range') ?? '') === ranges.join(', ') &&
    !/stored|hit|partial/.test(got.header('cache-status') ?? '')
  )
}

/** Once the origin is right again, all that is served is. */
async function findWrongBytes(): Promise<readonly unknown[]> {
  attacked.origin.answer(right)
  const wrong: unknown[] = []
  for (const range of [undefined, 'bytes=70000-140000', 'bytes=0-31', 'bytes=-100', undefined]) {
    const result = await attacked.get(path, range === undefined ? {} : { range })
    const [, start = '0'] = /bytes (\d+)-/.exec(result.header('content-range') ?? '') ?? []
    const version = versionOf(result.body, path, [1], Number(start))
    const isRight = version === 1 && result.complete && result.status === (range ? 206 : 200)
    if (!isRight) wrong.push([range, result.status, version])
  }
  return wrong
}

describe('206 to a request without Range (T-35, RFC 9110 §15.3.7)', () => {
  it.each([
    ['of all bytes', `bytes 0-${SIZE_BYTES - 1}/${SIZE_BYTES}`, 0, SIZE_BYTES],
    ['of the first', `bytes 0-${LAST}/${SIZE_BYTES}`, 0, SEGMENT_BYTES],
    [
      'of the last',
      `bytes ${SEGMENT_BYTES}-${SIZE_BYTES - 1}/${SIZE_BYTES}`,
      SEGMENT_BYTES,
      SIZE_BYTES,
    ],
    ['of all, of unknown length', `bytes 0-${SIZE_BYTES - 1}/*`, 0, SIZE_BYTES],
    ['of all, as it says', `bytes 0-${LAST}/${SEGMENT_BYTES}`, 0, SEGMENT_BYTES],
    ['that does not say of what', undefined, 0, SEGMENT_BYTES],
    ['of another unit', `items 0-${LAST}/${SIZE_BYTES}`, 0, SEGMENT_BYTES],
  ])('is 502 and nothing of it is kept: %s', async (_, contentRange, startByte, endByte) => {
    const bytes = versionBytes(path, 1, SIZE_BYTES).subarray(startByte, endByte)
    attacked.origin.answer(() => part(contentRange, bytes))
    for (let i = 0; i < 2; i += 1) expect((await attacked.get(path)).status).toBe(502)
    expect(await findWrongBytes()).toEqual([])
  })
})

type Lie = readonly [name: string, contentRange: string | undefined, endByte: number]

/** What a 206 may say that was asked for the segment from `start` on, and where its bytes end. */
function liesOf(start: number): readonly Lie[] {
  const [last, size] = [start + LAST, SIZE_BYTES]
  const end = last + 1
  const asked = `bytes ${start}-${last}/${size}`
  return [
    ['shifted by one', `bytes ${start + 1}-${end}/${size}`, end],
    ['shifted by a segment', `bytes ${end}-${last + SEGMENT_BYTES}/${size}`, end],
    ['shorter', `bytes ${start}-${last - 1}/${size}`, last],
    ['longer', `bytes ${start}-${end}/${size}`, end + 1],
    ['of everything', `bytes 0-${size - 1}/${size}`, size],
    ['of unknown length', `bytes ${start}-${last}/*`, end],
    ['beyond its own length', `bytes ${start}-${last}/${last}`, end],
    ['backwards', `bytes ${last}-${start}/${size}`, end],
    ['below zero', `bytes -${start}-${last}/${size}`, end],
    ['of 2^64', `bytes ${start}-18446744073709551615/18446744073709551616`, end],
    ['unsatisfied', `bytes */${size}`, end],
    ['with an equals sign', asked.replace(' ', '='), end],
    ['without its unit', asked.replace('bytes ', ''), end],
    ['of items', asked.replace('bytes', 'items'), end],
    ['twice in a line', `${asked}, ${asked}`, end],
    ['in two lines', `${asked}\r\nContent-Range: bytes 0-0/1`, end],
    ['not at all', undefined, end],
    ['of nothing', '', end],
  ]
}

function otherBytes(startByte: number, endByte: number): Buffer {
  return versionBytes(path, 2, SIZE_BYTES).subarray(startByte, endByte)
}

const FIRST = `bytes 0-${LAST}/${SIZE_BYTES}`
const SECOND = `bytes ${SEGMENT_BYTES}-${SEGMENT_BYTES + LAST}/${SIZE_BYTES}`

describe('206 that is not what was asked for (T-35, RFC 9111 §3.4)', () => {
  it.each(liesOf(0))(
    'brings nobody wrong bytes when nothing is stored: %s',
    async (_, lie, endByte) => {
      const bytes = versionBytes(path, 1, SIZE_BYTES).subarray(0, endByte)
      answerWith(() => part(lie, bytes))
      const got = await attacked.get(path, { range: 'bytes=32-63' })
      expect(got.status === 502 || isPassedOn(got)).toBe(true)
      expect(await findWrongBytes()).toEqual([])
    },
  )

  it.each([
    ['shorter than it says', FIRST, SEGMENT_BYTES - 16],
    ['longer than it says', FIRST, SEGMENT_BYTES + 16],
  ])('brings nobody wrong bytes, were it in chunks: %s', async (_, contentRange, endByte) => {
    const bytes = versionBytes(path, 1, SIZE_BYTES).subarray(0, endByte)
    const lines = [SHARED, 'ETag: "v1"', `Content-Range: ${contentRange}`]
    const head = wireHead(206, [...lines, 'Transfer-Encoding: chunked'])
    const size = Buffer.from(`${endByte.toString(16)}\r\n`)
    const message = Buffer.concat([head, size, bytes, Buffer.from('\r\n0\r\n\r\n')])
    attacked.origin.answer(() => message)
    const { status, body, complete } = await attacked.get(path, { range: 'bytes=32-65535' })
    const prefix = { object: path, version: 1, startByte: 32 }
    expect(status === 502 || checkOracle(body, prefix) === undefined).toBe(true)
    expect(status === 206 && complete && body.length !== SEGMENT_BYTES - 32).toBe(false)
    expect(await findWrongBytes()).toEqual([])
  })

  it('brings nobody wrong bytes as multipart', async () => {
    const bytes = versionBytes(path, 1, SIZE_BYTES).subarray(0, SEGMENT_BYTES)
    const type = 'Content-Type: multipart/byteranges; boundary=b'
    const head = `--b\r\nContent-Range: ${FIRST}\r\n\r\n`
    const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from('\r\n--b--\r\n')])
    for (const contentRange of [undefined, FIRST]) {
      answerWith(() => part(contentRange, body, [type]))
      const got = await attacked.get(path, { range: 'bytes=32-63' })
      expect(got.status === 502 || isPassedOn(got)).toBe(true)
    }
    expect(await findWrongBytes()).toEqual([])
  })

  const unheeding = { ...RIGHT, isConditional: false }

  /** All have bytes of another version, whatever they say. */
  const CONTINUED: readonly (readonly [name: string, answer: WireHandler])[] = [
    ...liesOf(SEGMENT_BYTES).map(([name, lie, endByte]): [string, WireHandler] => [
      name,
      () => part(lie, otherBytes(name === 'of everything' ? 0 : SEGMENT_BYTES, endByte)),
    ]),
    ['with another tag', (request) => answerVersion(request, path, 2, unheeding)],
    [
      'with a weak tag',
      (request) => answerVersion(request, path, 2, { ...unheeding, kind: 'weak tag' }),
    ],
    ['without a tag', (request) => answerVersion(request, path, 2, { ...unheeding, kind: 'none' })],
    [
      'of another length',
      () =>
        part(
          SECOND.replace(/\d+$/, `${SIZE_BYTES + 1}`),
          otherBytes(SEGMENT_BYTES, 2 * SEGMENT_BYTES),
        ),
    ],
    [
      'of another coding',
      () => part(SECOND, otherBytes(SEGMENT_BYTES, 2 * SEGMENT_BYTES), ['Content-Encoding: gzip']),
    ],
    ['a 200 of another tag', () => wire(200, [SHARED, 'ETag: "v2"'], otherBytes(0, SIZE_BYTES))],
    ['a 200 without a tag', () => wire(200, [SHARED], otherBytes(0, SIZE_BYTES))],
    ['a 200 that is shorter', () => wire(200, [SHARED, 'ETag: "v1"'], otherBytes(0, 1000))],
    ['a 304', () => wireHead(304, ['ETag: "v1"'])],
    ['a 204', () => wireHead(204, ['ETag: "v1"'])],
    ['a 412', () => wire(412, ['ETag: "v2"'])],
    ['a 416', () => wire(416, [`Content-Range: bytes */${SIZE_BYTES}`])],
    ['a 302', () => wire(302, ['Location: /elsewhere'], 'over there')],
    ['a 500', () => wire(500, [], 'out of order')],
  ]

  it.each(CONTINUED)('never continues what is stored: %s', async (_, answer) => {
    attacked.origin.answer(right)
    await attacked.get(path, { range: 'bytes=0-31' })
    answerWith(answer)
    for (const range of ['bytes=65000-66000', undefined]) {
      const got = await attacked.get(path, range === undefined ? {} : { range })
      if (isPassedOn(got)) continue
      const [, start = '0'] = /bytes (\d+)-/.exec(got.header('content-range') ?? '') ?? []
      const version = versionOf(got.body, path, [1, 2], Number(start))
      const isOfOne = typeof version === 'number' || got.status > 206 || got.bodyBytes === 0
      const isWhole = !got.complete || got.status !== 206 || got.bodyBytes === 1001
      expect({ isOfOne, isWhole, version }).toEqual({ isOfOne: true, isWhole: true, version })
    }
  })
})

describe('a complete length that nobody has (T-35, G-ALIVE)', () => {
  const HUGE = Number.MAX_SAFE_INTEGER

  it('holds up nobody else', async () => {
    const own = await startAttacked((origin) => ({
      origin,
      segment: '64KiB',
      limits: { idleTimeout: '1s', resumeDelay: '1ms', resumes: 1 },
    }))
    // A process that is held up cannot be asked to end.
    onTestFinished(() => own.abandon())
    own.origin.answer((request) => {
      if (request.target === '/alive') return wire(200, ['Cache-Control: no-store'], 'alive')
      if (request.header('range') === undefined) {
        const head = wireHead(200, [SHARED, 'ETag: "e"', `Content-Length: ${HUGE}`])
        return Buffer.concat([head, Buffer.alloc(SEGMENT_BYTES)])
      }
      const [, first = '0', last = ''] =
        /bytes=(\d+)-(\d*)/.exec(request.header('range') ?? '') ?? []
      const endByte = last === '' ? HUGE : Math.min(HUGE, Number(last) + 1)
      const lines = [SHARED, 'ETag: "e"', `Content-Length: ${endByte - Number(first)}`]
      const head = wireHead(206, [...lines, `Content-Range: bytes ${first}-${endByte - 1}/${HUGE}`])
      return Buffer.concat([head, Buffer.alloc(Math.min(SEGMENT_BYTES, endByte - Number(first)))])
    })
    await own.get('/huge', { range: 'bytes=0-9' })
    for (const range of [
      'bytes=4503599627370496-4503599627370500',
      undefined,
      'bytes=5-',
      'bytes=0-9,20-29',
    ]) {
      const target = range === undefined ? '/huge-whole' : '/huge'
      const options = range === undefined ? {} : { range }
      await own.get(target, { ...options, timeoutMs: 1500 }).catch(() => undefined)
      const { text } = await own.get('/alive', { timeoutMs: 1000 })
      expect(text).toBe('alive')
    }
  })
})
