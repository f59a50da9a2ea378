// The judge of the range-and-fault suite is judged: each answer that is wrong in one thing is found.

import { describe, expect, it } from 'vitest'

import type { FlippingObject, ObjectVersion } from '../../support/flipping-object.ts'
import type { HttpResult } from '../../support/http-get.ts'
import { oracleBytes } from '../../support/oracle.ts'
import { checkExchange } from '../../support/range-check.ts'
import type { RangeExchange } from '../../support/range-check.ts'

const PATH = '/o'
const SIZE_BYTES = 1000
const FLIPPED_AT_MS = 5000

const version = (number: number, endedAtMs: number): ObjectVersion => ({
  number,
  sizeBytes: SIZE_BYTES,
  etag: `"v${number}"`,
  lastModified: undefined,
  endedAtMs,
})
const VERSIONS = [version(1, FLIPPED_AT_MS), version(2, Number.POSITIVE_INFINITY)]
const OBJECT: FlippingObject = {
  path: PATH,
  kind: {
    validator: 'strong tag',
    isChunked: false,
    takesRanges: true,
    heedsMatch: true,
    control: 'max-age=1',
    lifetimeMs: 1000,
  },
  versions: VERSIONS,
  current: version(2, Number.POSITIVE_INFINITY),
  lengthsOf: ({ sizeBytes }) => [sizeBytes],
  hasLied: false,
  lie: () => undefined,
  flip: () => undefined,
}

function bytes(number: number, startByte: number, endByte: number): Buffer {
  return oracleBytes({ object: PATH, version: number, startByte, endByte })
}

interface Given {
  readonly status?: number
  readonly fields?: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly complete?: boolean
}

/** A hit with version 2, that everything else is said of. */
function answer({ status = 206, fields = {}, body, complete = true }: Given): HttpResult {
  const all: Readonly<Record<string, string>> = {
    etag: '"v2"',
    'content-length': String(body.length),
    'content-type': 'application/octet-stream',
    'cache-status': 'sluice; hit; ttl=1',
    ...fields,
  }
  return {
    status,
    headers: Object.entries(all),
    header: (name) => all[name],
    body,
    bodyBytes: body.length,
    complete,
    error: undefined,
    trailers: [],
    elapsedMs: 1,
  }
}

function check(got: HttpResult, facts: Partial<RangeExchange> = {}): string | undefined {
  return checkExchange({
    object: OBJECT,
    method: 'GET',
    range: 'bytes=100-199',
    ifRange: undefined,
    startedAtMs: 10_000,
    got,
    mayFail: false,
    faults: [],
    ...facts,
  })
}

const RANGE = { 'content-range': `bytes 100-199/${SIZE_BYTES}` }
const PART = bytes(2, 100, 200)
const WHOLE = bytes(2, 0, SIZE_BYTES)

function multipart(...edges: readonly (readonly [number, number])[]): Given {
  const parts = edges.map(([first, last]) => {
    const head = `Content-Type: application/octet-stream\r\nContent-Range: bytes ${first}-${last}/${SIZE_BYTES}`
    return `--b\r\n${head}\r\n\r\n${bytes(2, first, last + 1).toString('latin1')}\r\n`
  })
  const body = Buffer.from(`${parts.join('')}--b--\r\n`, 'latin1')
  return { body, fields: { 'content-type': 'multipart/byteranges; boundary=b' } }
}

describe('checkExchange', () => {
  it('finds nothing wrong with right answers', () => {
    const problems = [
      check(answer({ fields: RANGE, body: PART })),
      check(answer({ status: 200, body: WHOLE }), { range: undefined }),
      check(answer({ status: 200, body: WHOLE }), { ifRange: '"v1"' }),
      check(answer(multipart([0, 9], [500, 509])), { range: 'bytes=0-9,500-509' }),
      check(
        answer({
          status: 416,
          fields: { 'content-range': 'bytes */1000' },
          body: Buffer.alloc(0),
        }),
        { range: 'bytes=1000-' },
      ),
      check(answer({ fields: { ...RANGE, etag: '"v1"' }, body: bytes(1, 100, 200) }), {
        startedAtMs: FLIPPED_AT_MS + 999,
      }),
      check(
        answer({
          fields: { ...RANGE, 'content-length': '100' },
          body: PART.subarray(0, 50),
          complete: false,
        }),
        { mayFail: true },
      ),
    ]
    expect(problems.filter((problem) => problem !== undefined)).toEqual([])
  })

  const mixed = Buffer.concat([bytes(2, 100, 160), bytes(1, 160, 200)])
  const WRONG: readonly (readonly [string, HttpResult, Partial<RangeExchange>?])[] = [
    ['bytes of two versions', answer({ fields: RANGE, body: mixed })],
    ['bytes from one further on', answer({ fields: RANGE, body: bytes(2, 101, 201) })],
    ['bytes of the version before', answer({ fields: RANGE, body: bytes(1, 100, 200) })],
    [
      'a version that is no longer fresh',
      answer({ fields: { ...RANGE, etag: '"v1"' }, body: bytes(1, 100, 200) }),
      { startedAtMs: FLIPPED_AT_MS + 1000 },
    ],
    ['a byte too few', answer({ fields: RANGE, body: PART.subarray(0, 99) })],
    ['a byte too many', answer({ fields: RANGE, body: bytes(2, 100, 201) })],
    [
      'a clean end with a byte missing',
      answer({ fields: { ...RANGE, 'content-length': '100' }, body: PART.subarray(0, 99) }),
      { mayFail: true },
    ],
    [
      'an end that nobody explains',
      answer({ fields: RANGE, body: PART.subarray(0, 50), complete: false }),
    ],
    ['another range', answer({ fields: { 'content-range': 'bytes 100-198/1000' }, body: PART })],
    ['another length', answer({ fields: { 'content-range': 'bytes 100-199/1001' }, body: PART })],
    ['everything', answer({ status: 200, body: WHOLE })],
    ['a part that If-Range forbids', answer({ fields: RANGE, body: PART }), { ifRange: '"v1"' }],
    ['a refusal', answer({ status: 416, fields: RANGE, body: Buffer.alloc(0) })],
    ['a part of everything', answer({ fields: RANGE, body: PART }), { range: undefined }],
    ['parts for a part', answer(multipart([100, 199]))],
    ['too few parts', answer(multipart([0, 9])), { range: 'bytes=0-9,500-509' }],
    [
      'a part in the wrong place',
      answer(multipart([0, 9], [501, 510])),
      { range: 'bytes=0-9,500-509' },
    ],
    ['an error that nobody explains', answer({ status: 502, body: Buffer.alloc(0) })],
    ['an error of its own', answer({ status: 500, body: Buffer.alloc(0) }), { mayFail: true }],
  ]

  it.each(WRONG.map(([what, got, facts]) => ({ what, got, facts })))('finds $what', (wrong) => {
    expect(check(wrong.got, wrong.facts)).toBeDefined()
  })
})
