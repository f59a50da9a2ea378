// The age of a stored response: how it is read, and what is told of it (RFC 9111 §4.2.3, §5.1).

import type { Case, Lines, Value } from '../case.ts'
import { date } from '../case.ts'
import { FRESH, fetched, hit, validated } from '../steps.ts'

function aged(...values: Value[]): Lines {
  return [
    ['Cache-Control', 'max-age=3600'],
    ['ETag', '"v1"'],
    ...values.map((value): Lines[number] => ['Age', value]),
  ]
}

type Row = readonly [name: string, lines: Lines, promise: string]

/** Age that does not count, or not enough. */
const STILL_FRESH: readonly Row[] = [
  ['below', aged('1800'), 'an Age below the lifetime leaves it fresh'],
  ['words', aged('abc'), 'an Age that is no number is ignored'],
  ['negative', aged('-7200'), 'a negative Age is ignored'],
  ['float', aged('7200.0'), 'an Age with a fraction is ignored'],
  ['suffix', aged('7200s'), 'an Age with a unit is ignored'],
  ['prefix', aged('a7200'), 'an Age with a letter before it is ignored'],
  ['parameter', aged('7200;foo=bar'), 'an Age with a parameter is ignored'],
  ['quoted', aged('"7200"'), 'an Age in quotes is ignored'],
  ['single-quoted', aged("'7200'"), 'an Age in single quotes is ignored'],
  ['empty', aged(''), 'an empty Age is ignored'],
  ['first-line', aged('0', '7200'), 'of several lines the first counts'],
  ['first-member', aged('0, 7200'), 'of several members the first counts'],
]

/** Age that makes stale. */
const STALE: readonly Row[] = [
  ['above', aged('7200'), 'an Age above the lifetime makes it stale'],
  ['equal', aged('3600'), 'an Age that equals the lifetime makes it stale'],
  ['stale-first-line', aged('7200', '0'), 'of several lines the first counts, also against us'],
  ['stale-first-member', aged('7200, 0'), 'of several members the first counts, also against us'],
  ['large', aged('2147483648'), 'an Age of 2^31 seconds is very old'],
  ['larger', aged('99999999999'), 'an Age beyond 2^31 seconds is very old, and not none'],
  [
    'largest',
    aged('99999999999999999999999999'),
    'an Age that no integer holds is very old, and not none',
  ],
  [
    'old-date',
    [...aged(), ['Date', date(-7200)]],
    'without Age, a Date that long ago makes it stale',
  ],
  [
    'old-date-small-age',
    [...aged('10'), ['Date', date(-7200)]],
    'the older of Age and Date counts',
  ],
  ['large-age-new-date', [...aged('7200'), ['Date', date(0)]], 'the older of Date and Age counts'],
  [
    'rfc850-date',
    [...aged(), ['Date', date(-7200, 'rfc850')]],
    'a Date in the RFC 850 form counts',
  ],
  [
    'asctime-date',
    [...aged(), ['Date', date(-7200, 'asctime')]],
    'a Date in the asctime form counts',
  ],
]

const READ: readonly Case[] = [
  ...STILL_FRESH.map(
    ([name, lines, promise]): Case => ({
      id: `age-${name}`,
      clause: 'RFC 9111 §5.1',
      promise,
      steps: [fetched(lines), hit()],
    }),
  ),
  ...STALE.map(
    ([name, lines, promise]): Case => ({
      id: `age-${name}`,
      clause: 'RFC 9111 §4.2.3',
      promise,
      steps: [fetched(lines), validated()],
    }),
  ),
  {
    id: 'age-future-date',
    clause: 'RFC 9111 §4.2.3',
    promise: 'a Date in the future counts as no age',
    steps: [
      fetched([...FRESH, ['Date', date(3600)]]),
      hit({
        expect: {
          asked: false,
          body: 1,
          fields: { age: { atLeast: 0, atMost: 2 }, date: date(3600) },
        },
      }),
    ],
  },
  {
    id: 'age-invalid-date',
    clause: 'RFC 9110 §6.6.1',
    promise: 'a Date that is no date counts as the time of arrival',
    steps: [fetched([...FRESH, ['Date', 'today']]), hit()],
  },
  {
    id: 'age-missing-date',
    clause: 'RFC 9110 §6.6.1',
    promise: 'a Date that is missing is the time of arrival, and is added',
    steps: [
      fetched(
        { fields: FRESH, hasDate: false },
        { expect: { asked: true, body: 'new', fields: { date: / GMT$/ } } },
      ),
      hit({ expect: { asked: false, body: 1, fields: { date: / GMT$/ } } }),
    ],
  },
]

const TOLD: readonly Case[] = [
  {
    id: 'age-told',
    clause: 'RFC 9111 §4',
    promise: 'an answer from the store says how old it is',
    steps: [
      fetched(FRESH),
      hit({ expect: { asked: false, fields: { age: { atLeast: 0, atMost: 2 } } } }),
    ],
  },
  {
    id: 'age-told-once',
    clause: 'RFC 9111 §5.1',
    promise: 'the Age that the origin sent is not repeated beside ours',
    steps: [
      fetched([...FRESH, ['Age', '30'], ['Age', '40']]),
      hit({ expect: { asked: false, fields: { age: { atLeast: 30, atMost: 32 } } } }),
    ],
  },
  {
    id: 'age-told-adds-up',
    clause: 'RFC 9111 §4.2.3',
    promise: 'the time in this cache is added to the Age that came',
    steps: [
      fetched([...FRESH, ['Age', '1800']]),
      hit({
        afterSeconds: 1,
        expect: { asked: false, fields: { age: { atLeast: 1801, atMost: 1803 } } },
      }),
    ],
  },
  {
    id: 'age-told-from-date',
    clause: 'RFC 9111 §4.2.3',
    promise: 'the age counts from Date where that is older',
    steps: [
      fetched([...FRESH, ['Date', date(-600)]]),
      hit({ expect: { asked: false, fields: { age: { atLeast: 600, atMost: 602 } } } }),
    ],
  },
  {
    id: 'age-told-with-delay',
    clause: 'RFC 9111 §4.2.3',
    promise: 'the time that the answer took to come counts as age',
    steps: [
      fetched({ fields: [...FRESH, ['Age', '10']], delaySeconds: 1.1 }),
      hit({ expect: { asked: false, fields: { age: { atLeast: 11, atMost: 13 } } } }),
    ],
  },
  {
    id: 'age-stale-by-delay',
    clause: 'RFC 9111 §4.2.3',
    promise: 'an answer may be stale by the time that it took to come',
    steps: [
      fetched({
        fields: [
          ['Cache-Control', 'max-age=11'],
          ['Age', '10'],
          ['ETag', '"v1"'],
        ],
        delaySeconds: 1.1,
      }),
      validated(),
    ],
  },
  {
    id: 'age-told-exactly',
    clause: 'RFC 9111 §4.2.3',
    promise: 'the age is the whole seconds since it was zero',
    only: { world: 'fakes', because: 'it takes exact instants' },
    steps: [
      fetched([...FRESH, ['Age', '10']]),
      hit({ afterSeconds: 0.999, expect: { asked: false, fields: { age: '10' } } }),
      hit({ afterSeconds: 0.001, expect: { asked: false, fields: { age: '11' } } }),
      hit({ afterSeconds: 1000, expect: { asked: false, fields: { age: '1011' } } }),
    ],
  },
  {
    id: 'age-of-miss-unaltered',
    clause: 'RFC 9111 §5.1',
    promise: 'the first answer passes on the Age of the origin as it came',
    steps: [
      fetched([...FRESH, ['Age', '30']], {
        expect: { asked: true, body: 'new', fields: { age: '30' } },
      }),
    ],
  },
  {
    id: 'age-of-miss-none-added',
    clause: 'RFC 9111 §5.1',
    promise: 'an answer that was not stored before has no Age of ours',
    steps: [fetched(FRESH, { expect: { asked: true, body: 'new', fields: { age: false } } })],
  },
  {
    id: 'age-of-unstorable-unaltered',
    clause: 'RFC 9111 §5.1',
    promise: 'an answer that is not stored passes on the Age of the origin',
    steps: [
      fetched(
        [
          ['Cache-Control', 'no-store'],
          ['Age', '30'],
        ],
        { expect: { asked: true, body: 'new', fields: { age: '30' } } },
      ),
    ],
  },
  {
    id: 'age-after-validation',
    clause: 'RFC 9111 §4.3.4',
    promise: 'validation makes a response young again',
    steps: [
      fetched(aged('7200')),
      validated([], {
        expect: {
          asked: true,
          body: 1,
          sent: { 'if-none-match': '"v1"' },
          fields: { age: { not: /[^012]/ } },
        },
      }),
      hit({ expect: { asked: false, fields: { age: { atLeast: 0, atMost: 2 } } } }),
    ],
  },
  {
    id: 'age-of-304-counts',
    clause: 'RFC 9111 §4.3.4',
    promise: 'the Age of a 304 is the age of what it freshens',
    steps: [
      fetched(aged('7200')),
      validated([['Age', '500']], {
        expect: { asked: true, body: 1, fields: { age: { atLeast: 500, atMost: 502 } } },
      }),
      hit({ expect: { asked: false, fields: { age: { atLeast: 500, atMost: 502 } } } }),
    ],
  },
  {
    id: 'date-kept',
    clause: 'RFC 9110 §6.6.1',
    promise: 'Date is never rewritten, from the origin or from the store',
    steps: [
      fetched([...FRESH, ['Date', date(-600)]], {
        expect: { asked: true, body: 'new', fields: { date: date(-600) } },
      }),
      hit({ expect: { asked: false, body: 1, fields: { date: date(-600) } } }),
    ],
  },
]

export const AGE: readonly Case[] = [...READ, ...TOLD]
