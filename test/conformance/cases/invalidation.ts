// Invalidation by unsafe methods (RFC 9111 §4.4).

import type { Case } from '../case.ts'
import { FRESH_TAGGED, changed, fetched, hit, validated } from '../steps.ts'

const BY_METHOD: readonly Case[] = [
  ...['POST', 'PUT', 'DELETE', 'PATCH', 'PROPPATCH', 'MKCOL', 'M-SEARCH', 'PURGE'].map(
    (method): Case => ({
      id: `invalidate-${method.toLowerCase()}`,
      clause: 'RFC 9111 §4.4',
      promise: `a ${method} that succeeds has what is stored for its target validated`,
      steps: [fetched(FRESH_TAGGED), changed(method), validated(), hit()],
    }),
  ),
  {
    id: 'invalidate-unknown-method',
    clause: 'RFC 9111 §4.4',
    promise: 'a method that nobody here knows invalidates too',
    only: { world: 'fakes', because: 'the parser of Node refuses methods that it does not know' },
    steps: [fetched(FRESH_TAGGED), changed('FROBNICATE'), validated()],
  },
  ...[201, 202, 204, 205, 301, 302, 303, 307, 308].map(
    (status): Case => ({
      id: `invalidate-by-${status}`,
      clause: 'RFC 9111 §4.4',
      promise: `a ${status} to POST is no error: it invalidates`,
      steps: [fetched(FRESH_TAGGED), changed('POST', { status }), validated()],
    }),
  ),
  ...[400, 403, 404, 409, 412, 500, 503].map(
    (status): Case => ({
      id: `invalidate-not-by-${status}`,
      clause: 'RFC 9111 §4.4',
      promise: `a ${status} to POST is an error: it invalidates nothing`,
      steps: [fetched(FRESH_TAGGED), changed('POST', { status }), hit()],
    }),
  ),
  {
    id: 'invalidate-not-by-silence',
    clause: 'RFC 9111 §4.4',
    promise: 'an unsafe request without an answer is not sent again',
    steps: [
      fetched(FRESH_TAGGED),
      { method: 'POST', origin: { isSilent: true }, expect: { status: 502, asked: true } },
    ],
  },
  {
    id: 'invalidate-not-options',
    clause: 'RFC 9111 §4.4',
    promise: 'a safe method invalidates nothing',
    steps: [fetched(FRESH_TAGGED), changed('OPTIONS'), hit()],
  },
  {
    id: 'invalidate-other-query',
    clause: 'RFC 9111 §4.4',
    promise: 'another target is left alone',
    steps: [
      fetched(FRESH_TAGGED, { target: '?a' }),
      fetched(FRESH_TAGGED, { target: '?b' }),
      { ...changed('POST'), target: '?a' },
      hit({ target: '?b', of: 2 }),
    ],
  },
  {
    id: 'invalidate-all-variants',
    clause: 'RFC 9111 §4.4',
    promise: 'all variants of the target are invalidated',
    steps: [
      fetched([...FRESH_TAGGED, ['Vary', 'Foo']], { fields: [['Foo', '1']] }),
      fetched([...FRESH_TAGGED, ['Vary', 'Foo'], ['ETag', '"v2"']], { fields: [['Foo', '2']] }),
      changed('DELETE'),
      { fields: [['Foo', '1']], origin: { fields: FRESH_TAGGED }, expect: { asked: true } },
      { fields: [['Foo', '2']], origin: { fields: FRESH_TAGGED }, expect: {} },
    ],
  },
  {
    id: 'invalidate-not-stale-instead',
    clause: 'RFC 9111 §4.4',
    promise: 'what is invalidated does not stand in for an origin that fails',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=3600, stale-if-error=3600'],
        ['ETag', '"v1"'],
      ]),
      changed('POST'),
      { origin: { status: 503 }, expect: { status: 503, asked: true, body: 'new' } },
    ],
  },
  {
    id: 'invalidate-not-swr',
    clause: 'RFC 9111 §4.4',
    promise: 'what is invalidated is not served while it is validated',
    steps: [
      fetched([
        ['Cache-Control', 'max-age=3600, stale-while-revalidate=3600'],
        ['ETag', '"v1"'],
      ]),
      changed('POST'),
      fetched(FRESH_TAGGED),
    ],
  },
  {
    id: 'invalidate-not-max-stale',
    clause: 'RFC 9111 §4.4',
    promise: 'what is invalidated is not served to who takes what is stale',
    steps: [
      fetched(FRESH_TAGGED),
      changed('POST'),
      validated([], { fields: [['Cache-Control', 'max-stale']] }),
    ],
  },
]

function named(
  id: string,
  promise: string,
  field: readonly [string, string],
  isInvalidated: boolean,
  method = 'POST',
): Case {
  return {
    id,
    clause: 'RFC 9111 §4.4',
    promise,
    steps: [
      fetched(FRESH_TAGGED, { target: '/b' }),
      { ...changed(method, { fields: [field] }), target: '/a' },
      isInvalidated ? validated([], { target: '/b' }) : hit({ target: '/b' }),
    ],
  }
}

const NAMED: readonly Case[] = ['Location', 'Content-Location'].flatMap((name) => {
  const id = `invalidate-${name.toLowerCase()}`
  return [
    named(`${id}-path`, `${name} with a path invalidates it too`, [name, '{path}/b'], true),
    named(`${id}-relative`, `a relative ${name} is resolved`, [name, 'b'], true),
    named(
      `${id}-absolute`,
      `${name} with a URI of the same origin invalidates it`,
      [name, 'http://edge.test{path}/b'],
      true,
    ),
    named(
      `${id}-port`,
      `${name} with the default port is of the same origin`,
      [name, 'http://edge.test:80{path}/b'],
      true,
    ),
    named(
      `${id}-other-host`,
      `${name} of another host invalidates nothing`,
      [name, 'http://other.test{path}/b'],
      false,
    ),
    named(
      `${id}-other-port`,
      `${name} of another port invalidates nothing`,
      [name, 'http://edge.test:8080{path}/b'],
      false,
    ),
    named(
      `${id}-other-scheme`,
      `${name} of another scheme invalidates nothing`,
      [name, 'https://edge.test{path}/b'],
      false,
    ),
    named(
      `${id}-bad`,
      `a ${name} that is no reference invalidates nothing else`,
      [name, 'http://['],
      false,
    ),
    named(
      `${id}-of-options`,
      `${name} in the answer to a safe method invalidates nothing`,
      [name, '{path}/b'],
      false,
      'OPTIONS',
    ),
  ]
})

export const INVALIDATION: readonly Case[] = [...BY_METHOD, ...NAMED]
