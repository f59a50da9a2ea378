// Methods whose answers are stored (RFC 9111 §3), and under which key (§2).

import type { Case } from '../case.ts'
import { FRESH, FRESH_TAGGED, fetched, hit, missed } from '../steps.ts'

const BY_METHOD: readonly Case[] = [
  {
    id: 'store-head-is-no-get',
    clause: 'RFC 9111 §3',
    promise: 'the answer to HEAD does not answer a GET',
    steps: [fetched(FRESH_TAGGED, { method: 'HEAD' }), fetched(FRESH_TAGGED)],
  },
  ...(['OPTIONS', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH'] as const).map(
    (method): Case => ({
      id: `store-${method.toLowerCase()}-answer`,
      clause: 'RFC 9111 §3',
      promise: `the answer to ${method} is not stored`,
      steps: [
        fetched(FRESH_TAGGED, { method }),
        missed({ expect: { asked: true, body: 'new', sentMethod: 'GET' } }),
      ],
    }),
  ),
  {
    id: 'store-post-answer',
    clause: 'RFC 9110 §9.3.3',
    promise: 'the answer to POST without Content-Location is not stored',
    steps: [fetched(FRESH_TAGGED, { method: 'POST' }), missed()],
  },
  {
    id: 'store-post-answer-careful',
    clause: 'RFC 9110 §9.3.3',
    promise: 'careful: no answer to POST is stored',
    policy: 'careful',
    steps: [
      fetched([...FRESH_TAGGED, ['Content-Location', '{path}']], { method: 'POST' }),
      missed(),
    ],
  },
  {
    id: 'store-post-answer-rfc',
    clause: 'RFC 9110 §9.3.3',
    promise: 'rfc: a fresh answer to POST whose Content-Location is its target answers a GET',
    policy: 'rfc',
    steps: [fetched([...FRESH_TAGGED, ['Content-Location', '{path}']], { method: 'POST' }), hit()],
  },
  ...(
    [
      ['absolute', [...FRESH_TAGGED, ['Content-Location', 'http://edge.test{path}']]],
      [
        'targeted',
        [
          ['CDN-Cache-Control', 'max-age=3600'],
          ['Content-Location', '{path}'],
        ],
      ],
    ] as const
  ).map(
    ([name, fields]): Case => ({
      id: `store-post-answer-${name}-rfc`,
      clause: 'RFC 9110 §9.3.3',
      promise: `rfc: so does one whose Content-Location or freshness is written otherwise (${name})`,
      policy: 'rfc',
      steps: [fetched(fields, { method: 'POST' }), hit()],
    }),
  ),
  ...(
    [
      ['other-location', { fields: [...FRESH, ['Content-Location', '{path}/b']] }],
      [
        'not-fresh',
        {
          fields: [
            ['ETag', '"v1"'],
            ['Content-Location', '{path}'],
          ],
        },
      ],
      ['created', { status: 201, fields: [...FRESH, ['Content-Location', '{path}']] }],
      [
        'no-store',
        {
          fields: [
            ['Cache-Control', 'no-store'],
            ['Content-Location', '{path}'],
          ],
        },
      ],
    ] as const
  ).map(
    ([name, origin]): Case => ({
      id: `store-post-not-${name}`,
      clause: 'RFC 9110 §9.3.3',
      promise: `the answer to POST is not stored where it is not clearly that of a GET (${name})`,
      steps: [fetched(origin, { method: 'POST' }), missed()],
    }),
  ),
  {
    id: 'store-trace-refused',
    clause: 'RFC 9110 §9.3.8',
    promise: 'TRACE is refused: it would give away what goes to the origin',
    steps: [{ method: 'TRACE', expect: { status: 405, asked: false, fields: { allow: true } } }],
  },
  {
    id: 'store-post-answers-no-post',
    clause: 'RFC 9110 §9.3.3',
    promise: 'a POST is always asked of the origin',
    steps: [
      fetched([...FRESH_TAGGED, ['Content-Location', '{path}']], { method: 'POST' }),
      fetched(FRESH_TAGGED, {
        method: 'POST',
        expect: { asked: true, body: 'new', sentMethod: 'POST' },
      }),
    ],
  },
]

const KEYS: readonly Case[] = [
  {
    id: 'key-query',
    clause: 'RFC 9111 §2',
    promise: 'targets that differ in their query are different keys',
    steps: [
      fetched(FRESH, { target: '?a=1' }),
      missed({ target: '?a=2' }),
      hit({ target: '?a=1' }),
    ],
  },
  {
    id: 'key-query-order',
    clause: 'RFC 9111 §2',
    promise: 'the order of parameters counts',
    steps: [fetched(FRESH, { target: '?a=1&b=2' }), missed({ target: '?b=2&a=1' })],
  },
  {
    id: 'key-empty-query',
    clause: 'RFC 9111 §2',
    promise: 'an empty query is not the same as none',
    steps: [fetched(FRESH, { target: '?' }), missed()],
  },
  {
    id: 'key-path-case',
    clause: 'RFC 9110 §4.2.3',
    promise: 'paths are compared by case',
    steps: [fetched(FRESH, { target: '/a' }), missed({ target: '/A' })],
  },
  {
    id: 'key-percent-encoding',
    clause: 'RFC 9110 §4.2.3',
    promise: 'percent-encoding is not undone: the origin sees what is keyed',
    steps: [fetched(FRESH, { target: '/a%62' }), missed({ target: '/ab' })],
  },
  {
    id: 'key-other-fields',
    clause: 'RFC 9111 §4.1',
    promise: 'request fields that Vary does not name do not count',
    steps: [
      fetched(FRESH, { fields: [['X-A', '1']] }),
      hit({
        fields: [
          ['X-A', '2'],
          ['User-Agent', 'other'],
          ['Accept', 'text/html'],
        ],
      }),
    ],
  },
]

export const METHODS: readonly Case[] = [...BY_METHOD, ...KEYS]
