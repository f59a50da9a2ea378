// Which statuses are stored, and for how long without explicit freshness (RFC 9111 §3, §4.2.2).

import type { Case, Lines } from '../case.ts'
import { date } from '../case.ts'
import { FRESH, fetched, hit, missed, notStoredCase, storedCase, validated } from '../steps.ts'

/** Under both policies, with explicit freshness. */
const ALWAYS = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 410]

/** Final statuses that only the policy `rfc` stores. */
const ONLY_RFC = [
  201, 202, 205, 299, 400, 401, 403, 405, 406, 409, 411, 413, 414, 418, 421, 422, 451, 499, 500,
  501, 502, 503, 504, 599,
]

/** Not even then: answers to what one client sent. */
const NEVER = [412, 428, 429, 431, 511]

const WITH_FRESHNESS: readonly Case[] = [
  ...ALWAYS.map((status) =>
    storedCase(
      {
        id: `status-${status}`,
        clause: 'RFC 9111 §3',
        promise: `an explicitly fresh ${status} is stored`,
      },
      { status, fields: FRESH },
      { status, asked: false, body: status === 204 ? 'none' : 1, cache: /^hit/ },
    ),
  ),
  ...ONLY_RFC.map((status) =>
    storedCase(
      {
        id: `status-${status}-rfc`,
        clause: 'RFC 9111 §3',
        promise: `rfc: an explicitly fresh ${status} is stored`,
        policy: 'rfc',
      },
      { status, fields: FRESH },
    ),
  ),
  ...NEVER.map((status) =>
    notStoredCase(
      {
        id: `status-${status}-never`,
        clause: clauseOf(status),
        promise: `a ${status} is an answer to one client: it is not stored`,
      },
      { status, fields: FRESH },
    ),
  ),
  ...ONLY_RFC.map((status) =>
    notStoredCase(
      {
        id: `status-${status}-careful`,
        clause: 'RFC 9111 §3',
        promise: `careful: a ${status} is not stored, however fresh it says it is`,
        policy: 'careful',
      },
      { status, fields: FRESH },
    ),
  ),
]

function clauseOf(status: number): string {
  return status === 412 ? 'RFC 9110 §15.5.13' : 'RFC 6585 §3'
}

/** Ten days old: a tenth of that is fresh. */
const OLD: Lines = [['Last-Modified', date(-864_000)]]

const HEURISTIC: readonly Case[] = [
  ...[200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501].map((status) =>
    storedCase(
      {
        id: `heuristic-${status}-rfc`,
        clause: 'RFC 9111 §4.2.2',
        promise: `rfc: a ${status} with Last-Modified is fresh for a share of its age`,
        policy: 'rfc',
      },
      { status, fields: OLD },
      { status, asked: false, body: status === 204 ? 'none' : 1, cache: /^hit/ },
    ),
  ),
  ...[201, 202, 302, 303, 307, 400, 403, 418, 500, 502, 503, 504, 599].map(
    (status): Case => ({
      id: `heuristic-${status}-none`,
      clause: 'RFC 9111 §4.2.2',
      promise: `a ${status} without explicit freshness is not taken to be fresh`,
      steps: [fetched({ status, fields: OLD }), fetched({ status, fields: OLD })],
    }),
  ),
  {
    id: 'heuristic-careful',
    clause: 'RFC 9111 §4.2.2',
    promise: 'careful: nothing is fresh by a guess; it is validated',
    policy: 'careful',
    steps: [
      fetched([...OLD, ['ETag', '"v1"']]),
      validated([], {
        expect: {
          asked: true,
          body: 1,
          sent: { 'if-none-match': '"v1"', 'if-modified-since': date(-864_000) },
        },
      }),
    ],
  },
  {
    id: 'heuristic-by-site',
    clause: 'RFC 9111 §4.2.2',
    promise: 'a site may have a share of the age count as fresh, and bounds it',
    site: { heuristicFraction: 0.5, maxHeuristicTtl: '1h' },
    steps: [
      fetched([...OLD, ['Age', '600']]),
      hit({ expect: { asked: false, body: 1, cache: /^hit; ttl=(?:3000|299\d)$/ } }),
    ],
  },
  {
    id: 'heuristic-public-rfc',
    clause: 'RFC 9111 §4.2.2',
    promise: 'rfc: public lets freshness be guessed for any status',
    policy: 'rfc',
    steps: [
      fetched({ status: 403, fields: [...OLD, ['Cache-Control', 'public']] }),
      hit({ expect: { status: 403, asked: false, body: 1 } }),
    ],
  },
  {
    id: 'heuristic-no-last-modified',
    clause: 'RFC 9111 §4.2.2',
    promise: 'without Last-Modified there is nothing to guess from',
    steps: [fetched([['ETag', '"v1"']]), validated()],
  },
  {
    id: 'heuristic-future-last-modified',
    clause: 'RFC 9111 §4.2.2',
    promise: 'a Last-Modified in the future makes nothing fresh',
    steps: [
      fetched([
        ['Last-Modified', date(86_400)],
        ['ETag', '"v1"'],
      ]),
      validated(),
    ],
  },
  {
    id: 'heuristic-bad-last-modified',
    clause: 'RFC 9111 §4.2.2',
    promise: 'a Last-Modified that is no date makes nothing fresh',
    steps: [
      fetched([
        ['Last-Modified', 'yesterday'],
        ['ETag', '"v1"'],
      ]),
      validated(),
    ],
  },
  {
    id: 'heuristic-not-beside-explicit',
    clause: 'RFC 9111 §4.2.2',
    promise: 'where freshness is explicit nothing is guessed',
    steps: [fetched([...OLD, ['Cache-Control', 'max-age=0'], ['ETag', '"v1"']]), validated()],
  },
  {
    id: 'heuristic-not-beside-expires',
    clause: 'RFC 9111 §4.2.2',
    promise: 'an Expires that is past is explicit too',
    steps: [fetched([...OLD, ['Expires', date(-60)], ['ETag', '"v1"']]), validated()],
  },
  {
    id: 'heuristic-not-beside-bad-max-age',
    clause: 'RFC 9111 §4.2.1',
    promise: 'a max-age that cannot be read is stale, and not a reason to guess',
    steps: [fetched([...OLD, ['Cache-Control', 'max-age=abc'], ['ETag', '"v1"']]), validated()],
  },
]

const BY_SITE: readonly Case[] = [
  {
    id: 'negative-by-site',
    clause: 'RFC 9111 §4.2',
    promise: 'a site says which errors are stored, and for how long',
    site: { negativeTtl: { 403: '1h', 404: '30s' } },
    steps: [
      fetched({ status: 403, fields: FRESH }),
      hit({ expect: { status: 403, asked: false, body: 1, cache: /^hit; ttl=3[56]\d\d$/ } }),
    ],
  },
  {
    id: 'negative-by-site-shorter',
    clause: 'RFC 9111 §4.2',
    promise: 'a site may use an error for less long than it says',
    site: { negativeTtl: { 403: '1h', 404: '30s' } },
    steps: [
      fetched({ status: 404, fields: FRESH }),
      hit({ expect: { status: 404, asked: false, body: 1, cache: /^hit; ttl=(?:30|2\d)$/ } }),
    ],
  },
]

const NEGATIVE: readonly Case[] = [404, 410].map(
  (status): Case => ({
    id: `negative-${status}-careful`,
    clause: 'RFC 9111 §4.2',
    promise: `careful: a ${status} is used for 10 seconds at most`,
    policy: 'careful',
    only: { world: 'fakes', because: 'it takes 10 seconds' },
    steps: [
      fetched({ status, fields: FRESH }),
      hit({ afterSeconds: 9.999, expect: { status, asked: false, body: 1, cache: /^hit/ } }),
      missed({ afterSeconds: 0.001 }),
    ],
  }),
)

const LONG: readonly Case[] = [404, 410].map(
  (status): Case => ({
    id: `negative-${status}-rfc`,
    clause: 'RFC 9111 §4.2',
    promise: `rfc: a ${status} is used for as long as it says`,
    policy: 'rfc',
    only: { world: 'fakes', because: 'it takes an hour' },
    steps: [
      fetched({ status, fields: FRESH }),
      hit({ afterSeconds: 3599, expect: { status, asked: false, body: 1, cache: /^hit/ } }),
      missed({ afterSeconds: 1 }),
    ],
  }),
)

export const STATUSES: readonly Case[] = [
  ...WITH_FRESHNESS,
  ...HEURISTIC,
  ...BY_SITE,
  ...NEGATIVE,
  ...LONG,
]
