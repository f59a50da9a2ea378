// Ranges of what is stored (RFC 9110 §14, §15.3.7, §15.5.17).

import type { Case, OriginAnswer } from '../case.ts'
import { date } from '../case.ts'
import { FRESH, FRESH_TAGGED, STALE_TAGGED, fetched, hit } from '../steps.ts'

const BODY: OriginAnswer = { fields: FRESH_TAGGED, body: '0123456789' }

function part(text: string, contentRange: string) {
  return {
    status: 206,
    asked: false,
    body: { text },
    cache: /^hit/,
    fields: { 'content-range': contentRange, 'content-length': String(text.length) },
  }
}

export const RANGES: readonly Case[] = [
  ...(
    [
      ['span', 'bytes=2-4', '234', 'bytes 2-4/10', 'a span'],
      ['open', 'bytes=7-', '789', 'bytes 7-9/10', 'a range without an end'],
      ['suffix', 'bytes=-3', '789', 'bytes 7-9/10', 'a suffix'],
      ['beyond', 'bytes=8-100', '89', 'bytes 8-9/10', 'a range that ends beyond the end'],
      ['long-suffix', 'bytes=-100', '0123456789', 'bytes 0-9/10', 'a suffix longer than all'],
      ['first', 'bytes=0-0', '0', 'bytes 0-0/10', 'the first byte'],
      ['unit-case', 'BYTES=2-4', '234', 'bytes 2-4/10', 'a unit in any case'],
    ] as const
  ).map(
    ([name, range, text, contentRange, what]): Case => ({
      id: `range-${name}`,
      clause: 'RFC 9110 §14.1.2',
      promise: `${what} is cut from what is stored`,
      steps: [fetched(BODY), hit({ fields: [['Range', range]], expect: part(text, contentRange) })],
    }),
  ),
  ...(
    [
      ['unit', 'lines=2-4', 'a unit that nobody knows'],
      ['backwards', 'bytes=4-2', 'a range that ends before it begins'],
      ['bad', 'bytes=a-b', 'a range that is none'],
      ['no-unit', '2-4', 'a range without a unit'],
    ] as const
  ).map(
    ([name, range, what]): Case => ({
      id: `range-ignored-${name}`,
      clause: 'RFC 9110 §14.2',
      promise: `${what} is ignored: the whole is the answer`,
      steps: [fetched(BODY), hit({ fields: [['Range', range]] })],
    }),
  ),
  ...(
    [
      ['beyond', 'bytes=10-12', 'a range behind the end'],
      ['empty-suffix', 'bytes=-0', 'a suffix of nothing'],
    ] as const
  ).map(
    ([name, range, what]): Case => ({
      id: `range-unsatisfiable-${name}`,
      clause: 'RFC 9110 §15.5.17',
      promise: `${what} gets 416 with the complete length`,
      steps: [
        fetched(BODY),
        hit({
          fields: [['Range', range]],
          expect: {
            status: 416,
            asked: false,
            body: 'none',
            fields: { 'content-range': 'bytes */10' },
          },
        }),
      ],
    }),
  ),
  {
    id: 'range-of-chunked',
    clause: 'RFC 9110 §14.2',
    promise: 'a range is cut from what came in chunks, once all of it is there',
    steps: [
      fetched({ ...BODY, framing: 'chunked' }),
      hit({ fields: [['Range', 'bytes=2-4']], expect: part('234', 'bytes 2-4/10') }),
    ],
  },
  {
    id: 'range-of-nothing',
    clause: 'RFC 9110 §15.5.17',
    promise: 'no range of what is empty can be satisfied',
    steps: [
      fetched({ fields: FRESH_TAGGED, body: '' }),
      hit({
        fields: [['Range', 'bytes=0-0']],
        expect: {
          status: 416,
          asked: false,
          body: 'none',
          fields: { 'content-range': 'bytes */0' },
        },
      }),
    ],
  },
  {
    id: 'range-of-no-content',
    clause: 'RFC 9110 §14.2',
    promise: 'Range means nothing to a stored 204',
    steps: [
      fetched({ status: 204, fields: FRESH_TAGGED }),
      hit({
        fields: [['Range', 'bytes=0-0']],
        expect: { status: 204, asked: false, body: 'none', fields: { 'content-range': false } },
      }),
    ],
  },
  {
    id: 'range-of-new-version',
    clause: 'RFC 9110 §13.1.5',
    promise: 'If-Range is judged by the version that the origin has now',
    steps: [
      fetched({ fields: STALE_TAGGED, body: '0123456789' }),
      {
        fields: [
          ['Range', 'bytes=2-4'],
          ['If-Range', '"v1"'],
        ],
        origin: { fields: [...FRESH, ['ETag', '"v2"']], body: 'abcdefghij' },
        expect: {
          status: 200,
          asked: true,
          body: { text: 'abcdefghij' },
          sent: { 'if-none-match': '"v1"', 'if-range': false },
        },
      },
      hit({
        fields: [
          ['Range', 'bytes=2-4'],
          ['If-Range', '"v2"'],
        ],
        expect: { ...part('cde', 'bytes 2-4/10') },
      }),
    ],
  },
  {
    id: 'range-told',
    clause: 'RFC 9110 §14.3',
    promise: 'what is stored takes ranges, and says so',
    steps: [
      fetched({ fields: [...FRESH_TAGGED, ['Accept-Ranges', 'none']], body: '0123456789' }),
      hit({ expect: { asked: false, body: 1, fields: { 'accept-ranges': ['bytes'] } } }),
    ],
  },
  {
    id: 'range-head',
    clause: 'RFC 9110 §14.2',
    promise: 'Range means nothing to HEAD',
    steps: [
      fetched(BODY),
      hit({
        method: 'HEAD',
        fields: [['Range', 'bytes=2-4']],
        expect: {
          asked: false,
          body: 'none',
          fields: { 'content-range': false, 'content-length': '10' },
        },
      }),
    ],
  },
  {
    id: 'range-of-error',
    clause: 'RFC 9110 §14.2',
    promise: 'Range is for what would be a 200: a stored 404 stays whole',
    steps: [
      fetched({ ...BODY, status: 404 }),
      hit({ fields: [['Range', 'bytes=2-4']], expect: { status: 404, asked: false, body: 1 } }),
    ],
  },
  {
    id: 'range-fields',
    clause: 'RFC 9110 §15.3.7',
    promise: 'a 206 has the fields that a 200 would have had',
    steps: [
      fetched({
        body: '0123456789',
        fields: [
          ...FRESH_TAGGED,
          ['Content-Location', '/x'],
          ['Expires', date(3600)],
          ['Vary', 'Foo'],
          ['Content-Type', 'text/x'],
        ],
      }),
      hit({
        fields: [['Range', 'bytes=2-4']],
        expect: {
          ...part('234', 'bytes 2-4/10'),
          fields: {
            etag: '"v1"',
            'cache-control': 'max-age=3600',
            'content-location': '/x',
            expires: date(3600),
            vary: 'Foo',
            'content-type': 'text/x',
            date: true,
            age: true,
          },
        },
      }),
    ],
  },
]
