// What a 304 updates of the stored response (RFC 9111 §3.2, §4.3.4).

import type { Case } from '../case.ts'
import { date } from '../case.ts'
import { FRESH_TAGGED, STALE_TAGGED, fetched, hit, validated } from '../steps.ts'

/** What a 304 brings, and what an answer from the store says of it then. */
export const UPDATES: readonly Case[] = [
  {
    id: 'update-replaces',
    clause: 'RFC 9111 §3.2',
    promise: 'fields of a 304 replace the stored ones of their names',
    steps: [
      fetched([...STALE_TAGGED, ['X-A', '1'], ['X-B', '1']]),
      validated([['X-A', '2']], {
        expect: { asked: true, body: 1, fields: { 'x-a': '2', 'x-b': '1' } },
      }),
      hit({ expect: { asked: false, body: 1, fields: { 'x-a': '2', 'x-b': '1' } } }),
    ],
  },
  {
    id: 'update-adds',
    clause: 'RFC 9111 §3.2',
    promise: 'fields of a 304 that were not stored are added',
    steps: [
      fetched(STALE_TAGGED),
      validated([['X-New', '1']], { expect: { asked: true, body: 1, fields: { 'x-new': '1' } } }),
      hit({ expect: { asked: false, body: 1, fields: { 'x-new': '1' } } }),
    ],
  },
  {
    id: 'update-all-lines',
    clause: 'RFC 9111 §3.2',
    promise: 'all lines of a name are replaced together',
    steps: [
      fetched([...STALE_TAGGED, ['X-A', '1'], ['X-A', '2']]),
      validated(
        [
          ['X-A', '3'],
          ['X-A', '4'],
          ['X-A', '5'],
        ],
        {
          expect: { asked: true, body: 1, fields: { 'x-a': ['3', '4', '5'] } },
        },
      ),
      hit({ expect: { asked: false, fields: { 'x-a': ['3', '4', '5'] } } }),
    ],
  },
  ...(
    [
      ['cache-control', 'max-age=3600, foo'],
      ['expires', 'Fri, 01 Jan 2100 00:00:00 GMT'],
      ['vary', 'X-Unused'],
      ['content-type', 'text/html'],
      ['content-language', 'de'],
      ['content-location', '/elsewhere'],
      ['content-security-policy', "default-src 'none'"],
      ['content-disposition', 'inline'],
      ['set-cookie2', 'a'],
      ['x-frame-options', 'DENY'],
      ['access-control-allow-origin', '*'],
      ['link', '</a>; rel=preload'],
      ['warning', '299 - "x"'],
      ['last-modified', 'Wed, 01 Jan 2020 00:00:00 GMT'],
    ] as const
  ).map(
    ([name, value]): Case => ({
      id: `update-${name}`,
      clause: 'RFC 9111 §3.2',
      promise: `${name} is updated by a 304`,
      steps: [
        fetched(STALE_TAGGED),
        validated(
          [
            ['ETag', '"v1"'],
            [name, value],
          ],
          {
            expect: { asked: true, body: 1, fields: { [name]: value } },
          },
        ),
        hit({ expect: { asked: false, body: 1, fields: { [name]: value } } }),
      ],
    }),
  ),
  {
    id: 'update-date',
    clause: 'RFC 9111 §3.2',
    promise: 'Date is updated by a 304',
    steps: [
      fetched([...STALE_TAGGED, ['Date', date(-5000)]]),
      validated([['Date', date(-20)]], {
        expect: { asked: true, body: 1, fields: { date: date(-20) } },
      }),
      hit({ expect: { asked: false, fields: { date: date(-20) } } }),
    ],
  },
  {
    id: 'update-not-content-length',
    clause: 'RFC 9111 §3.2',
    promise: 'the Content-Length of a 304 is not taken for that of the stored response',
    steps: [
      fetched({ fields: STALE_TAGGED, body: '12345' }),
      validated([['Content-Length', '99']], {
        expect: { asked: true, body: { text: '12345' }, fields: { 'content-length': '5' } },
      }),
      hit({
        expect: { asked: false, body: { text: '12345' }, fields: { 'content-length': '5' } },
      }),
    ],
  },
  {
    id: 'update-not-content-range',
    clause: 'RFC 9111 §3.2',
    promise: 'the Content-Range of a 304 says nothing of the stored response',
    steps: [
      fetched(STALE_TAGGED),
      validated([['Content-Range', 'bytes 0-1/2']], {
        expect: { asked: true, body: 1, fields: { 'content-range': false } },
      }),
    ],
  },
  {
    id: 'update-not-connection',
    clause: 'RFC 9111 §3.1',
    promise: 'what Connection names in a 304 is not taken over',
    steps: [
      fetched([...STALE_TAGGED, ['X-Hop', 'kept']]),
      validated(
        [
          ['Connection', 'x-hop'],
          ['X-Hop', 'lost'],
          ['Keep-Alive', 'timeout=77'],
        ],
        {
          expect: { asked: true, body: 1, fields: { 'x-hop': 'kept' } },
        },
      ),
      hit({ expect: { asked: false, fields: { 'x-hop': 'kept', 'keep-alive': { not: /77/ } } } }),
    ],
  },
  {
    id: 'update-not-set-cookie-careful',
    clause: 'RFC 9111 §7.3',
    promise: 'careful: a Set-Cookie of a 304 is for who asked, and is not stored',
    policy: 'careful',
    steps: [
      fetched(STALE_TAGGED),
      validated([
        ['Set-Cookie', 'a=b'],
        ['Cache-Control', 'max-age=3600'],
      ]),
      validated([], { expect: { asked: true, body: 1, fields: { 'set-cookie': false } } }),
    ],
  },
  {
    id: 'update-set-cookie-rfc',
    clause: 'RFC 9111 §7.3',
    promise: 'rfc: a Set-Cookie of a 304 is updated as any field',
    policy: 'rfc',
    steps: [
      fetched(STALE_TAGGED),
      validated([['Set-Cookie', 'a=b']], {
        expect: { asked: true, body: 1, fields: { 'set-cookie': 'a=b' } },
      }),
      hit({ expect: { asked: false, body: 1, fields: { 'set-cookie': 'a=b' } } }),
    ],
  },
  {
    id: 'update-private',
    clause: 'RFC 9111 §5.2.2.7',
    promise: 'a 304 with private is for who asked: the next one asks again',
    steps: [
      fetched(STALE_TAGGED),
      validated(
        [
          ['Cache-Control', 'private, max-age=3600'],
          ['X-New', '1'],
        ],
        {
          expect: { asked: true, body: 1, fields: { 'x-new': '1' } },
        },
      ),
      { origin: { fields: FRESH_TAGGED }, expect: { asked: true, fields: { 'x-new': false } } },
    ],
  },
  {
    id: 'update-after-error',
    clause: 'RFC 9111 §4.3.3',
    promise: 'after an error that was passed on, the stored response can be validated as before',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=60, must-revalidate'],
        ['Age', '100'],
        ['ETag', '"v1"'],
      ]),
      { origin: { status: 503 }, expect: { status: 503, asked: true, body: 'new' } },
      validated(),
      hit(),
    ],
  },
  {
    id: 'update-no-store',
    clause: 'RFC 9111 §5.2.2.5',
    promise: 'a 304 with no-store is for who asked: the next one asks again',
    steps: [
      fetched(STALE_TAGGED),
      validated([['Cache-Control', 'no-store, max-age=3600']]),
      { origin: { fields: FRESH_TAGGED }, expect: { asked: true } },
    ],
  },
]
