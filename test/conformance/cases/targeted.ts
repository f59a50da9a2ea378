// Targeted cache control (RFC 9213), and immutable (RFC 8246).

import type { Case, Lines } from '../case.ts'
import { date } from '../case.ts'
import { fetched, hit, missed, notStoredCase, staleCase, storedCase, validated } from '../steps.ts'

function targeted(value: string, ...others: Lines): Lines {
  return [['CDN-Cache-Control', value], ...others]
}

const NO_STORE: Lines[number] = ['Cache-Control', 'no-store']
const LONG: Lines[number] = ['Cache-Control', 'max-age=3600']

const WINS: readonly Case[] = [
  storedCase(
    { id: 'targeted-alone', clause: 'RFC 9213 §2.2', promise: 'CDN-Cache-Control gives freshness' },
    targeted('max-age=3600'),
  ),
  storedCase(
    {
      id: 'targeted-over-no-store',
      clause: 'RFC 9213 §2.2',
      promise: 'CDN-Cache-Control holds against a no-store in Cache-Control',
    },
    targeted('max-age=3600', NO_STORE),
  ),
  storedCase(
    {
      id: 'targeted-over-private',
      clause: 'RFC 9213 §2.2',
      promise: 'CDN-Cache-Control holds against a private in Cache-Control',
    },
    targeted('max-age=3600', ['Cache-Control', 'private, no-cache']),
  ),
  storedCase(
    {
      id: 'targeted-over-expires',
      clause: 'RFC 9213 §2.2',
      promise: 'CDN-Cache-Control holds against an Expires that is past',
    },
    targeted('max-age=3600', ['Expires', date(-3600)]),
  ),
  notStoredCase(
    {
      id: 'targeted-no-store',
      clause: 'RFC 9213 §2.2',
      promise: 'no-store in CDN-Cache-Control holds against a max-age in Cache-Control',
    },
    targeted('no-store', LONG, ['ETag', '"v1"']),
  ),
  notStoredCase(
    {
      id: 'targeted-private',
      clause: 'RFC 9213 §2.2',
      promise: 'private in CDN-Cache-Control is not stored',
    },
    targeted('private, max-age=3600', ['ETag', '"v1"']),
  ),
  staleCase(
    {
      id: 'targeted-zero',
      clause: 'RFC 9213 §2.2',
      promise: 'max-age=0 in CDN-Cache-Control holds against a longer one in Cache-Control',
    },
    targeted('max-age=0', LONG),
  ),
  staleCase(
    {
      id: 'targeted-no-cache',
      clause: 'RFC 9213 §2.2',
      promise: 'no-cache in CDN-Cache-Control has each use validated',
    },
    targeted('no-cache, max-age=3600', LONG),
  ),
  staleCase(
    {
      id: 'targeted-without-lifetime',
      clause: 'RFC 9213 §2.2',
      promise: 'a CDN-Cache-Control without a lifetime takes none from Cache-Control',
    },
    targeted('public', LONG),
  ),
  staleCase(
    {
      id: 'targeted-without-lifetime-expires',
      clause: 'RFC 9213 §2.2',
      promise: 'a CDN-Cache-Control without a lifetime takes none from Expires',
    },
    targeted('public', ['Expires', date(3600)]),
  ),
  staleCase(
    {
      id: 'targeted-age',
      clause: 'RFC 9213 §2.1',
      promise: 'Age counts against a targeted lifetime as against any',
    },
    targeted('max-age=3600', ['Age', '7200']),
  ),
]

/** What Structured Fields make of it (RFC 9651). */
const PARSED: readonly Case[] = [
  ...(
    [
      ['unparsable', 'max-age=3600, "', 'a field that does not parse'],
      ['upper-case', 'Max-Age=3600', 'a key in upper case'],
      ['trailing-comma', 'max-age=3600,', 'a list that ends with a comma'],
      ['space-before-equals', 'max-age =3600', 'a space before the equals sign'],
      ['single-quotes', "max-age='3600'", 'single quotes'],
      ['suffix', 'max-age=3600s', 'digits with a suffix'],
      ['leading-comma', ',max-age=3600', 'a list that begins with a comma'],
      ['semicolon', 'max-age=3600;', 'a parameter without a name'],
      ['long-integer', 'max-age=9999999999999999', 'an integer of more than 15 digits'],
    ] as const
  ).map(([name, value, what]) =>
    storedCase(
      {
        id: `targeted-ignored-${name}`,
        clause: 'RFC 9213 §2.1',
        promise: `${what} has the whole field ignored: Cache-Control speaks`,
      },
      targeted(value.replace('3600', '0'), LONG),
    ),
  ),
  ...(
    [
      ['unparsable', 'max-age=3600, "'],
      ['upper-case', 'Max-Age=3600'],
      ['empty', ''],
    ] as const
  ).map(([name, value]) =>
    notStoredCase(
      {
        id: `targeted-ignored-${name}-no-store`,
        clause: 'RFC 9213 §2.1',
        promise: `where it is ignored (${name}), a no-store in Cache-Control holds`,
      },
      targeted(value, NO_STORE, ['ETag', '"v1"']),
    ),
  ),
  storedCase(
    {
      id: 'targeted-empty',
      clause: 'RFC 9213 §2.1',
      promise: 'an empty CDN-Cache-Control is ignored',
    },
    targeted('', LONG),
  ),
  ...(
    [
      ['string', 'max-age="3600"'],
      ['decimal', 'max-age=3600.0'],
      ['token', 'max-age=a'],
      ['boolean', 'max-age'],
      ['negative', 'max-age=-3600'],
      ['inner-list', 'max-age=(3600)'],
    ] as const
  ).map(([name, value]) =>
    staleCase(
      {
        id: `targeted-wrong-type-${name}`,
        clause: 'RFC 9213 §2.1',
        promise: `a max-age that is no integer (${name}) gives no lifetime, and nor does Cache-Control`,
      },
      targeted(value, LONG),
    ),
  ),
  storedCase(
    {
      id: 'targeted-last-wins',
      clause: 'RFC 9213 §2.1',
      promise: 'of two equal keys of a dictionary the last counts',
    },
    targeted('max-age=0, max-age=3600'),
  ),
  storedCase(
    {
      id: 'targeted-parameters',
      clause: 'RFC 9213 §2.1',
      promise: 'parameters of a directive are ignored',
    },
    targeted('max-age=3600;a;b=1'),
  ),
  storedCase(
    {
      id: 'targeted-unknown',
      clause: 'RFC 9213 §2.1',
      promise: 'directives that nobody knows are ignored',
    },
    targeted('frobnicate=?1, max-age=3600, foo="bar"'),
  ),
  storedCase(
    {
      id: 'targeted-false',
      clause: 'RFC 9213 §2.1',
      promise: 'a directive that is false is not there',
    },
    targeted('no-store=?0, max-age=3600'),
  ),
  storedCase(
    {
      id: 'targeted-two-lines',
      clause: 'RFC 9213 §2.1',
      promise: 'several lines are one dictionary',
    },
    [...targeted('public'), ...targeted('max-age=3600', NO_STORE)],
  ),
  storedCase(
    {
      id: 'targeted-s-maxage',
      clause: 'RFC 9213 §2.1',
      promise: 's-maxage means in it what it means in Cache-Control',
    },
    targeted('s-maxage=3600, max-age=0'),
  ),
]

const PASSED_ON: readonly Case[] = [
  {
    id: 'targeted-kept',
    clause: 'RFC 9213 §2.2',
    promise: 'the targeted field and what it overrides are passed on, first and from the store',
    steps: [
      fetched(targeted('max-age=3600', NO_STORE), {
        expect: {
          asked: true,
          body: 'new',
          fields: { 'cdn-cache-control': 'max-age=3600', 'cache-control': 'no-store' },
        },
      }),
      hit({
        expect: {
          asked: false,
          body: 1,
          fields: { 'cdn-cache-control': 'max-age=3600', 'cache-control': 'no-store' },
        },
      }),
    ],
  },
  notStoredCase(
    {
      id: 'targeted-at-others',
      clause: 'RFC 9213 §2.2',
      promise: 'fields that target other caches say nothing to this one',
    },
    [['Surrogate-Control', 'max-age=3600'], ['Foo-Cache-Control', 'max-age=3600'], NO_STORE],
  ),
  {
    id: 'targeted-by-site',
    clause: 'RFC 9213 §2.2',
    promise: 'a site chooses which fields target it: the first that is usable decides',
    site: { targetedFields: ['foo-cache-control', 'cdn-cache-control'] },
    steps: [fetched([['Foo-Cache-Control', 'max-age=3600'], ...targeted('no-store')]), hit()],
  },
  {
    id: 'targeted-by-site-next',
    clause: 'RFC 9213 §2.2',
    promise: 'where the first target field is not usable the next one decides',
    site: { targetedFields: ['foo-cache-control', 'cdn-cache-control'] },
    steps: [
      fetched([['Foo-Cache-Control', '"'], ...targeted('no-store'), LONG, ['ETag', '"v1"']]),
      missed(),
    ],
  },
  {
    id: 'targeted-updated',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 brings a new targeted field, which decides from then on',
    steps: [
      fetched(targeted('max-age=0', ['ETag', '"v1"'])),
      validated(targeted('max-age=3600')),
      hit(),
    ],
  },
]

const IMMUTABLE: readonly Case[] = [
  {
    id: 'immutable-reload',
    clause: 'RFC 8246 §2',
    promise: 'a fresh immutable response answers a conditional request by itself',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=3600, immutable'],
        ['ETag', '"v1"'],
      ]),
      hit({
        fields: [['If-None-Match', '"v1"']],
        expect: { status: 304, asked: false, body: 'none' },
      }),
    ],
  },
  ...(['max-age=0', 'max-age=10'] as const).map(
    (value): Case => ({
      id: `immutable-reload-${value.replace('=', '-')}`,
      clause: 'RFC 8246 §2',
      promise: `a reload with ${value} takes a fresh immutable response as it is`,
      site: { minValidationInterval: '0s' },
      steps: [
        fetched([
          ['Cache-Control', 'max-age=3600, immutable'],
          ['Age', '100'],
          ['ETag', '"v1"'],
        ]),
        hit({ fields: [['Cache-Control', value]] }),
      ],
    }),
  ),
  {
    id: 'immutable-no-cache',
    clause: 'RFC 8246 §2',
    promise: 'a forced reload with no-cache has an immutable response validated',
    site: { minValidationInterval: '0s' },
    steps: [
      fetched([
        ['Cache-Control', 'max-age=3600, immutable'],
        ['ETag', '"v1"'],
      ]),
      validated([], { fields: [['Cache-Control', 'no-cache']] }),
    ],
  },
  staleCase(
    {
      id: 'immutable-stale',
      clause: 'RFC 8246 §2',
      promise: 'immutable makes nothing fresh: once stale it is validated',
    },
    [
      ['Cache-Control', 'max-age=60, immutable'],
      ['Age', '100'],
    ],
  ),
  staleCase(
    {
      id: 'immutable-alone',
      clause: 'RFC 8246 §2',
      promise: 'immutable without a lifetime is no freshness',
    },
    [['Cache-Control', 'immutable']],
  ),
]

export const TARGETED: readonly Case[] = [...WINS, ...PARSED, ...PASSED_ON, ...IMMUTABLE]
