// Freshness lifetimes: what is read of the fields that give them (RFC 9111 §4.2.1, §5.2.2, §5.3).

import type { Case, Lines, Value } from '../case.ts'
import { date } from '../case.ts'
import { FRESH_TAGGED, fetched, hit, staleCase, storedCase, validated } from '../steps.ts'

type Row = readonly [name: string, cacheControl: string, promise: string]

/** Ways of writing a lifetime that count. */
const FRESH_VALUES: readonly Row[] = [
  ['plain', 'max-age=3600', 'max-age gives the lifetime'],
  ['upper-case', 'MAX-AGE=3600', 'max-age is read in any case'],
  ['quoted', 'max-age="3600"', 'the quoted form of an argument is read'],
  ['leading-zeros', 'max-age=003600', 'leading zeros change nothing'],
  ['large', 'max-age=2147483648', 'a lifetime of 2^31 seconds is very long'],
  ['larger', 'max-age=99999999999', 'a lifetime beyond 2^31 seconds is very long, and not none'],
  [
    'largest',
    'max-age=99999999999999999999999999',
    'a lifetime that no integer holds is very long, and not none',
  ],
  ['repeated-equal', 'max-age=3600, max-age=3600', 'a lifetime said twice alike is what it says'],
  ['with-others', 'public,max-age=3600 ,  foo', 'whitespace around commas means nothing'],
  ['empty-members', ', ,max-age=3600,,', 'empty list members mean nothing'],
  ['s-maxage', 's-maxage=3600', 's-maxage gives the lifetime'],
  ['s-maxage-first', 'max-age=0, s-maxage=3600', 's-maxage wins over max-age'],
  ['s-maxage-quoted', 's-maxage="3600"', 'the quoted form of s-maxage is read'],
  ['tabs', 'public\t,\tmax-age=3600', 'tabs are whitespace'],
  ['s-maxage-order', 's-maxage=3600, max-age=0', 's-maxage wins over max-age in any order'],
]

/** Ways of writing a lifetime that must not make fresh. */
const STALE_VALUES: readonly Row[] = [
  ['zero', 'max-age=0', 'a lifetime of zero is stale at once'],
  ['s-maxage-zero', 's-maxage=0, max-age=3600', 's-maxage wins over max-age also when shorter'],
  ['negative', 'max-age=-3600', 'a negative lifetime is stale'],
  ['signed', 'max-age=+3600', 'a sign makes no lifetime'],
  ['float', 'max-age=3600.0', 'a fraction makes no lifetime'],
  ['exponent', 'max-age=1e4', 'an exponent makes no lifetime'],
  ['hexadecimal', 'max-age=0xe10', 'hexadecimal digits make no lifetime'],
  ['suffix', 'max-age=3600s', 'a unit behind the digits makes no lifetime'],
  ['prefix', 'max-age=a3600', 'a letter before the digits makes no lifetime'],
  ['single-quoted', "max-age='3600'", 'single quotes are no quotes'],
  ['half-quoted', 'max-age="3600', 'a quote that does not end makes no lifetime'],
  ['quoted-space', 'max-age=" 3600"', 'a space within quotes makes no lifetime'],
  ['empty', 'max-age=', 'an empty argument makes no lifetime'],
  ['bare', 'max-age', 'a missing argument makes no lifetime'],
  ['space-before-equals', 'max-age =3600', 'a space before the equals sign makes no lifetime'],
  ['space-after-equals', 'max-age= 3600', 'a space after the equals sign makes no lifetime'],
  ['semicolon', 'max-age=3600; public', 'a semicolon separates nothing'],
  ['repeated-different', 'max-age=3600, max-age=1800', 'two different lifetimes are stale'],
  ['repeated-different-order', 'max-age=0, max-age=3600', 'conflicting lifetimes are stale'],
  ['s-maxage-repeated', 's-maxage=3600, s-maxage=1800', 'two different s-maxage are stale'],
  ['s-maxage-negative', 's-maxage=-1, max-age=3600', 'a negative s-maxage is stale'],
  ['s-maxage-bare', 's-maxage, max-age=3600', 'an s-maxage without argument is stale'],
  ['s-maxage-invalid', 's-maxage=abc, max-age=3600', 'an s-maxage nobody can read is stale'],
  ['other-name', 'x-max-age=3600', 'a name that only ends alike is another'],
  ['other-name-longer', 'max-ages=3600', 'a name that only begins alike is another'],
  ['within-quotes', 'ext="a, max-age=3600"', 'the text of a quoted argument is no lifetime'],
  ['no-cache', 'no-cache, max-age=3600', 'no-cache has each use validated, however fresh'],
  ['no-cache-after', 'max-age=3600, No-Cache', 'no-cache counts wherever it stands'],
]

const BY_CACHE_CONTROL: readonly Case[] = [
  ...FRESH_VALUES.map(([name, value, promise]) =>
    storedCase({ id: `lifetime-${name}`, clause: 'RFC 9111 §4.2.1', promise }, [
      ['Cache-Control', value],
    ]),
  ),
  ...STALE_VALUES.map(([name, value, promise]) =>
    staleCase({ id: `no-lifetime-${name}`, clause: 'RFC 9111 §4.2.1', promise }, [
      ['Cache-Control', value],
    ]),
  ),
  storedCase(
    {
      id: 'lifetime-second-line',
      clause: 'RFC 9110 §5.3',
      promise: 'several lines of Cache-Control are one list',
    },
    [
      ['Cache-Control', 'public'],
      ['Cache-Control', 'max-age=3600'],
    ],
  ),
  staleCase(
    {
      id: 'no-lifetime-different-lines',
      clause: 'RFC 9111 §4.2.1',
      promise: 'two lines that say different lifetimes are stale',
    },
    [
      ['Cache-Control', 'max-age=3600'],
      ['Cache-Control', 'max-age=7200'],
    ],
  ),
  {
    id: 'lifetime-until-the-last-instant',
    clause: 'RFC 9111 §4.2',
    promise: 'a response is fresh while its lifetime is longer than its age, and no longer',
    only: { world: 'fakes', because: 'it takes a clock that stands still at the boundary' },
    steps: [
      fetched(FRESH_TAGGED),
      hit({ afterSeconds: 3599.999, expect: { asked: false, body: 1, fields: { age: '3599' } } }),
      validated([], { afterSeconds: 0.001 }),
    ],
  },
  {
    id: 'lifetime-over',
    clause: 'RFC 9111 §4.2',
    promise: 'what was fresh becomes stale by itself',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=2'],
        ['Age', '1'],
        ['ETag', '"v1"'],
      ]),
      validated([], { afterSeconds: 1.5 }),
    ],
  },
]

type ExpiresRow = readonly [name: string, lines: Lines, promise: string]

function expires(...values: Value[]): Lines {
  return values.map((value): Lines[number] => ['Expires', value])
}

const FRESH_EXPIRES: readonly ExpiresRow[] = [
  ['future', expires(date(3600)), 'an Expires in the future is fresh'],
  ['rfc850', expires(date(3600, 'rfc850')), 'the RFC 850 form of a date is read'],
  ['asctime', expires(date(3600, 'asctime')), 'the asctime form of a date is read'],
  [
    'date-in-future',
    [...expires(date(7200)), ['Date', date(3600)]],
    'Expires is counted from Date, whoever has the wrong clock',
  ],
]

const CASES_OF_LETTERS: readonly ExpiresRow[] = [
  ['lower-case', expires('thu, 01 jan 2099 00:00:00 gmt'), 'a date is read in lower case'],
  ['upper-case', expires('THU, 01 JAN 2099 00:00:00 GMT'), 'a date is read in upper case'],
]

const STALE_EXPIRES: readonly ExpiresRow[] = [
  ['past', expires(date(-3600)), 'an Expires in the past is stale'],
  [
    'equals-date',
    [...expires(date(-1)), ['Date', date(-1)]],
    'an Expires that equals Date is stale',
  ],
  [
    'before-date',
    [...expires(date(1800)), ['Date', date(3600)]],
    'an Expires before Date is stale, even if ahead of our clock',
  ],
  ['zero', expires('0'), 'an Expires of 0 is stale'],
  ['minus-one', expires('-1'), 'an Expires of -1 is stale'],
  ['empty', expires(''), 'an empty Expires is stale'],
  ['words', expires('never'), 'an Expires that is no date is stale'],
  ['seconds', expires('3600'), 'an Expires in seconds is stale'],
  ['iso', expires('2099-01-01T00:00:00Z'), 'a date in another form is no date'],
  ['other-zone', expires('Fri, 01 Jan 2099 00:00:00 EST'), 'a date in another zone is no date'],
  ['utc', expires('Thu, 01 Jan 2099 00:00:00 UTC'), 'UTC is not written so'],
  ['no-zone', expires('Thu, 01 Jan 2099 00:00:00'), 'a date without its zone is no date'],
  ['no-weekday', expires('01 Jan 2099 00:00:00 GMT'), 'a date without its weekday is no date'],
  ['one-digit-day', expires('Thu, 1 Jan 2099 00:00:00 GMT'), 'a day has two digits'],
  ['one-digit-hour', expires('Thu, 01 Jan 2099 0:00:00 GMT'), 'an hour has two digits'],
  ['short-year', expires('Thu, 01 Jan 99 00:00:00 GMT'), 'a year has four digits'],
  ['dashes', expires('Thu, 01-Jan-2099 00:00:00 GMT'), 'dashes are of another form'],
  ['two-spaces', expires('Thu, 01  Jan 2099 00:00:00 GMT'), 'one space stands between parts'],
  ['no-comma', expires('Thu 01 Jan 2099 00:00:00 GMT'), 'a comma follows the weekday'],
  ['periods', expires('Thu, 01 Jan 2099 00.00.00 GMT'), 'colons part a time'],
  ['hour-25', expires('Thu, 01 Jan 2099 25:00:00 GMT'), 'an hour that is none makes no date'],
  ['day-32', expires('Thu, 32 Jan 2099 00:00:00 GMT'), 'a day that is none makes no date'],
  ['suffix', expires('Thu, 01 Jan 2099 00:00:00 GMT; x'), 'text behind a date makes it none'],
  ['list', expires('Thu, 01 Jan 2099 00:00:00 GMT, 0'), 'Expires is no list'],
  ['two-lines', expires(date(3600), date(7200)), 'two lines of Expires are stale'],
  ['two-equal-lines', expires(date(3600), date(3600)), 'two lines of Expires are no date'],
  ['past-first', expires('0', date(3600)), 'no line of several is picked'],
]

const BY_EXPIRES: readonly Case[] = [
  ...CASES_OF_LETTERS.map(([name, lines, promise]) =>
    storedCase({ id: `expires-${name}`, clause: 'RFC 9111 §4.2', promise }, lines),
  ),
  ...FRESH_EXPIRES.map(([name, lines, promise]) =>
    storedCase({ id: `expires-${name}`, clause: 'RFC 9111 §5.3', promise }, lines),
  ),
  ...STALE_EXPIRES.map(([name, lines, promise]) =>
    staleCase({ id: `expires-${name}`, clause: 'RFC 9111 §5.3', promise }, lines),
  ),
  {
    id: 'expires-without-date',
    clause: 'RFC 9111 §4.2.1',
    promise: 'without Date, Expires is counted from when the answer came',
    steps: [fetched({ fields: expires(date(3600)), hasDate: false }), hit()],
  },
  {
    id: 'expires-with-bad-date',
    clause: 'RFC 9111 §4.2.1',
    promise: 'beside a Date that is none, Expires is counted from when the answer came',
    steps: [fetched([...expires(date(3600)), ['Date', 'now']]), hit()],
  },
  storedCase(
    {
      id: 'expires-beside-max-age',
      clause: 'RFC 9111 §5.3',
      promise: 'max-age holds against an Expires that is past',
    },
    [...expires(date(-3600)), ['Cache-Control', 'max-age=3600']],
  ),
  storedCase(
    {
      id: 'expires-invalid-beside-max-age',
      clause: 'RFC 9111 §5.3',
      promise: 'max-age holds against an Expires that is no date',
    },
    [...expires('0'), ['Cache-Control', 'max-age=3600']],
  ),
  staleCase(
    {
      id: 'expires-beside-max-age-zero',
      clause: 'RFC 9111 §5.3',
      promise: 'max-age=0 holds against an Expires in the future',
    },
    [...expires(date(3600)), ['Cache-Control', 'max-age=0']],
  ),
  staleCase(
    {
      id: 'expires-beside-s-maxage-zero',
      clause: 'RFC 9111 §5.2.2.10',
      promise: 's-maxage=0 holds against an Expires in the future',
    },
    [...expires(date(3600)), ['Cache-Control', 's-maxage=0']],
  ),
  storedCase(
    {
      id: 'expires-beside-other-directives',
      clause: 'RFC 9111 §5.3',
      promise: 'directives that give no lifetime leave Expires alone',
    },
    [...expires(date(3600)), ['Cache-Control', 'public, immutable']],
  ),
  {
    id: 'expires-kept',
    clause: 'RFC 9111 §5.3',
    promise: 'Expires is passed on as it came, from the origin and from the store',
    steps: [
      fetched(expires(date(3600)), {
        expect: { asked: true, fields: { expires: date(3600) } },
      }),
      hit({ expect: { asked: false, body: 1, fields: { expires: date(3600) } } }),
    ],
  },
]

export const FRESHNESS: readonly Case[] = [...BY_CACHE_CONTROL, ...BY_EXPIRES]
