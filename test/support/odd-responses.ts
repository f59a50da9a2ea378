// Fields of responses, odd in every way that real ones are.

import * as fc from 'fast-check'

import type { Fields } from '#core/entry/fields.ts'
import { formatHttpDate } from '#core/http/http-date.ts'

/** Not at the beginning of a second. */
export const RECEIVED_AT_MS = Date.UTC(2026, 10, 20, 12) + 250
const RECEIVED_SECOND_MS = RECEIVED_AT_MS - 250

/** Numbers that directives have, so that lifetimes and windows meet. */
export const SECONDS = ['0', '1', '5', '10', '60', '3600', '86400'] as const

const plainDirective = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('max-age', 's-maxage'), fc.constantFrom(...SECONDS))
      .map(([name, seconds]) => `${name}=${seconds}`),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom('stale-while-revalidate', 'stale-if-error'),
        fc.constantFrom(...SECONDS),
      )
      .map(([name, seconds]) => `${name}=${seconds}`),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('public', 'public', 'no-transform', 'ext=1', 'ext="a b"'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'private',
      'no-store',
      'no-cache',
      'must-revalidate',
      'proxy-revalidate',
      'must-understand',
      'immutable',
    ),
  },
)

const oddDirective = fc.constantFrom(
  'Private',
  'NO-STORE',
  'No-Cache',
  'Public',
  'MAX-AGE=60',
  'S-MaxAge=10',
  'Must-Revalidate',
  '"private"',
  'no-store;',
  'no-store\u00a0',
  'max-age=60\u00a0',
  'max-age=60;private',
  'private = "x"',
  'private=""',
  'private="x-secret"',
  'private="etag"',
  'Private="X-Secret"',
  'no-cache="x-secret"',
  'no-cache="',
  'no-store="a"',
  'max-age',
  'max-age=',
  'max-age=""',
  'max-age="60"',
  "max-age='60'",
  'max-age=-1',
  'max-age=+60',
  'max-age=1.5',
  'max-age=60s',
  'max-age=1e3',
  'max-age= 60',
  'max-age =60',
  'max-age=0060',
  'max-age=60 s-maxage=10',
  's-maxage=x',
  's-maxage=',
  's-maxage=-5',
  'max-age=2147483648',
  'max-age=2147483649',
  's-maxage=99999999999999999999',
  'ext="a, max-age=5"',
  'ext="a, no-store"',
  'ext="a, public"',
  'ext="a',
  'x-private',
  'stale-while-revalidate=x',
  'stale-while-revalidate="10"',
  'stale-while-revalidate',
  '',
)

const separator = fc.constantFrom(', ', ',', ' ,\t', ',,')

/** No, one or two lines of Cache-Control. */
const cacheControl = fc
  .oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    { weight: 7, arbitrary: fc.array(plainDirective, { minLength: 1, maxLength: 4 }) },
    {
      weight: 3,
      arbitrary: fc.array(fc.oneof(plainDirective, oddDirective), { minLength: 1, maxLength: 4 }),
    },
  )
  .chain((members) =>
    fc.tuple(separator, fc.nat({ max: 9 })).map(([between, splitAt]): Fields => {
      if (members.length === 0) return []
      if (splitAt === 0 || splitAt >= members.length) {
        return ['cache-control', members.join(between)]
      }
      const lines = [members.slice(0, splitAt), members.slice(splitAt)]
      return lines.flatMap((line) => ['cache-control', line.join(between)])
    }),
  )

function dateAt(offsetSeconds: number): string {
  return formatHttpDate(RECEIVED_SECOND_MS + offsetSeconds * 1000)
}

const ODD_DATES = [
  '0',
  '-1',
  '',
  'never',
  '2026-11-20T12:01:00Z',
  'Friday, 20-Nov-26 12:01:00 GMT',
  'Fri Nov 20 12:01:00 2026',
  'Fri, 20 Nov 2026 12:01:00 UTC',
  'Fri, 20 Nov 2026 12:01 GMT',
  '20 Nov 2026 12:01:00 GMT',
  'fri, 20 nov 2026 12:01:00 gmt',
  'Fri, 31 Nov 2026 12:01:00 GMT',
] as const

/** One line most of the time, at one of these offsets in seconds from the time of receipt. */
function dateField(name: string, weights: Weights, offsets: readonly number[]) {
  const plain = fc.constantFrom(...offsets).map(dateAt)
  return fc.oneof(
    { weight: weights.none, arbitrary: fc.constant<Fields>([]) },
    { weight: weights.plain, arbitrary: plain.map((date): Fields => [name, date]) },
    {
      weight: weights.odd,
      arbitrary: fc.constantFrom(...ODD_DATES).map((date): Fields => [name, date]),
    },
    {
      weight: weights.odd,
      arbitrary: fc.tuple(plain, plain).map(([a, b]): Fields => [name, a, name, b]),
    },
  )
}

interface Weights {
  readonly none: number
  readonly plain: number
  readonly odd: number
}

/** None, or one line; the weight of none against four for a plain value and one for an odd one. */
export function maybe(
  name: string,
  noneWeight: number,
  plain: readonly string[],
  odd: readonly string[],
) {
  const line = (value: string): Fields => [name, value]
  return fc.oneof(
    { weight: noneWeight, arbitrary: fc.constant<Fields>([]) },
    { weight: 4, arbitrary: fc.constantFrom(...plain).map(line) },
    ...(odd.length === 0 ? [] : [{ weight: 1, arbitrary: fc.constantFrom(...odd).map(line) }]),
  )
}

const ODD_AGES = ['-5', '1.5', '5s', '0x10', 'x', '', '5, 6', '007', '99999999999999999999']

export const responseFields = fc
  .tuple(
    cacheControl,
    dateField('expires', { none: 12, plain: 5, odd: 1 }, [-5, 0, 5, 10, 60, 3600]),
    dateField('date', { none: 4, plain: 30, odd: 1 }, [0, 0, 0, 0, 0, 0, -5, -3600, 10]),
    maybe('age', 12, ['0', '1', '5', '10', '3600'], ODD_AGES),
    dateField('last-modified', { none: 8, plain: 8, odd: 1 }, [-100, -1000, -1_000_000, 100]),
    maybe('etag', 4, ['"a"', '"b"', 'W/"a"'], ['a', '"a']),
    maybe(
      'vary',
      30,
      ['accept-language', 'accept-encoding, x-key', 'x-key'],
      ['*', 'x-key, *', 'authorization', 'Accept-Language,,X-Key'],
    ),
    maybe('set-cookie', 40, ['a=b'], []),
    maybe('pragma', 40, ['no-cache'], ['no-cache, x']),
    maybe('content-encoding', 20, ['gzip'], []),
    maybe('content-location', 20, ['/object', '/other'], []),
  )
  .map((lists) => lists.flat())

/** Fields of a 304 to a validation. */
export const notModifiedFields = fc
  .tuple(
    maybe('etag', 2, ['"a"', '"b"', 'W/"a"'], []),
    dateField('last-modified', { none: 3, plain: 3, odd: 0 }, [-100, -1000]),
    dateField('date', { none: 1, plain: 4, odd: 0 }, [60]),
    maybe('cache-control', 1, ['max-age=10', 'no-store', 'max-age=5, public'], []),
    maybe('content-encoding', 6, ['gzip', 'br'], []),
    maybe('content-length', 3, ['0', '77'], []),
    maybe('x-new', 2, ['1'], []),
    maybe('set-cookie', 6, ['new=1'], []),
  )
  .map((lists) => lists.flat())
