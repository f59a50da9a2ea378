// What is passed on and what is not: fields of connections, Via, Date, Warning (RFC 9110 §6, §7.6).

import type { Case } from '../case.ts'
import { date } from '../case.ts'
import { FRESH, STALE_TAGGED, fetched, hit } from '../steps.ts'

const HOP_BY_HOP = [
  ['Proxy-Authenticate', 'Basic'],
  ['Proxy-Authentication-Info', 'a=b'],
  ['Proxy-Authorization', 'Basic QTpC'],
  ['Proxy-Connection', 'X77'],
  ['TE', 'trailers'],
  ['Upgrade', 'foo'],
] as const

const CONNECTION: readonly Case[] = [
  ...HOP_BY_HOP.map(
    ([name, value]): Case => ({
      id: `hop-${name.toLowerCase()}`,
      clause: 'RFC 9111 §3.1',
      promise: `${name} of a response is for one connection: it is neither passed on nor stored`,
      steps: [
        fetched([...FRESH, [name, value]], {
          expect: { asked: true, body: 'new', fields: { [name.toLowerCase()]: false } },
        }),
        hit({ expect: { asked: false, body: 1, fields: { [name.toLowerCase()]: false } } }),
      ],
    }),
  ),
  {
    id: 'hop-keep-alive',
    clause: 'RFC 9111 §3.1',
    promise: 'Keep-Alive of the origin is for its connection',
    steps: [
      fetched([...FRESH, ['Keep-Alive', 'timeout=77']], {
        expect: { asked: true, fields: { 'keep-alive': { not: /77/ } } },
      }),
      hit({ expect: { asked: false, fields: { 'keep-alive': { not: /77/ } } } }),
    ],
  },
  {
    id: 'hop-named',
    clause: 'RFC 9110 §7.6.1',
    promise: 'fields that Connection names are neither passed on nor stored',
    steps: [
      fetched([...FRESH, ['Connection', 'X-A, x-b'], ['X-A', '1'], ['X-B', '2'], ['X-C', '3']], {
        expect: { asked: true, fields: { 'x-a': false, 'x-b': false, 'x-c': '3' } },
      }),
      hit({ expect: { asked: false, fields: { 'x-a': false, 'x-b': false, 'x-c': '3' } } }),
    ],
  },
  {
    id: 'hop-named-unstored',
    clause: 'RFC 9110 §7.6.1',
    promise: 'fields that Connection names are not passed on of what is not stored either',
    steps: [
      fetched(
        [
          ['Connection', 'X-A'],
          ['X-A', '1'],
          ['Cache-Control', 'no-store'],
        ],
        {
          expect: { asked: true, fields: { 'x-a': false } },
        },
      ),
    ],
  },
  {
    id: 'hop-named-by-request',
    clause: 'RFC 9110 §7.6.1',
    promise: 'fields that Connection of a request names do not reach the origin',
    steps: [
      fetched(FRESH, {
        fields: [
          ['Connection', 'X-A'],
          ['X-A', '1'],
          ['X-B', '2'],
          ['TE', 'trailers'],
        ],
        expect: {
          asked: true,
          sent: { 'x-a': false, 'x-b': '2', connection: { not: /x-a/i }, te: false },
        },
      }),
    ],
  },
  {
    id: 'fields-kept',
    clause: 'RFC 9110 §5.1',
    promise: 'fields that nobody knows are passed on, line by line and in order, and stored',
    steps: [
      fetched([...FRESH, ['X-A', '1'], ['X-B', 'a, b'], ['X-A', '2'], ['X-Empty', '']], {
        expect: { asked: true, fields: { 'x-a': ['1', '2'], 'x-b': 'a, b', 'x-empty': [''] } },
      }),
      hit({
        expect: {
          asked: false,
          fields: { 'x-a': ['1', '2'], 'x-b': 'a, b', 'x-empty': [''] },
        },
      }),
    ],
  },
  {
    id: 'directives-passed-on',
    clause: 'RFC 9111 §5.2',
    promise: 'directives are passed on as they came, whatever they mean here',
    steps: [
      fetched(
        [
          ['Cache-Control', 'Max-Age="3600",  foo=BAR'],
          ['Cache-Control', 'no-transform'],
        ],
        {
          expect: {
            asked: true,
            fields: { 'cache-control': ['Max-Age="3600",  foo=BAR', 'no-transform'] },
          },
        },
      ),
      hit({
        expect: {
          asked: false,
          fields: { 'cache-control': ['Max-Age="3600",  foo=BAR', 'no-transform'] },
        },
      }),
    ],
  },
  {
    id: 'content-untouched',
    clause: 'RFC 9110 §7.7',
    promise: 'content is passed on and stored as it came, coded or not',
    steps: [
      fetched(
        {
          body: 'as if coded',
          fields: [
            ...FRESH,
            ['Content-Encoding', 'gzip'],
            ['Content-MD5', 'x'],
            ['Content-Type', 'text/html'],
          ],
        },
        {
          fields: [['Accept-Encoding', 'gzip']],
          expect: { asked: true, body: 'new', fields: { 'content-encoding': 'gzip' } },
        },
      ),
      hit({
        fields: [['Accept-Encoding', 'gzip']],
        expect: {
          asked: false,
          body: { text: 'as if coded' },
          fields: { 'content-encoding': 'gzip', 'content-md5': 'x', 'content-type': 'text/html' },
        },
      }),
    ],
  },
  {
    id: 'fields-sent',
    clause: 'RFC 9110 §5.1',
    promise: 'with forward all, request fields that nobody knows reach the origin',
    steps: [
      fetched(FRESH, {
        fields: [
          ['X-A', '1'],
          ['X-A', '2'],
          ['Cache-Control', 'frobnicate'],
        ],
        expect: { asked: true, sent: { 'x-a': '1, 2', 'cache-control': 'frobnicate' } },
      }),
    ],
  },
  {
    id: 'trailers-not-fields',
    clause: 'RFC 9110 §6.5',
    promise: 'trailers are not taken for fields of the response',
    only: { world: 'sockets', because: 'the port has no trailers: the adapter drops them' },
    steps: [
      fetched(
        {
          fields: FRESH,
          framing: 'chunked',
          trailers: [
            ['X-T', '1'],
            ['Cache-Control', 'no-store'],
          ],
        },
        { expect: { asked: true, body: 'new', fields: { 'x-t': false } } },
      ),
      hit({ expect: { asked: false, body: 1, fields: { 'x-t': false } } }),
    ],
  },
  {
    id: 'max-forwards-zero',
    clause: 'RFC 9110 §7.6.2',
    promise: 'OPTIONS with Max-Forwards: 0 goes no further',
    steps: [
      {
        method: 'OPTIONS',
        fields: [['Max-Forwards', '0']],
        expect: { asked: false },
      },
    ],
  },
  {
    id: 'max-forwards-counts',
    clause: 'RFC 9110 §7.6.2',
    promise: 'Max-Forwards of OPTIONS is one less when it is sent on',
    steps: [
      fetched(FRESH, {
        method: 'OPTIONS',
        fields: [['Max-Forwards', '5']],
        expect: { asked: true, sent: { 'max-forwards': '4' } },
      }),
    ],
  },
]

const CHAIN: readonly Case[] = [
  {
    id: 'via-of-response',
    clause: 'RFC 9110 §7.6.3',
    promise: 'this proxy is in the Via of a response, first and from the store',
    steps: [
      fetched(FRESH, { expect: { asked: true, fields: { via: /^1\.1 sluice$/ } } }),
      hit({ expect: { asked: false, fields: { via: /^1\.1 sluice$/ } } }),
    ],
  },
  {
    id: 'via-of-response-appended',
    clause: 'RFC 9110 §7.6.3',
    promise: 'it stands behind those before it',
    steps: [
      fetched([...FRESH, ['Via', '1.0 a'], ['Via', '1.1 b']], {
        expect: { asked: true, fields: { via: '1.0 a, 1.1 b, 1.1 sluice' } },
      }),
      hit({ expect: { asked: false, fields: { via: '1.0 a, 1.1 b, 1.1 sluice' } } }),
    ],
  },
  {
    id: 'via-of-request',
    clause: 'RFC 9110 §7.6.3',
    promise: 'this proxy is in the Via of a request, behind those before it',
    steps: [
      fetched(FRESH, {
        fields: [['Via', '1.0 client']],
        expect: { asked: true, sent: { via: '1.0 client, 1.1 sluice' } },
      }),
    ],
  },
  {
    id: 'loop-told',
    clause: 'RFC 8586 §2',
    promise: 'this cache is in the CDN-Loop of a request, behind those before it',
    steps: [
      fetched(FRESH, {
        fields: [['CDN-Loop', 'other; v=1']],
        expect: { asked: true, sent: { 'cdn-loop': 'other; v=1, sluice' } },
      }),
    ],
  },
  {
    id: 'loop-refused',
    clause: 'RFC 9110 §7.6',
    promise: 'a request that this cache has sent itself is refused',
    only: { world: 'sockets', because: 'it is refused where requests are read' },
    steps: [
      {
        fields: [['CDN-Loop', 'other, Sluice; a=b']],
        expect: { status: 508, asked: false },
      },
    ],
  },
  {
    id: 'warning-passed-on',
    clause: 'RFC 9111 §5.5',
    promise: 'Warning is obsolete: it is passed on as any field, and none is made',
    steps: [
      fetched([...STALE_TAGGED, ['Warning', '110 - "Stale"']], {
        expect: { asked: true, fields: { warning: '110 - "Stale"' } },
      }),
      hit({
        fields: [['Cache-Control', 'max-stale']],
        expect: { asked: false, fields: { warning: '110 - "Stale"' } },
      }),
    ],
  },
  {
    id: 'date-of-unstored',
    clause: 'RFC 9110 §6.6.1',
    promise: 'Date of what is not stored is the one of the origin, and only that',
    steps: [
      fetched(
        [
          ['Cache-Control', 'no-store'],
          ['Date', date(-600)],
        ],
        {
          expect: { asked: true, fields: { date: [date(-600)] } },
        },
      ),
    ],
  },
]

export const FIELDS: readonly Case[] = [...CONNECTION, ...CHAIN]
