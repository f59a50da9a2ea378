// Conditions of clients on what is stored (RFC 9110 §13, RFC 9111 §4.3.2).

import type { Case, Lines } from '../case.ts'
import { date } from '../case.ts'
import { FRESH, fetched, hit } from '../steps.ts'

/** Fresh, with both validators; its Last-Modified is strong. */
const BOTH: Lines = [...FRESH, ['ETag', '"v1"'], ['Last-Modified', date(-7200)]]

const NOT_MODIFIED = { status: 304, asked: false, body: 'none', cache: /^hit/ } as const

type Row = readonly [name: string, fields: Lines, promise: string]

function noneMatch(...values: string[]): Lines {
  return values.map((value): Lines[number] => ['If-None-Match', value])
}

const TAGS_304: readonly Row[] = [
  ['same', noneMatch('"v1"'), 'the entity tag that is stored gets 304'],
  ['weak', noneMatch('W/"v1"'), 'If-None-Match compares weakly'],
  ['list', noneMatch('"v0", "v1", "v2"'), 'one of a list is enough'],
  ['list-tight', noneMatch('"v0","v1"'), 'a list needs no whitespace'],
  ['lines', noneMatch('"v0"', '"v1"'), 'several lines are one list'],
  ['comma', noneMatch('"v0,x", "v1"'), 'a comma within a tag separates nothing'],
  ['star', noneMatch('*'), '* fits whatever is stored'],
  [
    'beside-date',
    [...noneMatch('"v1"'), ['If-Modified-Since', date(-100_000)]],
    'beside If-None-Match the date is not looked at, whatever it says',
  ],
]

const TAGS_200: readonly Row[] = [
  ['other', noneMatch('"v0"'), 'another entity tag gets the response'],
  ['case', noneMatch('"V1"'), 'entity tags are compared by case'],
  ['weak-lower-case', noneMatch('w/"v1"'), 'a weak tag begins with a capital'],
  ['weak-backslash', noneMatch('W\\"v1"'), 'a weak tag has a slash'],
  ['weak-no-slash', noneMatch('W"v1"'), 'a weak tag has no less than a slash'],
  ['bare', noneMatch('v1'), 'what is no entity tag fits nothing'],
  ['quoted-star', noneMatch('"*"'), 'a tag of one star is a tag'],
  ['part', noneMatch('"v"'), 'a part of a tag is another tag'],
  ['empty', noneMatch(''), 'an empty list fits nothing'],
  ['within-comma', noneMatch('"x,"v1""'), 'a broken list fits nothing'],
  [
    'over-date',
    [...noneMatch('"v0"'), ['If-Modified-Since', date(0)]],
    'a tag that does not fit gets the response, though the date would fit',
  ],
]

const DATES_304: readonly Row[] = [
  ['equal', [['If-Modified-Since', date(-7200)]], 'the date that is stored gets 304'],
  ['later', [['If-Modified-Since', date(-3600)]], 'a later date gets 304'],
  ['rfc850', [['If-Modified-Since', date(-7200, 'rfc850')]], 'the RFC 850 form of a date is read'],
  [
    'asctime',
    [['If-Modified-Since', date(-7200, 'asctime')]],
    'the asctime form of a date is read',
  ],
]

const DATES_200: readonly Row[] = [
  ['earlier', [['If-Modified-Since', date(-7201)]], 'an earlier date gets the response'],
  ['bad', [['If-Modified-Since', 'yesterday']], 'what is no date is ignored'],
  ['iso', [['If-Modified-Since', '2099-01-01']], 'a date in another form is ignored'],
  [
    'list',
    [['If-Modified-Since', 'Thu, 01 Jan 2099 00:00:00 GMT, Thu, 01 Jan 2099 00:00:00 GMT']],
    'a list of dates is ignored',
  ],
  [
    'two-lines',
    [
      ['If-Modified-Since', date(0)],
      ['If-Modified-Since', date(0)],
    ],
    'several lines are ignored',
  ],
]

const NOT_MODIFIEDS: readonly Case[] = [
  ...TAGS_304.map(
    ([name, fields, promise]): Case => ({
      id: `inm-${name}`,
      clause: 'RFC 9110 §13.1.2',
      promise,
      steps: [fetched(BOTH), hit({ fields, expect: NOT_MODIFIED })],
    }),
  ),
  ...TAGS_200.map(
    ([name, fields, promise]): Case => ({
      id: `inm-not-${name}`,
      clause: 'RFC 9110 §13.1.2',
      promise,
      steps: [fetched(BOTH), hit({ fields })],
    }),
  ),
  ...DATES_304.map(
    ([name, fields, promise]): Case => ({
      id: `ims-${name}`,
      clause: 'RFC 9110 §13.1.3',
      promise,
      steps: [fetched(BOTH), hit({ fields, expect: NOT_MODIFIED })],
    }),
  ),
  ...DATES_200.map(
    ([name, fields, promise]): Case => ({
      id: `ims-not-${name}`,
      clause: 'RFC 9110 §13.1.3',
      promise,
      steps: [fetched(BOTH), hit({ fields })],
    }),
  ),
  {
    id: 'inm-stored-weak',
    clause: 'RFC 9110 §13.1.2',
    promise: 'a weak entity tag that is stored fits its strong form',
    steps: [
      fetched([...FRESH, ['ETag', 'W/"v1"']]),
      hit({ fields: noneMatch('"v1"'), expect: NOT_MODIFIED }),
    ],
  },
  {
    id: 'inm-obs-text',
    clause: 'RFC 9110 §8.8.3',
    promise: 'an entity tag may have bytes above ASCII',
    steps: [
      fetched([...FRESH, ['ETag', '"\xe4\xf6"']]),
      hit({ fields: noneMatch('"\xe4\xf6"'), expect: NOT_MODIFIED }),
      hit({ fields: noneMatch('"\xe4\xf7"') }),
    ],
  },
  {
    id: 'inm-unquoted-etag',
    clause: 'RFC 9110 §8.8.3',
    promise: 'what is sent as ETag and is none is passed on, and fits nothing',
    steps: [
      fetched([...FRESH, ['ETag', 'v1']]),
      hit({
        fields: noneMatch('"v1"'),
        expect: { asked: false, body: 1, fields: { etag: 'v1' } },
      }),
    ],
  },
  {
    id: 'inm-stored-none',
    clause: 'RFC 9110 §13.1.2',
    promise: 'what is stored without an entity tag fits none',
    steps: [
      fetched([...FRESH, ['Last-Modified', date(-7200)]]),
      hit({ fields: [...noneMatch('"v1"'), ['If-Modified-Since', date(0)]] }),
    ],
  },
  {
    id: 'ims-stored-none',
    clause: 'RFC 9111 §4.3.2',
    promise: 'without Last-Modified the date of a client is compared with Date',
    steps: [
      fetched([...FRESH, ['Date', date(-600)]]),
      hit({ fields: [['If-Modified-Since', date(-600)]], expect: NOT_MODIFIED }),
      hit({ fields: [['If-Modified-Since', date(-601)]] }),
    ],
  },
  {
    id: 'inm-of-error',
    clause: 'RFC 9110 §13.2.1',
    promise: 'a condition is for what would be a success: a stored 404 stays a 404',
    steps: [
      fetched({ status: 404, fields: BOTH }),
      hit({
        fields: noneMatch('"v1"'),
        expect: { status: 404, asked: false, body: 1, cache: /^hit/ },
      }),
    ],
  },
  {
    id: 'inm-of-redirect',
    clause: 'RFC 9110 §13.2.1',
    promise: 'a condition is for what would be a success: a stored redirect stays one',
    steps: [
      fetched({ status: 301, fields: [...BOTH, ['Location', '/x']] }),
      hit({
        fields: noneMatch('"v1"'),
        expect: { status: 301, asked: false, fields: { location: '/x' } },
      }),
    ],
  },
  {
    id: 'inm-head',
    clause: 'RFC 9110 §13.1.2',
    promise: 'a condition holds for HEAD too',
    steps: [
      fetched(BOTH),
      hit({ method: 'HEAD', fields: noneMatch('"v1"'), expect: NOT_MODIFIED }),
    ],
  },
  {
    id: 'inm-304-fields',
    clause: 'RFC 9110 §15.4.5',
    promise: 'a 304 has the fields that a 200 would have had, and none of its content',
    steps: [
      fetched([
        ...BOTH,
        ['Expires', date(3600)],
        ['Vary', 'Foo'],
        ['Content-Location', '/x'],
        ['Content-Type', 'text/html'],
        ['Date', date(-60)],
      ]),
      hit({
        fields: noneMatch('"v1"'),
        expect: {
          ...NOT_MODIFIED,
          fields: {
            etag: '"v1"',
            'cache-control': 'max-age=3600',
            expires: date(3600),
            vary: 'Foo',
            'content-location': '/x',
            date: date(-60),
            age: { atLeast: 60, atMost: 62 },
            'content-length': false,
            'content-type': false,
          },
        },
      }),
    ],
  },
  {
    id: 'inm-variant',
    clause: 'RFC 9111 §4.3.2',
    promise: 'a condition is judged by the variant that the request selects',
    steps: [
      fetched([...FRESH, ['Vary', 'Foo'], ['ETag', '"v1"']], { fields: [['Foo', '1']] }),
      fetched([...FRESH, ['Vary', 'Foo'], ['ETag', '"v2"']], { fields: [['Foo', '2']] }),
      hit({ fields: [['Foo', '1'], ...noneMatch('"v2"')], of: 1 }),
      hit({ fields: [['Foo', '2'], ...noneMatch('"v2"')], expect: NOT_MODIFIED }),
    ],
  },
]

/** If-Match and If-Unmodified-Since are for the origin, but for what the cache knows as well as it. */
const UNMODIFIED: readonly Case[] = [
  ...(
    [
      ['im-same', [['If-Match', '"v1"']], 'If-Match with the strong tag that is stored'],
      ['im-list', [['If-Match', '"v0", "v1"']], 'If-Match with a list that holds it'],
      ['ius-equal', [['If-Unmodified-Since', date(-7200)]], 'If-Unmodified-Since of that date'],
      ['ius-later', [['If-Unmodified-Since', date(-60)]], 'If-Unmodified-Since of a later date'],
    ] as const
  ).map(
    ([id, fields, what]): Case => ({
      id,
      clause: 'RFC 9110 §13.1.1',
      promise: `${what} is served what is fresh`,
      steps: [fetched(BOTH), hit({ fields })],
    }),
  ),
  ...(
    [
      ['im-other', [['If-Match', '"v0"']], 'if-match', 'If-Match with another tag'],
      ['im-weak', [['If-Match', 'W/"v1"']], 'if-match', 'If-Match with a weak tag'],
      [
        'ius-earlier',
        [['If-Unmodified-Since', date(-7201)]],
        'if-unmodified-since',
        'If-Unmodified-Since of an earlier date',
      ],
    ] as const
  ).map(
    ([id, fields, name, what]): Case => ({
      id,
      clause: 'RFC 9110 §13.1.1',
      promise: `${what} is for the origin to judge: its 412 is passed on, and says nothing of what is stored`,
      steps: [
        fetched(BOTH),
        {
          fields,
          origin: { status: 412 },
          expect: { status: 412, asked: true, body: 'new', sent: { [name]: fields[0][1] } },
        },
        hit(),
      ],
    }),
  ),
  {
    id: 'im-of-put',
    clause: 'RFC 9110 §13.1.1',
    promise: 'conditions of other methods are for the origin alone',
    steps: [
      fetched(BOTH),
      {
        method: 'PUT',
        fields: [
          ['If-Match', '"v0"'],
          ['If-None-Match', '"v1"'],
        ],
        origin: { status: 412 },
        expect: {
          status: 412,
          asked: true,
          sent: { 'if-match': '"v0"', 'if-none-match': '"v1"' },
        },
      },
      hit(),
    ],
  },
  {
    id: 'im-unstored',
    clause: 'RFC 9110 §13.1.1',
    promise: 'with nothing stored If-Match goes to the origin',
    steps: [
      fetched(BOTH, {
        fields: [['If-Match', '"v1"']],
        expect: { asked: true, body: 'new', sent: { 'if-match': '"v1"' } },
      }),
    ],
  },
]

const RANGE: Lines[number] = ['Range', 'bytes=2-4']
const BODY = { fields: BOTH, body: '0123456789' }
const PART = {
  status: 206,
  asked: false,
  body: { text: '234' },
  fields: { 'content-range': 'bytes 2-4/10', 'content-length': '3', etag: '"v1"' },
} as const
const WHOLE = { asked: false, body: { text: '0123456789' }, fields: { 'content-range': false } }

const IF_RANGE: readonly Case[] = [
  ...(
    [
      ['same', '"v1"', PART, 'the strong tag that is stored gets the range'],
      ['other', '"v0"', WHOLE, 'another tag gets the whole'],
      ['weak', 'W/"v1"', WHOLE, 'a weak tag fits nothing'],
      ['date', date(-7200), PART, 'the strong date that is stored gets the range'],
      ['date-later', date(-60), WHOLE, 'another date gets the whole, a later one too'],
      ['bad', 'v1', WHOLE, 'what is neither a tag nor a date gets the whole'],
    ] as const
  ).map(
    ([name, value, expect, promise]): Case => ({
      id: `if-range-${name}`,
      clause: 'RFC 9110 §13.1.5',
      promise,
      steps: [fetched(BODY), hit({ fields: [RANGE, ['If-Range', value]], expect })],
    }),
  ),
  {
    id: 'if-range-without-range',
    clause: 'RFC 9110 §13.1.5',
    promise: 'If-Range without Range is ignored',
    steps: [fetched(BODY), hit({ fields: [['If-Range', '"v0"']] })],
  },
  {
    id: 'if-range-weak-date',
    clause: 'RFC 9110 §8.8.2.2',
    promise: 'a Last-Modified of the same second as Date is weak: it gets the whole',
    steps: [
      fetched({
        body: '0123456789',
        fields: [...FRESH, ['Last-Modified', date(-60)], ['Date', date(-60)]],
      }),
      hit({ fields: [RANGE, ['If-Range', date(-60)]], expect: WHOLE }),
    ],
  },
  {
    id: 'if-range-after-condition',
    clause: 'RFC 9110 §13.2.2',
    promise: 'If-None-Match is judged before Range',
    steps: [fetched(BODY), hit({ fields: [RANGE, ...noneMatch('"v1"')], expect: NOT_MODIFIED })],
  },
]

export const CONDITIONAL: readonly Case[] = [...NOT_MODIFIEDS, ...UNMODIFIED, ...IF_RANGE]
