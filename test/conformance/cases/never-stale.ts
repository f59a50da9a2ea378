// What forbids serving stale, whatever allows it (RFC 9111 §4.2.4, §5.2.2).

import type { Case } from '../case.ts'
import { fetched, hit, stale, validated, withheld } from '../steps.ts'

const STALE_SERVED = { asked: true, body: 1, cache: /^fwd=stale/ } as const

export const NEVER_STALE: readonly Case[] = [
  ...(
    [
      ['must-revalidate', 'RFC 9111 §5.2.2.2'],
      ['proxy-revalidate', 'RFC 9111 §5.2.2.8'],
      ['no-cache', 'RFC 9111 §5.2.2.4'],
    ] as const
  ).flatMap(([directive, clause]): Case[] => [
    {
      id: `stale-never-${directive}-error`,
      clause,
      promise: `${directive} holds when the origin fails, whatever windows there are`,
      steps: [
        fetched(stale(`, stale-if-error=3600, ${directive}`)),
        withheld({ status: 503 }, { expect: { status: 503, body: 'new' } }),
      ],
    },
    {
      id: `stale-never-${directive}-disconnected`,
      clause,
      promise: `${directive} holds when the origin does not answer: an error is the answer`,
      steps: [
        fetched(stale(`, stale-if-error=3600, ${directive}`)),
        { origin: { isSilent: true }, expect: { status: 502, asked: true, cache: /^(?!hit)/ } },
      ],
    },
    {
      id: `stale-never-${directive}-asked`,
      clause,
      promise: `${directive} holds against a request that asks for a stale response on failure`,
      steps: [
        fetched(stale(`, ${directive}`)),
        withheld(
          { status: 503 },
          {
            fields: [['Cache-Control', 'stale-if-error=3600, max-stale=3600']],
            expect: { status: 503, body: 'new' },
          },
        ),
      ],
    },
    {
      id: `stale-never-${directive}-max-stale`,
      clause,
      promise: `${directive} holds against a request that takes what is stale`,
      steps: [
        fetched(stale(`, ${directive}`)),
        validated([], { fields: [['Cache-Control', 'max-stale=3600']] }),
      ],
    },
  ]),
  {
    id: 'stale-never-s-maxage-disconnected',
    clause: 'RFC 9111 §5.2.2.10',
    promise: 's-maxage forbids serving stale, as proxy-revalidate does',
    steps: [
      fetched([
        ['Cache-Control', 's-maxage=60'],
        ['Age', '100'],
        ['ETag', '"v1"'],
      ]),
      { origin: { isSilent: true }, expect: { status: 502, asked: true } },
    ],
  },
  {
    id: 'stale-never-s-maxage-max-stale',
    clause: 'RFC 9111 §5.2.2.10',
    promise: 's-maxage with a window of its own holds against a request that takes more',
    steps: [
      fetched([
        ['Cache-Control', 's-maxage=60, stale-if-error=10'],
        ['Age', '100'],
        ['ETag', '"v1"'],
      ]),
      validated([], { fields: [['Cache-Control', 'max-stale=3600']] }),
    ],
  },
  {
    id: 'stale-s-maxage-with-window',
    clause: 'RFC 9111 §5.2.2.10',
    promise: 'a stale-if-error beside s-maxage is meant: it lifts the prohibition',
    steps: [
      fetched([
        ['Cache-Control', 's-maxage=60, stale-if-error=3600'],
        ['Age', '100'],
        ['ETag', '"v1"'],
      ]),
      { origin: { isSilent: true }, expect: STALE_SERVED },
    ],
  },
  {
    id: 'stale-once-fresh-must-revalidate',
    clause: 'RFC 9111 §5.2.2.2',
    promise: 'must-revalidate leaves a fresh response alone',
    steps: [fetched([['Cache-Control', 'max-age=3600, must-revalidate']]), hit()],
  },
]
