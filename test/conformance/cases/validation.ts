// Validation with the origin (RFC 9111 §4.3).

import type { Case, Lines } from '../case.ts'
import { date } from '../case.ts'
import { FRESH_TAGGED, STALE_TAGGED, fetched, hit, missed, validated } from '../steps.ts'

const STALE: Lines = [
  ['Cache-Control', 'max-age=60'],
  ['Age', '100'],
]

const CONDITIONS: readonly Case[] = [
  {
    id: 'validate-etag',
    clause: 'RFC 9111 §4.3.1',
    promise: 'a stale response is validated with its entity tag',
    steps: [
      fetched(STALE_TAGGED),
      validated([], {
        expect: {
          asked: true,
          body: 1,
          sent: { 'if-none-match': '"v1"' },
          cache: /^fwd=stale; fwd-status=304/,
        },
      }),
    ],
  },
  {
    id: 'validate-weak-etag',
    clause: 'RFC 9111 §4.3.1',
    promise: 'a weak entity tag is sent as what it is',
    steps: [
      fetched([...STALE, ['ETag', 'W/"v1"']]),
      validated([['ETag', 'W/"v1"']], {
        expect: { asked: true, body: 1, sent: { 'if-none-match': 'W/"v1"' } },
      }),
    ],
  },
  {
    id: 'validate-last-modified',
    clause: 'RFC 9111 §4.3.1',
    promise: 'without an entity tag Last-Modified validates, exactly as it came',
    steps: [
      fetched([...STALE, ['Last-Modified', date(-7200)]]),
      validated([['Last-Modified', date(-7200)]], {
        expect: {
          asked: true,
          body: 1,
          sent: { 'if-modified-since': date(-7200), 'if-none-match': false },
        },
      }),
    ],
  },
  {
    id: 'validate-last-modified-odd-form',
    clause: 'RFC 9110 §13.1.3',
    promise: 'a Last-Modified in another form is sent back in that form',
    steps: [
      fetched([...STALE, ['Last-Modified', date(-7200, 'rfc850')]]),
      validated([['Last-Modified', date(-7200)]], {
        expect: { asked: true, body: 1, sent: { 'if-modified-since': date(-7200, 'rfc850') } },
      }),
    ],
  },
  {
    id: 'validate-both',
    clause: 'RFC 9111 §4.3.1',
    promise: 'entity tag and Last-Modified are sent together',
    steps: [
      fetched([...STALE_TAGGED, ['Last-Modified', date(-7200)]]),
      validated([], {
        expect: {
          asked: true,
          body: 1,
          sent: { 'if-none-match': '"v1"', 'if-modified-since': date(-7200) },
        },
      }),
    ],
  },
  {
    id: 'validate-without-validator',
    clause: 'RFC 9111 §4.3.1',
    promise: 'what has no validator is asked for as if nothing were stored',
    steps: [fetched(STALE), missed()],
  },
  {
    id: 'validate-no-cache',
    clause: 'RFC 9111 §5.2.2.4',
    promise: 'no-cache is stored, and validated each time',
    steps: [
      fetched([
        ['Cache-Control', 'no-cache'],
        ['ETag', '"v1"'],
      ]),
      validated(),
      validated(),
    ],
  },
  {
    id: 'validate-client-condition',
    clause: 'RFC 9111 §4.3.1',
    promise: 'the origin is asked with our validator, and the client answered by its own',
    steps: [
      fetched(STALE_TAGGED),
      validated([], {
        fields: [['If-None-Match', '"other"']],
        expect: { asked: true, body: 1, sent: { 'if-none-match': '"v1"' } },
      }),
    ],
  },
  {
    id: 'validate-client-condition-holds',
    clause: 'RFC 9111 §4.3.2',
    promise: 'once validated, a condition of the client that holds gets its 304',
    steps: [
      fetched(STALE_TAGGED),
      validated([], {
        fields: [['If-None-Match', '"v1"']],
        expect: { status: 304, asked: true, body: 'none', sent: { 'if-none-match': '"v1"' } },
      }),
    ],
  },
  {
    id: 'validate-client-date',
    clause: 'RFC 9111 §4.3.1',
    promise: 'the date of a client does not reach the origin in place of ours',
    steps: [
      fetched([...STALE, ['Last-Modified', date(-7200)]]),
      validated([['Last-Modified', date(-7200)]], {
        fields: [['If-Modified-Since', date(-100_000)]],
        expect: {
          asked: true,
          body: 1,
          sent: { 'if-modified-since': date(-7200), 'if-none-match': false },
        },
      }),
    ],
  },
  {
    id: 'validate-client-has-the-new',
    clause: 'RFC 9111 §4.3.2',
    promise: 'a client that has the new version already is told so',
    steps: [
      fetched(STALE_TAGGED),
      {
        fields: [['If-None-Match', '"v2"']],
        origin: {
          fields: [
            ['Cache-Control', 'max-age=3600'],
            ['ETag', '"v2"'],
          ],
        },
        expect: { status: 304, asked: true, body: 'none', sent: { 'if-none-match': '"v1"' } },
      },
      hit({ of: 2 }),
    ],
  },
  {
    id: 'validate-for-a-range',
    clause: 'RFC 9111 §4.3.1',
    promise: 'a range of what is stale is validated, and then cut from what is stored',
    steps: [
      fetched({ fields: STALE_TAGGED, body: '0123456789' }),
      validated([['Cache-Control', 'max-age=3600']], {
        fields: [['Range', 'bytes=2-4']],
        expect: {
          status: 206,
          asked: true,
          body: { text: '234' },
          sent: { 'if-none-match': '"v1"', 'if-range': false },
        },
      }),
      hit({ expect: { asked: false, body: 1 } }),
    ],
  },
  {
    id: 'validate-for-no-store',
    clause: 'RFC 9111 §5.2.1.5',
    promise: 'a 304 to a request with no-store updates nothing that is stored',
    steps: [
      fetched(STALE_TAGGED),
      validated(
        [
          ['Cache-Control', 'max-age=3600'],
          ['X-New', '1'],
        ],
        {
          fields: [['Cache-Control', 'no-store']],
        },
      ),
      validated([], { expect: { asked: true, body: 1, fields: { 'x-new': false } } }),
    ],
  },
  {
    id: 'validate-with-authorization',
    clause: 'RFC 9111 §3.5',
    promise: 'a 304 to a request with Authorization updates nothing for others without permission',
    steps: [
      fetched(STALE_TAGGED),
      validated([['X-New', '1']], { fields: [['Authorization', 'Basic QTpC']] }),
      validated([], { expect: { asked: true, body: 1, fields: { 'x-new': false } } }),
    ],
  },
  {
    id: 'validate-unstored-condition',
    clause: 'RFC 9111 §4.3.1',
    promise: 'with nothing stored, the condition of a client goes on, and its 304 comes back',
    steps: [
      {
        fields: [['If-None-Match', '"v1"']],
        origin: { status: 304, fields: FRESH_TAGGED },
        expect: { status: 304, asked: true, body: 'none', sent: { 'if-none-match': '"v1"' } },
      },
      missed({ origin: { fields: FRESH_TAGGED } }),
    ],
  },
  {
    id: 'validate-unstored-condition-200',
    clause: 'RFC 9111 §3',
    promise: 'a 200 to the condition of a client is stored for everybody',
    steps: [
      fetched(FRESH_TAGGED, { fields: [['If-None-Match', '"v0"']] }),
      hit(),
      hit({
        fields: [['If-None-Match', '"v1"']],
        expect: { status: 304, asked: false, body: 'none' },
      }),
    ],
  },
]

const ANSWERS: readonly Case[] = [
  {
    id: 'validate-304-freshens',
    clause: 'RFC 9111 §4.3.4',
    promise: 'after a 304 the stored response is fresh for as long as that says',
    steps: [fetched(STALE_TAGGED), validated([['Cache-Control', 'max-age=3600']]), hit()],
  },
  {
    id: 'validate-304-same-freshness',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 that says nothing of freshness leaves what was said before',
    steps: [fetched(STALE_TAGGED), validated(), hit()],
  },
  {
    id: 'validate-304-shorter',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 may make a response stale at once',
    steps: [fetched(STALE_TAGGED), validated([['Cache-Control', 'max-age=0']]), validated()],
  },
  {
    id: 'validate-200-replaces',
    clause: 'RFC 9111 §4.3.3',
    promise: 'a full answer replaces what was stored',
    steps: [
      fetched(STALE_TAGGED),
      fetched([
        ['Cache-Control', 'max-age=3600'],
        ['ETag', '"v2"'],
      ]),
      hit({ of: 2, expect: { asked: false, body: 2, fields: { etag: '"v2"' } } }),
    ],
  },
  {
    id: 'validate-200-unstorable',
    clause: 'RFC 9111 §4.3.3',
    promise: 'a full answer that may not be stored ends the stored one',
    steps: [
      fetched(STALE_TAGGED),
      fetched([['Cache-Control', 'no-store']]),
      { origin: { fields: FRESH_TAGGED }, expect: { asked: true, body: 'new' } },
    ],
  },
  {
    id: 'validate-404',
    clause: 'RFC 9111 §4.3.3',
    promise: 'a 404 is the answer, and no reason to serve what was stored',
    steps: [fetched(STALE_TAGGED), fetched({ status: 404 })],
  },
  {
    id: 'validate-410',
    clause: 'RFC 9111 §4.3.3',
    promise: 'a 410 is the answer, and no reason to serve what was stored',
    steps: [fetched(STALE_TAGGED), fetched({ status: 410 })],
  },
  {
    id: 'validate-304-bare',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 without a validator is of the only version that it was asked about',
    steps: [
      fetched(STALE_TAGGED),
      {
        origin: { status: 304, hasDate: false },
        expect: { asked: true, body: 1, sent: { 'if-none-match': '"v1"' } },
      },
      hit(),
    ],
  },
  {
    id: 'validate-304-other',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 that names a version nobody has updates nothing',
    steps: [
      fetched(STALE_TAGGED),
      {
        origin: { status: 304, fields: [['ETag', '"v9"']] },
        expect: { asked: 2, body: 1, cache: /^fwd=stale/, fields: { etag: '"v1"' } },
      },
      validated(),
    ],
  },
  {
    id: 'validate-304-other-date',
    clause: 'RFC 9111 §4.3.4',
    promise: 'a 304 with another Last-Modified than the stored one updates nothing',
    steps: [
      fetched([...STALE, ['Last-Modified', date(-7200)]]),
      {
        origin: { status: 304, fields: [['Last-Modified', date(-9000)]] },
        expect: {
          asked: 2,
          body: 1,
          cache: /^fwd=stale/,
          fields: { 'last-modified': date(-7200) },
        },
      },
    ],
  },
  {
    id: 'validate-304-unasked',
    clause: 'RFC 9110 §15.4.5',
    promise: 'a 304 to a request without any condition is no answer',
    steps: [{ origin: { status: 304 }, expect: { status: 502, asked: true } }, missed()],
  },
  {
    id: 'validate-weak-against-strong',
    clause: 'RFC 9110 §8.8.3.2',
    promise: 'a 304 with the weak form of the stored entity tag freshens it',
    steps: [fetched(STALE_TAGGED), validated([['ETag', 'W/"v1"']])],
  },
]

export const VALIDATION: readonly Case[] = [...CONDITIONS, ...ANSWERS]
