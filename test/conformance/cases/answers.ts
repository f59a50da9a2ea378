// Interim responses (RFC 9110 §15.2), and what Cache-Status says (RFC 9211).

import type { Case, Lines } from '../case.ts'
import { FRESH, FRESH_TAGGED, STALE_TAGGED, fetched, hit, validated } from '../steps.ts'

const EARLY: Lines = [['Link', '</a.css>; rel=preload']]

const INTERIM: readonly Case[] = [
  {
    id: 'interim-103',
    clause: 'RFC 9110 §15.2',
    promise: 'a 103 is passed on before the answer',
    steps: [
      fetched(
        { fields: FRESH, interim: [{ status: 103, fields: EARLY }] },
        {
          expect: {
            asked: true,
            body: 'new',
            interim: [103],
            interimFields: { link: '</a.css>; rel=preload' },
            fields: { link: false },
          },
        },
      ),
      hit({ expect: { asked: false, body: 1, interim: [], fields: { link: false } } }),
    ],
  },
  {
    id: 'interim-several',
    clause: 'RFC 9110 §15.2',
    promise: 'several interim responses are passed on in order',
    steps: [
      fetched(
        {
          fields: FRESH,
          interim: [
            { status: 102, fields: [] },
            { status: 103, fields: EARLY },
            { status: 199, fields: [] },
          ],
        },
        { expect: { asked: true, body: 'new', interim: [102, 103, 199] } },
      ),
    ],
  },
  {
    id: 'interim-100',
    clause: 'RFC 9110 §15.2.1',
    promise: 'a 100 of the origin is for us alone',
    only: { world: 'sockets', because: 'the adapter takes it out' },
    steps: [
      fetched(
        { fields: FRESH, interim: [{ status: 100, fields: [] }] },
        { expect: { asked: true, body: 'new', interim: [] } },
      ),
    ],
  },
  {
    id: 'interim-of-relayed',
    clause: 'RFC 9110 §15.2',
    promise: 'a 103 to another method is passed on too',
    steps: [
      fetched(
        { fields: FRESH, interim: [{ status: 103, fields: EARLY }] },
        { method: 'POST', expect: { asked: true, body: 'new', interim: [103] } },
      ),
    ],
  },
  {
    id: 'interim-unstored',
    clause: 'RFC 9110 §15.2',
    promise: 'a 103 before what is not stored is passed on too',
    steps: [
      fetched(
        {
          fields: [['Cache-Control', 'no-store']],
          interim: [{ status: 103, fields: EARLY }],
        },
        { expect: { asked: true, body: 'new', interim: [103] } },
      ),
    ],
  },
]

const STATUS: readonly Case[] = [
  {
    id: 'status-says-stored',
    clause: 'RFC 9211 §2.5',
    promise: 'a miss says that it is one and that its answer is stored',
    steps: [fetched(FRESH, { expect: { asked: true, cache: /^fwd=uri-miss; stored$/ } })],
  },
  {
    id: 'status-says-not-stored',
    clause: 'RFC 9211 §2.5',
    promise: 'what is not stored does not say so',
    steps: [
      fetched([['Cache-Control', 'no-store']], {
        expect: { asked: true, cache: /^fwd=uri-miss$/ },
      }),
    ],
  },
  {
    id: 'status-says-hit',
    clause: 'RFC 9211 §2.1',
    promise: 'a hit says for how long it stays fresh',
    steps: [
      fetched([...FRESH, ['Age', '600']]),
      hit({ expect: { asked: false, cache: /^hit; ttl=(?:3000|299\d)$/ } }),
    ],
  },
  {
    id: 'status-says-stale',
    clause: 'RFC 9211 §2.2',
    promise: 'a validation says why, and with which status',
    steps: [
      fetched(STALE_TAGGED),
      validated([], {
        expect: { asked: true, cache: /^fwd=stale; fwd-status=304; ttl=(?:60|5\d)$/ },
      }),
    ],
  },
  {
    id: 'status-says-method',
    clause: 'RFC 9211 §2.2',
    promise: 'another method says that it was in the way',
    steps: [fetched(FRESH, { method: 'POST', expect: { asked: true, cache: /^fwd=method$/ } })],
  },
  {
    id: 'status-says-request',
    clause: 'RFC 9211 §2.2',
    promise: 'a request that refused what is stored says so',
    site: { minValidationInterval: '0s' },
    steps: [
      fetched(FRESH_TAGGED),
      validated([], {
        fields: [['Cache-Control', 'no-cache']],
        expect: { asked: true, cache: /^fwd=request; fwd-status=304; ttl=(?:3600|359\d)$/ },
      }),
    ],
  },
  {
    id: 'status-says-error',
    clause: 'RFC 9211 §2.3',
    promise: 'what stands in for an error says which status came',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=60, stale-if-error=600'],
        ['Age', '100'],
        ['ETag', '"v1"'],
      ]),
      {
        origin: { status: 503 },
        expect: { asked: true, body: 1, cache: /^fwd=stale; fwd-status=503/ },
      },
    ],
  },
  {
    id: 'status-of-our-own',
    clause: 'RFC 9211 §2.2',
    promise:
      'an error of our own says why it went forward, what failed, and that nobody is to keep it',
    steps: [
      {
        origin: { isSilent: true },
        expect: {
          status: 502,
          asked: true,
          cache: /^fwd=uri-miss; detail=connection_terminated$/,
          fields: { 'cache-control': 'no-store' },
        },
      },
    ],
  },
  {
    id: 'status-appended',
    clause: 'RFC 9211 §2',
    promise: 'our member stands behind those of caches nearer to the origin',
    steps: [
      fetched([...FRESH, ['Cache-Status', 'a; hit'], ['Cache-Status', 'b; fwd=miss']], {
        expect: {
          asked: true,
          fields: { 'cache-status': /^a; hit, b; fwd=miss, sluice; fwd=uri-miss; stored$/ },
        },
      }),
      hit({
        expect: {
          asked: false,
          fields: { 'cache-status': /^a; hit, b; fwd=miss, sluice; hit; ttl=\d+$/ },
        },
      }),
    ],
  },
]

export const ANSWERS: readonly Case[] = [...INTERIM, ...STATUS]
