// Requests at the same time: nothing waits for what cannot be shared, and one asks for all where it can
// (RFC 9111 §4).

import type { Case } from '../case.ts'
import { FRESH, FRESH_TAGGED, STALE_TAGGED, changed, fetched, hit, missed } from '../steps.ts'

export const TOGETHER: readonly Case[] = [
  {
    id: 'together-collapsed',
    clause: 'RFC 9111 §4',
    promise: 'requests for the same at the same time are one to the origin',
    steps: [
      {
        parallel: 5,
        origin: { fields: FRESH, isSlow: true },
        expect: { asked: true, body: 1, cache: /^fwd=uri-miss; stored/ },
      },
      hit(),
    ],
  },
  {
    id: 'together-validated',
    clause: 'RFC 9111 §4.3',
    promise: 'requests for the same stale response at the same time are one validation',
    steps: [
      fetched(STALE_TAGGED),
      {
        parallel: 5,
        origin: { status: 304, isSlow: true },
        expect: { asked: true, body: 1, sent: { 'if-none-match': '"v1"' } },
      },
    ],
  },
  {
    id: 'together-invalidated',
    clause: 'RFC 9111 §4.4',
    promise: 'requests at the same time for what was invalidated are one validation',
    steps: [
      fetched(FRESH_TAGGED),
      changed('POST'),
      {
        parallel: 5,
        origin: { status: 304, fields: [['ETag', '"v1"']], isSlow: true },
        expect: { asked: true, body: 1, sent: { 'if-none-match': '"v1"' } },
      },
    ],
  },
  {
    id: 'together-head',
    clause: 'RFC 9111 §4',
    promise: 'requests with HEAD at the same time are one to the origin',
    steps: [
      {
        parallel: 5,
        method: 'HEAD',
        origin: { fields: FRESH_TAGGED, isSlow: true },
        expect: { asked: true, body: 'none', sentMethod: 'HEAD' },
      },
    ],
  },
  {
    id: 'together-unshareable',
    clause: 'RFC 9111 §4',
    promise: 'an answer that may not be shared is for one: the others ask for themselves',
    steps: [
      {
        parallel: 3,
        origin: { fields: [['Cache-Control', 'private']], isSlow: true },
        expect: { asked: 3 },
      },
    ],
  },
  ...(['no-cache', 'max-age=0', 'must-revalidate, max-age=0'] as const).map(
    (value, i): Case => ({
      id: `together-unvalidated-${i + 1}`,
      clause: 'RFC 9111 §5.2.2.4',
      promise: `what has to be validated for each use (${value}) is not given to who came before it`,
      steps: [
        {
          parallel: 3,
          origin: {
            fields: [
              ['Cache-Control', value],
              ['ETag', '"v1"'],
            ],
            isSlow: true,
          },
          expect: { asked: { atLeast: 2, atMost: 3 } },
        },
      ],
    }),
  ),
  {
    id: 'together-hit-for-miss',
    clause: 'RFC 9111 §4',
    promise: 'for what turned out not to be shareable nobody waits',
    steps: [
      fetched([['Cache-Control', 'no-store']]),
      {
        parallel: 3,
        origin: { fields: [['Cache-Control', 'no-store']], gather: 3 },
        expect: { asked: 3 },
      },
    ],
  },
  {
    id: 'together-hit-for-miss-ends',
    clause: 'RFC 9111 §4',
    promise: 'what may be shared after all is stored again',
    steps: [fetched([['Cache-Control', 'no-store']]), fetched(FRESH), hit({ of: 2 })],
  },
  {
    id: 'together-authorization',
    clause: 'RFC 9111 §3.5',
    promise: 'requests with credentials neither wait nor are waited for',
    steps: [
      {
        parallel: 3,
        fields: [['Authorization', 'Basic QTpC']],
        origin: { fields: FRESH, gather: 3 },
        expect: { asked: 3 },
      },
    ],
  },
  {
    id: 'together-error',
    clause: 'RFC 9111 §4',
    promise: 'an error is not stored for who comes later',
    steps: [fetched({ status: 500 }), missed()],
  },
]
