// Stored responses selected by nominated fields (RFC 9111 §4.1).

import type { Case } from '../case.ts'
import { date } from '../case.ts'
import { VARY_MISS, fetched, foo, hit, missed, validated, varying } from '../steps.ts'

const MATCHING: readonly Case[] = [
  {
    id: 'vary-match',
    clause: 'RFC 9111 §4.1',
    promise: 'a request with the same value of the nominated field is answered from the store',
    steps: [fetched(varying('Foo'), foo('1')), hit(foo('1'))],
  },
  {
    id: 'vary-mismatch',
    clause: 'RFC 9111 §4.1',
    promise: 'a request with another value is not, and says that only Vary was in the way',
    steps: [
      fetched(varying('Foo'), foo('1')),
      missed({ ...foo('2'), origin: { fields: varying('Foo') }, expect: VARY_MISS }),
    ],
  },
  {
    id: 'vary-omitted',
    clause: 'RFC 9111 §4.1',
    promise: 'a request without the nominated field does not match one that had it',
    steps: [
      fetched(varying('Foo'), foo('1')),
      missed({ origin: { fields: varying('Foo') }, expect: VARY_MISS }),
    ],
  },
  {
    id: 'vary-omitted-both',
    clause: 'RFC 9111 §4.1',
    promise: 'a nominated field that is absent from both requests matches',
    steps: [fetched(varying('Foo')), hit()],
  },
  {
    id: 'vary-added',
    clause: 'RFC 9111 §4.1',
    promise: 'a request with the nominated field does not match one that had none',
    steps: [
      fetched(varying('Foo')),
      missed({ ...foo('1'), origin: { fields: varying('Foo') }, expect: VARY_MISS }),
    ],
  },
  {
    id: 'vary-empty-value',
    clause: 'RFC 9111 §4.1',
    promise: 'an empty nominated field is not the same as none',
    steps: [
      fetched(varying('Foo')),
      missed({ ...foo(''), origin: { fields: varying('Foo') }, expect: VARY_MISS }),
    ],
  },
  {
    id: 'vary-omitted-from-default',
    clause: 'RFC 9111 §4.1',
    promise: 'a variant that matches is used rather than a newer response without Vary',
    steps: [
      fetched(varying('Foo'), foo('1')),
      fetched(varying(), foo('2')),
      hit({ ...foo('1'), of: 1 }),
    ],
  },
  {
    id: 'vary-several-variants',
    clause: 'RFC 9111 §4.1',
    promise: 'variants stand side by side, each for its own requests',
    steps: [
      fetched(varying('Foo'), foo('1')),
      fetched(varying('Foo'), foo('2')),
      fetched(varying('Foo'), foo('3')),
      hit({ ...foo('1'), of: 1 }),
      hit({ ...foo('3'), of: 3 }),
      hit({ ...foo('2'), of: 2 }),
    ],
  },
  {
    id: 'vary-two-names',
    clause: 'RFC 9111 §4.1',
    promise: 'all nominated fields have to match',
    steps: [
      fetched(varying('Foo, Bar'), {
        fields: [
          ['Foo', '1'],
          ['Bar', 'a'],
        ],
      }),
      hit({
        fields: [
          ['Bar', 'a'],
          ['Foo', '1'],
        ],
      }),
      missed({
        fields: [
          ['Foo', '1'],
          ['Bar', 'b'],
        ],
        origin: { fields: varying('Foo, Bar') },
        expect: VARY_MISS,
      }),
    ],
  },
  {
    id: 'vary-two-lines',
    clause: 'RFC 9110 §5.3',
    promise: 'several lines of Vary are one list',
    steps: [
      fetched(varying('Foo', 'Bar'), {
        fields: [
          ['Foo', '1'],
          ['Bar', 'a'],
        ],
      }),
      hit({
        fields: [
          ['Foo', '1'],
          ['Bar', 'a'],
        ],
      }),
      missed({
        fields: [
          ['Foo', '1'],
          ['Bar', 'b'],
        ],
        origin: { fields: varying('Foo', 'Bar') },
        expect: VARY_MISS,
      }),
    ],
  },
  {
    id: 'vary-name-case',
    clause: 'RFC 9110 §12.5.5',
    promise: 'nominated names are read in any case',
    steps: [
      fetched(varying('FOO'), foo('1')),
      hit({ fields: [['foo', '1']] }),
      missed({ ...foo('2'), origin: { fields: varying('fOO') }, expect: VARY_MISS }),
    ],
  },
  {
    id: 'vary-empty',
    clause: 'RFC 9110 §12.5.5',
    promise: 'an empty Vary nominates nothing',
    steps: [fetched(varying(''), foo('1')), hit(foo('2'))],
  },
  {
    id: 'vary-recent',
    clause: 'RFC 9111 §4.1',
    promise: 'of several that match the most recent is used',
    steps: [
      fetched(varying('Foo'), foo('1')),
      fetched(varying('Bar'), {
        fields: [
          ['Foo', '2'],
          ['Bar', 'a'],
        ],
      }),
      hit({
        fields: [
          ['Foo', '1'],
          ['Bar', 'a'],
        ],
        of: 2,
      }),
    ],
  },
  {
    id: 'vary-recent-by-date',
    clause: 'RFC 9111 §4',
    promise: 'the most recent of several that match is told by Date, not by when it came',
    steps: [
      fetched([...varying('Foo'), ['Date', date(-10)]], foo('1')),
      fetched([...varying('Bar'), ['Date', date(-600)]], {
        fields: [
          ['Foo', '2'],
          ['Bar', 'a'],
        ],
      }),
      hit({
        fields: [
          ['Foo', '1'],
          ['Bar', 'a'],
        ],
        of: 1,
      }),
    ],
  },
  {
    id: 'vary-no-longer',
    clause: 'RFC 9111 §4.1',
    promise: 'a newer response without Vary answers whatever the others were nominated by',
    steps: [
      fetched(varying('Foo'), foo('1')),
      fetched(varying(), foo('2')),
      hit({ ...foo('3'), of: 2 }),
    ],
  },
]

const CREDENTIALS: readonly Case[] = [
  {
    id: 'vary-authorization',
    clause: 'RFC 9111 §4.1',
    promise: 'a response that varies on Authorization does not answer a request that has one',
    steps: [
      fetched([...varying('Authorization'), ['Cache-Control', 'public']]),
      missed({ fields: [['Authorization', 'Basic QTpC']] }),
    ],
  },
  {
    id: 'vary-authorization-other',
    clause: 'RFC 9111 §4.1',
    promise: 'nor one with another, even if it is public',
    steps: [
      fetched([...varying('Authorization'), ['Cache-Control', 'public']], {
        fields: [['Authorization', 'Basic QTpC']],
      }),
      missed({ fields: [['Authorization', 'Basic Qzpd']] }),
    ],
  },
  {
    id: 'vary-cookie',
    clause: 'RFC 9111 §4.1',
    promise: 'a response that varies on Cookie is stored for no request that has one',
    steps: [
      fetched(varying('Cookie')),
      missed({ fields: [['Cookie', 'a=b']], origin: { fields: varying('Cookie') } }),
      hit(),
    ],
  },
  {
    id: 'vary-not-forwarded',
    clause: 'RFC 9111 §4.1',
    promise: 'a nominated field that never reaches the origin cannot have chosen the response',
    site: { forward: 'listed' },
    steps: [
      fetched(varying('Foo'), {
        ...foo('1'),
        expect: { asked: true, body: 'new', sent: { foo: false } },
      }),
      hit(foo('2')),
    ],
  },
  {
    id: 'vary-not-forwarded-but-listed',
    clause: 'RFC 9111 §4.1',
    promise: 'one that the site lists reaches it, and counts',
    site: { forward: 'listed', forwardFields: ['foo'] },
    steps: [
      fetched(varying('Foo'), {
        ...foo('1'),
        expect: { asked: true, body: 'new', sent: { foo: '1' } },
      }),
      missed({ ...foo('2'), origin: { fields: varying('Foo') }, expect: VARY_MISS }),
    ],
  },
  {
    id: 'vary-range',
    clause: 'RFC 9111 §4.1',
    promise: 'a Vary on Range does not keep ranges from being cut from what is stored',
    steps: [
      fetched({ fields: [...varying('Range'), ['ETag', '"v1"']], body: '0123456789' }),
      hit(),
    ],
  },
]

const VALIDATED: readonly Case[] = [
  {
    id: 'vary-validators-of-all',
    clause: 'RFC 9111 §4.3.1',
    promise: 'a stale variant is validated with the entity tags of all variants',
    steps: [
      fetched([...varying('Foo'), ['Age', '7200'], ['ETag', '"v2"']], foo('2')),
      fetched([...varying('Foo'), ['Age', '7200'], ['ETag', '"v1"']], foo('1')),
      validated([['ETag', '"v1"']], {
        ...foo('1'),
        of: 2,
        expect: { asked: true, body: 2, sent: { 'if-none-match': '"v1", "v2"' } },
      }),
    ],
  },
  {
    id: 'vary-304-updates-all',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 updates all that the request matches and that have its strong validator',
    steps: [
      fetched(
        { fields: [...varying('Foo'), ['Age', '7200'], ['ETag', '"v1"']], body: 'same' },
        foo('1'),
      ),
      fetched(
        { fields: [...varying('Bar'), ['Age', '7200'], ['ETag', '"v1"']], body: 'same' },
        {
          fields: [
            ['Foo', '2'],
            ['Bar', 'a'],
          ],
        },
      ),
      {
        fields: [
          ['Foo', '1'],
          ['Bar', 'a'],
        ],
        origin: {
          status: 304,
          fields: [
            ['ETag', '"v1"'],
            ['X-New', '1'],
          ],
        },
        expect: { asked: true, sent: { 'if-none-match': '"v1"' }, fields: { 'x-new': '1' } },
      },
      hit({ ...foo('1'), expect: { asked: false, fields: { 'x-new': '1' } } }),
      hit({
        fields: [
          ['Foo', '3'],
          ['Bar', 'a'],
        ],
        of: 2,
        expect: { asked: false, body: 2, fields: { 'x-new': '1' } },
      }),
    ],
  },
  {
    id: 'vary-304-leaves-others',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 says nothing of a variant that the request does not match',
    steps: [
      fetched([...varying('Foo'), ['Age', '7200'], ['ETag', '"v2"']], foo('2')),
      fetched([...varying('Foo'), ['Age', '7200'], ['ETag', '"v1"']], foo('1')),
      validated(
        [
          ['ETag', '"v1"'],
          ['X-New', '1'],
        ],
        {
          ...foo('1'),
          of: 2,
          expect: { asked: true, body: 2, sent: { 'if-none-match': '"v1", "v2"' } },
        },
      ),
      validated([['ETag', '"v2"']], {
        ...foo('2'),
        of: 1,
        expect: {
          asked: true,
          body: 1,
          sent: { 'if-none-match': '"v2", "v1"' },
          fields: { 'x-new': false },
        },
      }),
    ],
  },
  {
    id: 'vary-304-names-other',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 freshens the variant whose entity tag it names, and that answers',
    steps: [
      fetched([...varying('Foo'), ['Age', '7200'], ['ETag', '"v2"']], foo('2')),
      fetched([...varying('Foo'), ['Age', '7200'], ['ETag', '"v1"']], foo('1')),
      validated([['ETag', '"v2"']], {
        ...foo('1'),
        expect: {
          asked: true,
          body: 1,
          sent: { 'if-none-match': '"v1", "v2"' },
          fields: { etag: '"v2"' },
        },
      }),
    ],
  },
]

export const VARY: readonly Case[] = [...MATCHING, ...CREDENTIALS, ...VALIDATED]
