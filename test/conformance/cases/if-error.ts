// A stale response in place of an error: what allows it (RFC 5861 §4; RFC 9111 §4.2.4).

import type { Case } from '../case.ts'
import { STALE_TAGGED, failing, fetched, hit, stale, validated, withheld } from '../steps.ts'

const STALE_SERVED = { asked: true, body: 1, cache: /^fwd=stale/ } as const

export const IF_ERROR: readonly Case[] = [
  ...[500, 502, 503, 504].map(
    (status): Case => ({
      id: `sie-${status}`,
      clause: 'RFC 5861 §4',
      promise: `within stale-if-error a stale response stands in for a ${status}`,
      steps: [
        fetched(stale(', stale-if-error=3600')),
        failing(status, {
          expect: { ...STALE_SERVED, fields: { age: { atLeast: 100, atMost: 102 } } },
        }),
      ],
    }),
  ),
  ...[400, 403, 404, 410, 429, 501].map(
    (status): Case => ({
      id: `sie-not-${status}`,
      clause: 'RFC 5861 §4',
      promise: `a ${status} is an answer: nothing stale stands in for it`,
      steps: [
        fetched(stale(', stale-if-error=3600')),
        withheld({ status }, { expect: { status, body: 'new' } }),
      ],
    }),
  ),
  {
    id: 'sie-disconnected',
    clause: 'RFC 9111 §4.2.4',
    promise: 'within stale-if-error a stale response stands in for an origin that does not answer',
    steps: [
      fetched(stale(', stale-if-error=3600')),
      { origin: { isSilent: true }, expect: STALE_SERVED },
    ],
  },
  {
    id: 'sie-head',
    clause: 'RFC 5861 §4',
    promise: 'a stale response stands in for an error to HEAD',
    steps: [
      fetched(stale(', stale-if-error=3600')),
      {
        method: 'HEAD',
        origin: { status: 503 },
        expect: { asked: true, body: 'none', cache: /^fwd=stale/ },
      },
    ],
  },
  {
    id: 'sie-range',
    clause: 'RFC 5861 §4',
    promise: 'a range is cut from the stale response that stands in',
    steps: [
      fetched({ fields: stale(', stale-if-error=3600'), body: '0123456789' }),
      {
        fields: [['Range', 'bytes=2-4']],
        origin: { status: 503 },
        expect: { status: 206, asked: true, body: { text: '234' }, cache: /^fwd=stale/ },
      },
    ],
  },
  {
    id: 'sie-condition',
    clause: 'RFC 5861 §4',
    promise: 'a condition is judged by the stale response that stands in',
    steps: [
      fetched(stale(', stale-if-error=3600')),
      {
        fields: [['If-None-Match', '"v1"']],
        origin: { isSilent: true },
        expect: { status: 304, asked: true, body: 'none', cache: /^fwd=stale/ },
      },
    ],
  },
  {
    id: 'sie-over',
    clause: 'RFC 5861 §4',
    promise: 'past its window an error is passed on, even if the site has a longer window',
    steps: [
      fetched(stale(', stale-if-error=30')),
      withheld({ status: 503 }, { expect: { status: 503, body: 'new' } }),
    ],
  },
  {
    id: 'sie-zero',
    clause: 'RFC 5861 §4',
    promise: 'stale-if-error=0 forbids it',
    steps: [
      fetched(stale(', stale-if-error=0')),
      withheld({ status: 503 }, { expect: { status: 503, body: 'new' } }),
    ],
  },
  {
    id: 'sie-of-request',
    clause: 'RFC 5861 §4',
    promise: 'a request may ask for a stale response instead of an error',
    site: { staleWindow: '0s' },
    steps: [
      fetched(STALE_TAGGED),
      failing(503, {
        fields: [['Cache-Control', 'stale-if-error=600']],
        expect: STALE_SERVED,
      }),
    ],
  },
  {
    id: 'sie-of-request-over',
    clause: 'RFC 5861 §4',
    promise: 'the window of a request ends too',
    site: { staleWindow: '0s' },
    steps: [
      fetched(STALE_TAGGED),
      withheld(
        { status: 503 },
        {
          fields: [['Cache-Control', 'stale-if-error=30']],
          expect: { status: 503, body: 'new' },
        },
      ),
    ],
  },
  {
    id: 'sie-none',
    clause: 'RFC 9111 §4.2.4',
    promise: 'without any window an error is passed on',
    site: { staleWindow: '0s' },
    steps: [
      fetched(STALE_TAGGED),
      withheld({ status: 503 }, { expect: { status: 503, body: 'new' } }),
    ],
  },
  {
    id: 'sie-by-site',
    clause: 'RFC 9111 §4.2.4',
    promise: 'the window of the site holds for what carries explicit freshness',
    steps: [fetched(STALE_TAGGED), { origin: { isSilent: true }, expect: STALE_SERVED }],
  },
  {
    id: 'sie-by-site-careful',
    clause: 'RFC 9111 §4.2.4',
    promise: 'careful: what says nothing of freshness does not stand in',
    policy: 'careful',
    steps: [
      fetched([['ETag', '"v1"']]),
      withheld({ status: 503 }, { expect: { status: 503, body: 'new' } }),
    ],
  },
  {
    id: 'sie-by-site-rfc',
    clause: 'RFC 9111 §4.2.4',
    promise: 'rfc: what does not forbid it stands in when the origin does not answer',
    policy: 'rfc',
    steps: [fetched([['ETag', '"v1"']]), { origin: { isSilent: true }, expect: STALE_SERVED }],
  },
  {
    id: 'sie-keeps-stored',
    clause: 'RFC 9111 §4.3.3',
    promise: 'an error leaves what is stored as it was',
    steps: [
      fetched(stale(', stale-if-error=3600')),
      failing(503, { expect: STALE_SERVED }),
      validated(),
      hit(),
    ],
  },
  {
    id: 'sie-never-stored-error',
    clause: 'RFC 5861 §4',
    promise: 'rfc: a stored error never stands in for a new one',
    policy: 'rfc',
    steps: [
      fetched({ status: 503, fields: stale(', stale-if-error=3600') }),
      withheld({ status: 500 }, { expect: { status: 500, body: 'new' } }),
    ],
  },
  {
    id: 'sie-fresh-error-stored',
    clause: 'RFC 9111 §4.3.3',
    promise: 'rfc: a fresh error does not take the place of what may still stand in',
    policy: 'rfc',
    steps: [
      fetched(stale(', stale-if-error=3600')),
      {
        origin: { status: 503, fields: [['Cache-Control', 'max-age=3600']] },
        expect: STALE_SERVED,
      },
      validated(),
    ],
  },
  {
    id: 'sie-authorization',
    clause: 'RFC 9111 §3.5',
    promise: 'nothing stale stands in for an answer to credentials unless it is for all',
    steps: [
      fetched(stale(', stale-if-error=3600')),
      withheld(
        { status: 503 },
        { fields: [['Authorization', 'Basic QTpC']], expect: { status: 503, body: 'new' } },
      ),
    ],
  },
]
