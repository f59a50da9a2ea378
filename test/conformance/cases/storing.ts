// What may be stored (RFC 9111 §3).

import type { Case, Lines } from '../case.ts'
import { date } from '../case.ts'
import {
  FRESH,
  FRESH_TAGGED,
  fetched,
  hit,
  missed,
  notStoredCase,
  storedCase,
  validated,
} from '../steps.ts'

/** With one entity tag, so that what was stored after all would be asked about. */
function tagged(cacheControl: string): Lines {
  return [
    ['Cache-Control', cacheControl],
    ['ETag', '"v1"'],
  ]
}

const BY_DIRECTIVE: readonly Case[] = [
  storedCase(
    {
      id: 'store-explicitly-fresh',
      clause: 'RFC 9111 §3',
      promise: 'an explicitly fresh answer to GET is stored and used again',
    },
    FRESH,
  ),
  notStoredCase(
    { id: 'store-no-store', clause: 'RFC 9111 §5.2.2.5', promise: 'no-store is not stored' },
    tagged('no-store, max-age=3600'),
  ),
  notStoredCase(
    {
      id: 'store-no-store-any-case',
      clause: 'RFC 9111 §5.2',
      promise: 'directive names are read in any case',
    },
    tagged('max-age=3600, No-StORe'),
  ),
  notStoredCase(
    {
      id: 'store-no-store-second-line',
      clause: 'RFC 9110 §5.3',
      promise: 'a prohibition in a second line of Cache-Control counts',
    },
    [
      ['Cache-Control', 'max-age=3600'],
      ['Cache-Control', 'no-store'],
    ],
  ),
  notStoredCase(
    {
      id: 'store-no-store-with-argument',
      clause: 'RFC 9111 §5.2.2.5',
      promise: 'an argument to no-store does not lift it',
    },
    tagged('max-age=3600, no-store=1'),
  ),
  notStoredCase(
    {
      id: 'store-no-store-in-odd-quotes',
      clause: 'RFC 9111 §5.2',
      promise: 'an unbalanced quote hides no prohibition',
    },
    tagged('max-age=3600, ext="x, no-store'),
  ),
  storedCase(
    {
      id: 'store-no-store-inside-quotes',
      clause: 'RFC 9110 §5.6.4',
      promise: 'the text of a quoted argument is no directive',
    },
    tagged('max-age=3600, ext="a no-store b"'),
  ),
  notStoredCase(
    {
      id: 'store-named-by-connection',
      clause: 'RFC 9110 §7.6.1',
      promise: 'a response whose Connection hides its Cache-Control is not stored',
    },
    [...tagged('max-age=3600'), ['Connection', 'cache-control']],
  ),
  notStoredCase(
    { id: 'store-private', clause: 'RFC 9111 §5.2.2.7', promise: 'private is not stored' },
    tagged('private, max-age=3600'),
  ),
  notStoredCase(
    {
      id: 'store-private-s-maxage',
      clause: 'RFC 9111 §5.2.2.7',
      promise: 'private holds against s-maxage and public beside it',
    },
    tagged('s-maxage=3600, public, private'),
  ),
  storedCase(
    {
      id: 'store-unknown-directives',
      clause: 'RFC 9111 §5.2.3',
      promise: 'directives that nobody knows are ignored',
    },
    tagged('max-age=3600, frobnicate, foo="bar, baz", qux=1'),
  ),
  storedCase(
    {
      id: 'store-must-understand',
      clause: 'RFC 9111 §5.2.2.3',
      promise: 'must-understand lifts no-store where the status is understood',
    },
    tagged('must-understand, no-store, max-age=3600'),
  ),
  notStoredCase(
    {
      id: 'store-must-understand-unknown-status',
      clause: 'RFC 9111 §5.2.2.3',
      promise: 'must-understand forbids storing a status that is not understood',
    },
    { status: 499, fields: tagged('must-understand, max-age=3600') },
  ),
  notStoredCase(
    {
      id: 'store-no-freshness-no-validator',
      clause: 'RFC 9111 §3',
      promise: 'without freshness and validator nothing is stored',
    },
    [],
  ),
  notStoredCase(
    {
      id: 'store-vary-star-lone',
      clause: 'RFC 9111 §4.1',
      promise: 'a response that varies on everything is not used again',
    },
    [...FRESH_TAGGED, ['Vary', '*']],
  ),
]

const BY_REQUEST: readonly Case[] = [
  {
    id: 'store-request-no-store',
    clause: 'RFC 9111 §5.2.1.5',
    promise: 'the answer to a request with no-store is not stored',
    steps: [fetched(FRESH_TAGGED, { fields: [['Cache-Control', 'no-store']] }), missed()],
  },
  {
    id: 'store-authorization',
    clause: 'RFC 9111 §3.5',
    promise: 'the answer to a request with Authorization is not stored',
    steps: [fetched(FRESH_TAGGED, { fields: [['Authorization', 'Basic QTpC']] }), missed()],
  },
  ...(['public', 's-maxage=3600', 'must-revalidate'] as const).map(
    (permission): Case => ({
      id: `store-authorization-${permission.replace(/=.*/, '')}`,
      clause: 'RFC 9111 §3.5',
      promise: `${permission} lets the answer to a request with Authorization be stored`,
      steps: [
        fetched([['Cache-Control', `max-age=3600, ${permission}`]], {
          fields: [['Authorization', 'Basic QTpC']],
        }),
        hit(),
      ],
    }),
  ),
  {
    id: 'store-authorization-immutable',
    clause: 'RFC 9111 §3.5',
    promise: 'other directives give no permission for requests with Authorization',
    steps: [
      fetched([['Cache-Control', 'max-age=3600, immutable, proxy-revalidate']], {
        fields: [['Authorization', 'Basic QTpC']],
      }),
      missed(),
    ],
  },
  {
    id: 'store-authorization-other-reader',
    clause: 'RFC 9111 §3.5',
    promise: 'what one reader got for his Authorization is not given to another',
    steps: [
      fetched(FRESH_TAGGED, { fields: [['Authorization', 'Basic QTpC']] }),
      missed({ fields: [['Authorization', 'Basic Qzpd']] }),
    ],
  },
  {
    id: 'store-authorization-served',
    clause: 'RFC 9111 §3.5',
    promise: 'what was stored for all answers a request with Authorization too',
    steps: [fetched(FRESH_TAGGED), hit({ fields: [['Authorization', 'Basic QTpC']] })],
  },
  {
    id: 'store-authorization-must-revalidate-used',
    clause: 'RFC 9111 §3.5',
    promise: 'what must-revalidate let be stored is validated once stale, whoever asks',
    steps: [
      fetched(
        [
          ['Cache-Control', 'max-age=60, must-revalidate'],
          ['Age', '100'],
          ['ETag', '"v1"'],
        ],
        { fields: [['Authorization', 'Basic QTpC']] },
      ),
      validated(),
    ],
  },
  {
    id: 'store-authorization-sent',
    clause: 'RFC 9110 §11.6.2',
    promise: 'Authorization goes on to the origin as it came',
    steps: [
      fetched(FRESH, {
        fields: [['Authorization', 'Basic QTpC']],
        expect: { asked: true, sent: { authorization: 'Basic QTpC' } },
      }),
    ],
  },
  {
    id: 'store-cookie-request',
    clause: 'RFC 9111 §3',
    promise:
      'the answer to a request whose Cookie was sent on is not stored without a word of the site',
    steps: [fetched(FRESH_TAGGED, { fields: [['Cookie', 'a=b']] }), missed()],
  },
  {
    id: 'store-cookie-request-by-site',
    clause: 'RFC 9111 §3',
    promise: 'where the site says so, requests with Cookie share what is stored',
    site: { storeWithCookie: true },
    steps: [fetched(FRESH, { fields: [['Cookie', 'a=b']] }), hit({ fields: [['Cookie', 'c=d']] })],
  },
  {
    id: 'store-set-cookie-careful',
    clause: 'RFC 9111 §7.3',
    promise: 'careful: a response with Set-Cookie is not stored',
    policy: 'careful',
    steps: [fetched([...FRESH_TAGGED, ['Set-Cookie', 'a=b']]), missed()],
  },
  {
    id: 'store-set-cookie-rfc',
    clause: 'RFC 9111 §7.3',
    promise: 'rfc: Set-Cookie does not inhibit storing',
    policy: 'rfc',
    steps: [
      fetched([...FRESH, ['Set-Cookie', 'a=b'], ['Set-Cookie', 'c=d']]),
      hit({ expect: { asked: false, body: 1, fields: { 'set-cookie': ['a=b', 'c=d'] } } }),
    ],
  },
  {
    id: 'store-set-cookie-guessed-rfc',
    clause: 'RFC 9111 §7.3',
    promise: 'rfc: what is fresh by a guess only is no permission to share a Set-Cookie',
    policy: 'rfc',
    steps: [
      fetched([
        ['Last-Modified', date(-864_000)],
        ['Set-Cookie', 'a=b'],
      ]),
      missed(),
    ],
  },
  {
    id: 'store-set-cookie-by-site',
    clause: 'RFC 9111 §7.3',
    promise: 'a site may have Set-Cookie stored as any field',
    site: { storeSetCookie: true },
    steps: [fetched([...FRESH, ['Set-Cookie', 'a=b']]), hit()],
  },
  {
    id: 'store-set-cookie-ignored',
    clause: 'RFC 9111 §7.3',
    promise: 'a site may have responses stored without their Set-Cookie',
    site: { ignoreSetCookie: true },
    steps: [
      fetched([...FRESH, ['Set-Cookie', 'a=b']], {
        expect: { asked: true, fields: { 'set-cookie': false } },
      }),
      hit({ expect: { asked: false, body: 1, fields: { 'set-cookie': false } } }),
    ],
  },
]

export const STORING: readonly Case[] = [...BY_DIRECTIVE, ...BY_REQUEST]
