// What a request asks of a cache (RFC 9111 §5.2.1, §5.4).

import type { Case, Lines, SiteSettings, Step } from '../case.ts'
import { FRESH_TAGGED, STALE_TAGGED, fetched, hit, missed, validated } from '../steps.ts'

/** Otherwise the careful policy takes what it has just validated for validated. */
const AT_ONCE: SiteSettings = { minValidationInterval: '0s' }

/** Half of its lifetime is over on arrival. */
const HALF: Lines = [...FRESH_TAGGED, ['Age', '1800']]

function asking(value: string): { readonly fields: Lines } {
  return { fields: [['Cache-Control', value]] }
}

const NOT_STORED: Step['expect'] = { status: 504, asked: false, cache: /detail=only-if-cached/ }

const REFUSING: readonly Case[] = [
  ...(
    [
      ['no-cache', 'no-cache', 'RFC 9111 §5.2.1.4', 'no-cache has the stored response validated'],
      ['no-cache-case', 'No-Cache', 'RFC 9111 §5.2', 'no-cache is read in any case'],
      ['max-age-zero', 'max-age=0', 'RFC 9111 §5.2.1.1', 'max-age=0 has it validated'],
      [
        'max-age-older',
        'max-age=1000',
        'RFC 9111 §5.2.1.1',
        'what is older than max-age is validated',
      ],
      ['max-age-quoted', 'max-age="1000"', 'RFC 9111 §5.2', 'the quoted form of max-age is read'],
      ['max-age-bad', 'max-age=abc', 'RFC 9111 §5.2.1.1', 'a max-age nobody can read is 0'],
      [
        'min-fresh-longer',
        'min-fresh=3000',
        'RFC 9111 §5.2.1.3',
        'what is not fresh for so long as min-fresh is validated',
      ],
    ] as const
  ).map(
    ([name, value, clause, promise]): Case => ({
      id: `request-${name}`,
      clause,
      promise,
      site: AT_ONCE,
      steps: [
        fetched(HALF),
        validated([], {
          ...asking(value),
          expect: {
            asked: true,
            body: 1,
            sent: { 'if-none-match': '"v1"' },
            cache: /^fwd=request; fwd-status=304/,
          },
        }),
      ],
    }),
  ),
  {
    id: 'request-no-cache-replaced',
    clause: 'RFC 9111 §5.2.1.4',
    promise: 'what no-cache brings is for everybody from then on',
    site: AT_ONCE,
    steps: [fetched(FRESH_TAGGED), fetched(FRESH_TAGGED, asking('no-cache')), hit({ of: 2 })],
  },
  {
    id: 'request-no-cache-failed',
    clause: 'RFC 9111 §5.2.1.4',
    promise: 'where the validation that a request wants fails, it gets what is fresh',
    site: AT_ONCE,
    steps: [
      fetched(FRESH_TAGGED),
      {
        ...asking('no-cache'),
        origin: { status: 503 },
        expect: { asked: true, body: 1, cache: /^fwd=request; fwd-status=503/ },
      },
      hit(),
    ],
  },
  {
    id: 'request-pragma',
    clause: 'RFC 9111 §5.4',
    promise: 'Pragma: no-cache is Cache-Control: no-cache where that is absent',
    site: AT_ONCE,
    steps: [fetched(FRESH_TAGGED), validated([], { fields: [['Pragma', 'no-cache']] })],
  },
  {
    id: 'request-pragma-beside',
    clause: 'RFC 9111 §5.4',
    promise: 'Pragma says nothing beside a Cache-Control',
    site: AT_ONCE,
    steps: [
      fetched(FRESH_TAGGED),
      hit({
        fields: [
          ['Pragma', 'no-cache'],
          ['Cache-Control', 'max-age=1000'],
        ],
      }),
    ],
  },
  {
    id: 'request-pragma-other',
    clause: 'RFC 9111 §5.4',
    promise: 'another Pragma says nothing',
    site: AT_ONCE,
    steps: [fetched(FRESH_TAGGED), hit({ fields: [['Pragma', 'foo']] })],
  },
  {
    id: 'response-pragma',
    clause: 'RFC 9111 §5.4',
    promise: 'a Pragma of a response says nothing',
    steps: [fetched([...FRESH_TAGGED, ['Pragma', 'no-cache']]), hit()],
  },
  {
    id: 'request-no-cache-interval',
    clause: 'RFC 9111 §5.2.1.4',
    promise: 'careful: within five seconds of a validation a request forces no other',
    policy: 'careful',
    only: { world: 'fakes', because: 'it takes five seconds' },
    steps: [
      fetched(FRESH_TAGGED),
      hit({ afterSeconds: 4.999, ...asking('no-cache') }),
      validated([], { afterSeconds: 0.001, ...asking('no-cache') }),
      hit(asking('max-age=0')),
    ],
  },
]

const ACCEPTING: readonly Case[] = [
  ...(
    [
      ['max-age-younger', 'max-age=3000', 'what is younger than max-age is served'],
      ['max-age-huge', 'max-age=99999999999', 'a max-age beyond 2^31 is very long'],
      [
        'min-fresh-shorter',
        'min-fresh=1000',
        'what stays fresh for longer than min-fresh is served',
      ],
      ['no-store', 'no-store', 'no-store of a request is no reason not to serve what is stored'],
      ['max-stale-fresh', 'max-stale=100', 'max-stale means nothing to what is fresh'],
      ['unknown', 'frobnicate=1', 'directives that nobody knows are ignored'],
      ['only-if-cached', 'only-if-cached', 'only-if-cached is served what is stored'],
      ['no-transform', 'no-transform', 'no-transform leaves things as they are'],
    ] as const
  ).map(
    ([name, value, promise]): Case => ({
      id: `request-${name}`,
      clause: 'RFC 9111 §5.2.1',
      promise,
      site: AT_ONCE,
      steps: [fetched(HALF), hit(asking(value))],
    }),
  ),
  ...(
    [
      ['max-stale', 'max-stale', 'a bare max-stale takes what is stale, however long'],
      ['max-stale-within', 'max-stale=100', 'max-stale takes what is stale for no longer'],
    ] as const
  ).map(
    ([name, value, promise]): Case => ({
      id: `request-${name}`,
      clause: 'RFC 9111 §5.2.1.2',
      promise,
      steps: [
        fetched(STALE_TAGGED),
        hit({ ...asking(value), expect: { asked: false, body: 1, cache: /^hit; ttl=-4\d/ } }),
      ],
    }),
  ),
  ...(
    [
      ['max-stale-over', 'max-stale=10', 'what is stale for longer than max-stale is validated'],
      ['max-stale-bad', 'max-stale=abc', 'a max-stale nobody can read takes nothing stale'],
    ] as const
  ).map(
    ([name, value, promise]): Case => ({
      id: `request-${name}`,
      clause: 'RFC 9111 §5.2.1.2',
      promise,
      steps: [fetched(STALE_TAGGED), validated([], asking(value))],
    }),
  ),
]

const ONLY_IF_CACHED: readonly Case[] = [
  {
    id: 'request-only-if-cached-nothing',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'only-if-cached with nothing stored gets 504, and the origin hears nothing',
    steps: [{ ...asking('only-if-cached'), expect: NOT_STORED }],
  },
  {
    id: 'request-only-if-cached-condition',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'only-if-cached with a condition that holds gets 304',
    steps: [
      fetched(FRESH_TAGGED),
      hit({
        fields: [
          ['Cache-Control', 'only-if-cached'],
          ['If-None-Match', '"v1"'],
        ],
        expect: { status: 304, asked: false, body: 'none' },
      }),
    ],
  },
  {
    id: 'request-only-if-cached-range',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'only-if-cached with a range gets it cut from what is stored',
    steps: [
      fetched({ fields: FRESH_TAGGED, body: '0123456789' }),
      hit({
        fields: [
          ['Cache-Control', 'only-if-cached'],
          ['Range', 'bytes=2-4'],
        ],
        expect: { status: 206, asked: false, body: { text: '234' } },
      }),
    ],
  },
  {
    id: 'request-only-if-cached-stale',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'only-if-cached with only something stale gets 504',
    steps: [fetched(STALE_TAGGED), { ...asking('only-if-cached'), expect: NOT_STORED }],
  },
  {
    id: 'request-only-if-cached-max-stale',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'only-if-cached with max-stale gets what is stale',
    steps: [fetched(STALE_TAGGED), hit(asking('only-if-cached, max-stale'))],
  },
  {
    id: 'request-only-if-cached-other-variant',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'only-if-cached with only another variant gets 504',
    steps: [
      fetched([...FRESH_TAGGED, ['Vary', 'Foo']], { fields: [['Foo', '1']] }),
      {
        fields: [
          ['Foo', '2'],
          ['Cache-Control', 'only-if-cached'],
        ],
        expect: NOT_STORED,
      },
    ],
  },
  {
    id: 'request-only-if-cached-no-cache',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'only-if-cached with no-cache can only be 504',
    site: AT_ONCE,
    steps: [fetched(FRESH_TAGGED), { ...asking('only-if-cached, no-cache'), expect: NOT_STORED }],
  },
  {
    id: 'request-only-if-cached-head',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'only-if-cached holds for HEAD too',
    steps: [{ method: 'HEAD', ...asking('only-if-cached'), expect: NOT_STORED }],
  },
  {
    id: 'request-only-if-cached-not-stored',
    clause: 'RFC 9111 §5.2.1.7',
    promise: 'the 504 of our own is not stored',
    steps: [{ ...asking('only-if-cached'), expect: NOT_STORED }, missed()],
  },
]

export const REQUEST: readonly Case[] = [...REFUSING, ...ACCEPTING, ...ONLY_IF_CACHED]
