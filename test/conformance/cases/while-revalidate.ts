// stale-while-revalidate (RFC 5861 §3).

import type { Case } from '../case.ts'
import { fetched, hit, stale, validated } from '../steps.ts'

export const WHILE_REVALIDATE: readonly Case[] = [
  {
    id: 'swr-served',
    clause: 'RFC 5861 §3',
    promise: 'within its window a stale response is served at once and validated behind it',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      {
        origin: { status: 304, fields: [['Cache-Control', 'max-age=3600']] },
        expect: {
          asked: 'later',
          body: 1,
          sent: { 'if-none-match': '"v1"' },
          cache: /^hit; ttl=-4\d/,
        },
      },
      hit(),
    ],
  },
  {
    id: 'swr-replaced',
    clause: 'RFC 5861 §3',
    promise: 'what comes of the validation behind it answers the next request',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      {
        origin: { fields: [['Cache-Control', 'max-age=3600']] },
        expect: { asked: 'later', body: 1 },
      },
      hit({ of: 2 }),
    ],
  },
  {
    id: 'swr-failed',
    clause: 'RFC 5861 §3',
    promise: 'a validation behind it that fails takes nothing away, and is tried again',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      { origin: { status: 503 }, expect: { asked: 'later', body: 1 } },
      {
        afterSeconds: 1.1,
        origin: { status: 304, fields: [['Cache-Control', 'max-age=3600']] },
        expect: { asked: 'later', body: 1 },
      },
      hit(),
    ],
  },
  {
    id: 'swr-rests',
    clause: 'RFC 5861 §3',
    promise: 'for a second after a validation behind it has failed, none is tried',
    only: { world: 'fakes', because: 'it takes exact instants' },
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      { origin: { status: 503 }, expect: { asked: 'later', body: 1 } },
      hit({ afterSeconds: 0.999 }),
      { afterSeconds: 0.001, origin: { status: 503 }, expect: { asked: 'later', body: 1 } },
    ],
  },
  {
    id: 'swr-over',
    clause: 'RFC 5861 §3',
    promise: 'past its window a stale response is validated first',
    steps: [fetched(stale(', stale-while-revalidate=30')), validated()],
  },
  {
    id: 'swr-unasked',
    clause: 'RFC 9111 §4.2.4',
    promise: 'without the directive a stale response is validated first',
    steps: [fetched(stale('')), fetched([['Cache-Control', 'max-age=3600']]), hit({ of: 2 })],
  },
  {
    id: 'swr-credentials',
    clause: 'RFC 9111 §3.5',
    promise: "the validation behind it carries nobody's Authorization or Cookie",
    steps: [
      fetched(stale(', public, stale-while-revalidate=3600')),
      {
        fields: [
          ['Authorization', 'Basic QTpC'],
          ['Cookie', 'a=b'],
        ],
        origin: { status: 304, fields: [['ETag', '"v1"']] },
        expect: { asked: 'later', body: 1, sent: { authorization: false, cookie: false } },
      },
    ],
  },
  {
    id: 'swr-invalid',
    clause: 'RFC 5861 §3',
    promise: 'a window nobody can read is none',
    steps: [fetched(stale(', stale-while-revalidate=1h')), validated()],
  },
  {
    id: 'swr-boundary',
    clause: 'RFC 5861 §3',
    promise: 'the window holds to its last instant, and no longer',
    only: { world: 'fakes', because: 'it takes exact instants' },
    steps: [
      fetched([
        ['Cache-Control', 'max-age=60, stale-while-revalidate=30'],
        ['ETag', '"v1"'],
      ]),
      { afterSeconds: 90, origin: { status: 503 }, expect: { asked: 'later', body: 1 } },
      validated([], { afterSeconds: 0.001 }),
    ],
  },
  {
    id: 'swr-against-max-age',
    clause: 'RFC 9111 §5.2.1.1',
    promise: 'a request with max-age wants nothing stale, whatever window there is',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      validated([], { fields: [['Cache-Control', 'max-age=1000']] }),
    ],
  },
  {
    id: 'swr-against-min-fresh',
    clause: 'RFC 9111 §5.2.1.3',
    promise: 'a request with min-fresh=0 wants nothing stale, whatever window there is',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      validated([], { fields: [['Cache-Control', 'min-fresh=0']] }),
    ],
  },
  {
    id: 'swr-head',
    clause: 'RFC 5861 §3',
    promise: 'HEAD is served within the window too',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      {
        method: 'HEAD',
        origin: {
          status: 304,
          fields: [
            ['ETag', '"v1"'],
            ['Cache-Control', 'max-age=3600'],
          ],
        },
        expect: { asked: 'later', body: 'none', cache: /^hit; ttl=-4\d/ },
      },
      hit(),
    ],
  },
  {
    id: 'swr-range',
    clause: 'RFC 5861 §3',
    promise: 'a range is served within the window too',
    steps: [
      fetched({ fields: stale(', stale-while-revalidate=3600'), body: '0123456789' }),
      {
        fields: [['Range', 'bytes=2-4']],
        origin: {
          status: 304,
          fields: [
            ['ETag', '"v1"'],
            ['Cache-Control', 'max-age=3600'],
          ],
        },
        expect: { status: 206, asked: 'later', body: { text: '234' }, cache: /^hit; ttl=-4\d/ },
      },
      hit({ expect: { asked: false, body: 1 } }),
    ],
  },
  {
    id: 'swr-condition',
    clause: 'RFC 5861 §3',
    promise: 'a condition is judged by the stale response within the window',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      {
        fields: [['If-None-Match', '"v1"']],
        origin: {
          fields: [
            ['Cache-Control', 'max-age=3600'],
            ['ETag', '"v2"'],
          ],
        },
        expect: { status: 304, asked: 'later', body: 'none', sent: { 'if-none-match': '"v1"' } },
      },
      hit({ of: 2, expect: { asked: false, body: 2, fields: { etag: '"v2"' } } }),
    ],
  },
  {
    id: 'swr-zero-lifetime',
    clause: 'RFC 5861 §3',
    promise: 'a lifetime of zero with a window is stored, and served within it',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=0, stale-while-revalidate=3600'],
        ['ETag', '"v1"'],
      ]),
      { origin: { status: 304, fields: [['ETag', '"v1"']] }, expect: { asked: 'later', body: 1 } },
    ],
  },
  {
    id: 'swr-together',
    clause: 'RFC 5861 §3',
    promise: 'requests at the same time within the window cause one validation',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      {
        parallel: 5,
        origin: {
          status: 304,
          fields: [
            ['ETag', '"v1"'],
            ['Cache-Control', 'max-age=3600'],
          ],
        },
        expect: { asked: 'later', body: 1 },
      },
      hit(),
    ],
  },
  {
    id: 'swr-gone',
    clause: 'RFC 9111 §4.3.3',
    promise: 'once the validation behind it has found that it is gone, it is not served any more',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      { origin: { status: 404 }, expect: { asked: 'later', body: 1 } },
      { origin: { status: 404 }, expect: { status: 404, asked: true, body: 'new' } },
    ],
  },
  {
    id: 'swr-no-longer-stored',
    clause: 'RFC 9111 §4.3.3',
    promise:
      'once the validation behind it has brought what may not be stored, it is not served any more',
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      {
        origin: { fields: [['Cache-Control', 'no-store']] },
        expect: { asked: 'later', body: 1 },
      },
      fetched([['Cache-Control', 'no-store']]),
    ],
  },
  {
    id: 'swr-no-cache',
    clause: 'RFC 9111 §5.2.1.4',
    promise: 'a request with no-cache waits for the validation, whatever window there is',
    site: { minValidationInterval: '0s' },
    steps: [
      fetched(stale(', stale-while-revalidate=3600')),
      validated([], { fields: [['Cache-Control', 'no-cache']] }),
    ],
  },
  {
    id: 'swr-targeted',
    clause: 'RFC 9213 §2.1',
    promise: 'a targeted field gives the window too',
    steps: [
      fetched([
        ['CDN-Cache-Control', 'max-age=60, stale-while-revalidate=3600'],
        ['Age', '100'],
        ['ETag', '"v1"'],
      ]),
      { origin: { status: 304 }, expect: { asked: 'later', body: 1 } },
    ],
  },
  ...(['must-revalidate', 'proxy-revalidate', 'no-cache'] as const).map(
    (directive): Case => ({
      id: `swr-against-${directive}`,
      clause: directive === 'no-cache' ? 'RFC 9111 §5.2.2.4' : 'RFC 9111 §5.2.2.2',
      promise: `${directive} holds against stale-while-revalidate`,
      steps: [fetched(stale(`, stale-while-revalidate=3600, ${directive}`)), validated()],
    }),
  ),
  {
    id: 'swr-with-s-maxage',
    clause: 'RFC 9111 §5.2.2.10',
    promise: 'a stale-while-revalidate beside s-maxage is meant: it lifts the prohibition',
    steps: [
      fetched([
        ['Cache-Control', 's-maxage=60, stale-while-revalidate=3600'],
        ['Age', '100'],
        ['ETag', '"v1"'],
      ]),
      { origin: { status: 304 }, expect: { asked: 'later', body: 1 } },
    ],
  },
]
