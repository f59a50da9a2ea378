// Requests with what must come of them, whichever runtime the core runs on (F-92).

import type { ScriptedObject } from '../support/test-origin.ts'
import type { Fault } from '../support/origin-faults.ts'

export interface CorpusStep {
  readonly target: string
  readonly method?: string
  readonly fields?: Readonly<Record<string, string>>
  /** Before the step: the origin's object is replaced, or fails from now on. */
  readonly put?: ScriptedObject
  readonly inject?: Fault
  readonly expect: CorpusExpectation
}

export interface CorpusExpectation {
  readonly status: number
  /** Values by lower-case name; `undefined`: absent. */
  readonly fields?: Readonly<Record<string, string | RegExp | undefined>>
  /** Bytes `[startByte, endByte)` of the object's version, or text; absent: not looked at. */
  readonly body?: readonly [startByte: number, endByte: number] | string
  /** Version of the object whose bytes they are; default 1. */
  readonly version?: number
  /** Our member of Cache-Status without the name, `ttl` left out. */
  readonly cache?: string
  /** Requests that the origin sees of it. */
  readonly originRequests?: number
}

export interface CorpusCase {
  readonly name: string
  /** Objects of the origin by path. */
  readonly objects: Readonly<Record<string, ScriptedObject>>
  readonly steps: readonly CorpusStep[]
}

/** Segment size both runtimes are started with; objects below are counted in it. */
export const CORPUS_SEGMENT_BYTES = 65_536

const FRESH = [['Cache-Control', 'max-age=600']] as const
const STALE = [['Cache-Control', 'max-age=0']] as const
/** Two and a half segments. */
const LENGTH = 163_840
const STORED: CorpusStep = {
  target: '/o',
  expect: { status: 200, body: [0, LENGTH], cache: 'fwd=uri-miss; stored', originRequests: 1 },
}
const LARGE = { '/o': { sizeBytes: LENGTH, fields: FRESH } }
const ETAG = '"seven"'

function hit(fields: CorpusStep['fields'], expected: CorpusExpectation): CorpusStep {
  return {
    target: '/o',
    fields: fields ?? {},
    expect: { cache: 'hit', originRequests: 0, ...expected },
  }
}

function range(value: string, startByte: number, endByte: number): CorpusStep {
  return hit(
    { range: value },
    {
      status: 206,
      body: [startByte, endByte],
      fields: {
        'content-range': `bytes ${startByte}-${endByte - 1}/${LENGTH}`,
        'content-length': String(endByte - startByte),
      },
    },
  )
}

const STORING: readonly CorpusCase[] = [
  {
    name: 'a stored response is not asked for again (RFC 9111 §4)',
    objects: LARGE,
    steps: [
      STORED,
      hit(
        {},
        {
          status: 200,
          body: [0, LENGTH],
          fields: { 'content-length': String(LENGTH), age: /^\d+$/, via: '1.1 sluice' },
        },
      ),
      { ...hit({}, { status: 200, fields: { 'content-length': String(LENGTH) } }), method: 'HEAD' },
    ],
  },
  {
    name: 'ranges come from what is stored (RFC 9110 §14.2)',
    objects: LARGE,
    steps: [
      STORED,
      range('bytes=0-0', 0, 1),
      range('bytes=65535-65536', 65_535, 65_537),
      range('bytes=131000-', 131_000, LENGTH),
      range('bytes=-5', LENGTH - 5, LENGTH),
      range('bytes=10-999999999', 10, LENGTH),
      hit(
        { range: `bytes=${LENGTH}-` },
        { status: 416, fields: { 'content-range': `bytes */${LENGTH}` } },
      ),
      hit({ range: 'bytes=5-1' }, { status: 200, body: [0, LENGTH] }),
      hit({ range: 'lines=1-2' }, { status: 200, body: [0, LENGTH] }),
    ],
  },
  {
    name: 'a range of what is not stored is answered with these bytes alone',
    objects: LARGE,
    steps: [
      {
        target: '/o',
        fields: { range: 'bytes=70000-70009' },
        expect: { status: 206, body: [70_000, 70_010], cache: 'fwd=uri-miss; stored' },
      },
      { target: '/o', expect: { status: 200, body: [0, LENGTH] } },
    ],
  },
  {
    name: 'an empty object is stored like any other',
    objects: { '/o': { sizeBytes: 0, fields: FRESH } },
    steps: [
      {
        target: '/o',
        expect: { status: 200, fields: { 'content-length': '0' }, originRequests: 1 },
      },
      hit({}, { status: 200, fields: { 'content-length': '0' } }),
    ],
  },
  {
    name: 'a body of unknown length is stored at its end',
    objects: { '/o': { sizeBytes: 5000, chunked: true, fields: FRESH } },
    steps: [
      { target: '/o', expect: { status: 200, body: [0, 5000], originRequests: 1 } },
      hit({}, { status: 200, body: [0, 5000], fields: { 'content-length': '5000' } }),
    ],
  },
  {
    name: 'a coded representation is passed on and stored as it is (RFC 9110 §8.4)',
    objects: { '/o': { sizeBytes: 3000, fields: [...FRESH, ['Content-Encoding', 'gzip']] } },
    steps: [
      {
        target: '/o',
        fields: { 'accept-encoding': 'gzip' },
        expect: { status: 200, body: [0, 3000], fields: { 'content-encoding': 'gzip' } },
      },
      hit(
        { 'accept-encoding': 'gzip', range: 'bytes=100-199' },
        { status: 206, body: [100, 200], fields: { 'content-encoding': 'gzip' } },
      ),
    ],
  },
]

const CONDITIONS: readonly CorpusCase[] = [
  {
    name: 'conditions are judged by what is stored (RFC 9110 §13)',
    objects: { '/o': { sizeBytes: LENGTH, etag: ETAG, fields: FRESH } },
    steps: [
      STORED,
      hit(
        { 'if-none-match': ETAG },
        { status: 304, fields: { etag: ETAG, 'content-length': undefined } },
      ),
      hit({ 'if-none-match': '"other"' }, { status: 200, body: [0, LENGTH] }),
      hit({ range: 'bytes=1-3', 'if-range': ETAG }, { status: 206, body: [1, 4] }),
      hit({ range: 'bytes=1-3', 'if-range': '"other"' }, { status: 200, body: [0, LENGTH] }),
      hit({ range: 'bytes=1-3', 'if-match': ETAG }, { status: 206, body: [1, 4] }),
      {
        target: '/o',
        fields: { range: 'bytes=1-3', 'if-match': '"other"' },
        expect: { status: 412, cache: 'fwd=request', originRequests: 1 },
      },
    ],
  },
  {
    name: 'what is stale is validated, and freshened by a 304 (RFC 9111 §4.3)',
    objects: { '/o': { sizeBytes: LENGTH, fields: STALE } },
    steps: [
      STORED,
      {
        target: '/o',
        expect: {
          status: 200,
          body: [0, LENGTH],
          cache: 'fwd=stale; fwd-status=304',
          originRequests: 1,
        },
      },
      {
        target: '/o',
        put: { sizeBytes: LENGTH, version: 2, fields: STALE },
        expect: { status: 200, body: [0, LENGTH], version: 2 },
      },
    ],
  },
  {
    name: 'what is stale stands in for an origin that fails (RFC 5861 §4)',
    objects: { '/o': { sizeBytes: 5000, fields: [['Cache-Control', 'public, max-age=0']] } },
    steps: [
      { target: '/o', expect: { status: 200, body: [0, 5000] } },
      {
        target: '/o',
        inject: { fault: 'status', status: 503, times: 100 },
        expect: { status: 200, body: [0, 5000], cache: 'fwd=stale; fwd-status=503; detail="503"' },
      },
    ],
  },
]

const UNSHARED: readonly CorpusCase[] = [
  ['private', [['Cache-Control', 'private, max-age=600']]],
  ['no-store', [['Cache-Control', 'no-store']]],
  ['Set-Cookie', [...FRESH, ['Set-Cookie', 'a=1']]],
  ['Vary: *', [...FRESH, ['Vary', '*']]],
].map(([name, fields]) => ({
  name: `a response with ${String(name)} is for the one who asked (RFC 9111 §3)`,
  objects: { '/o': { sizeBytes: 2000, fields: (fields as ScriptedObject['fields']) ?? [] } },
  steps: [1, 2, 3].map(() => ({
    target: '/o',
    expect: { status: 200, body: [0, 2000], cache: 'fwd=uri-miss', originRequests: 1 },
  })),
}))

const OTHERS: readonly CorpusCase[] = [
  {
    name: 'an answer to Authorization is not for others (RFC 9111 §3.5)',
    objects: { '/o': { sizeBytes: 2000, fields: FRESH } },
    steps: [1, 2].map(() => ({
      target: '/o',
      fields: { authorization: 'Bearer x' },
      expect: { status: 200, body: [0, 2000], cache: 'fwd=uri-miss', originRequests: 1 },
    })),
  },
  {
    name: 'variants are told apart by what Vary names (RFC 9111 §4.1)',
    objects: { '/o': { sizeBytes: 2000, fields: [...FRESH, ['Vary', 'Accept-Language']] } },
    steps: [
      {
        target: '/o',
        fields: { 'accept-language': 'de' },
        expect: { status: 200, originRequests: 1 },
      },
      {
        target: '/o',
        fields: { 'accept-language': 'en' },
        expect: { status: 200, cache: 'fwd=vary-miss; stored', originRequests: 1 },
      },
      hit({ 'accept-language': 'de' }, { status: 200, body: [0, 2000] }),
      hit({ 'accept-language': 'en' }, { status: 200, body: [0, 2000] }),
    ],
  },
  {
    name: 'a redirect is passed on, and not followed',
    objects: { '/o': { status: 302, body: 'moved', fields: [['Location', '/elsewhere']] } },
    steps: [
      {
        target: '/o',
        expect: {
          status: 302,
          body: 'moved',
          fields: { location: '/elsewhere' },
          originRequests: 1,
        },
      },
    ],
  },
  {
    name: 'what is refused never reaches the origin',
    objects: LARGE,
    steps: [
      {
        target: '/o',
        method: 'POST',
        expect: { status: 405, fields: { allow: 'GET, HEAD' }, originRequests: 0 },
      },
      {
        target: '/o',
        fields: { 'cache-control': 'only-if-cached' },
        expect: { status: 504, originRequests: 0 },
      },
      {
        target: '/o',
        fields: { 'cdn-loop': 'sluice' },
        expect: { status: 508, originRequests: 0 },
      },
      { target: '/o%00', expect: { status: 400, originRequests: 0 } },
    ],
  },
  {
    name: 'a query is part of the key, to the last character',
    objects: { '/o': { sizeBytes: 100, fields: FRESH } },
    steps: ['/o?a=1', '/o?a=2', '/o?', "/o?a=%31&b=~!$'()*,;:@"].map((target) => ({
      target,
      expect: { status: 200, cache: 'fwd=uri-miss; stored', originRequests: 1 },
    })),
  },
]

export const CORPUS: readonly CorpusCase[] = [...STORING, ...CONDITIONS, ...UNSHARED, ...OTHERS]
