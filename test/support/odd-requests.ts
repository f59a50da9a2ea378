// Requests that bring a response, and that come later, odd in every way that real ones are.

import * as fc from 'fast-check'

import type { Fields } from '#core/entry/fields.ts'

import { SECONDS, maybe } from './odd-responses.ts'

export interface RequestFacts {
  readonly method: string
  /** Without Host. */
  readonly fields: Fields
}

const requestDirective = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom('max-age', 'min-fresh', 'max-stale', 'stale-if-error'),
        fc.constantFrom(...SECONDS),
      )
      .map(([name, seconds]) => `${name}=${seconds}`),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('no-cache', 'max-stale', 'max-stale', 'only-if-cached', 'ext=1'),
  },
)

const oddRequestDirective = fc.constantFrom(
  'No-Cache',
  'MAX-AGE=5',
  'max-age=x',
  'max-age="5"',
  'max-age=5s',
  'max-age=',
  'max-age',
  'min-fresh=x',
  'min-fresh=5s',
  'min-fresh=',
  'Min-Fresh=5',
  'max-stale=x',
  'max-stale=5s',
  'max-stale=""',
  'max-stale=1e3',
  'MAX-STALE',
  'ext="a, no-cache"',
  'max-age=99999999999999999999',
  'min-fresh=99999999999999999999',
)

const requestControl = fc
  .oneof(
    { weight: 5, arbitrary: fc.constant<string[]>([]) },
    { weight: 5, arbitrary: fc.array(requestDirective, { minLength: 1, maxLength: 2 }) },
    {
      weight: 2,
      arbitrary: fc.array(fc.oneof(requestDirective, oddRequestDirective), {
        minLength: 1,
        maxLength: 2,
      }),
    },
  )
  .map((members): Fields => (members.length === 0 ? [] : ['cache-control', members.join(', ')]))

const selecting = fc
  .tuple(
    maybe('accept-language', 3, ['en, de', 'EN,de', 'fr'], []),
    maybe('accept-encoding', 3, ['gzip', 'gzip;q=0.5', 'x-gzip, nothing', 'br'], []),
    maybe('x-key', 3, ['one', 'two', ' one'], []),
  )
  .map((lists) => lists.flat())

export const firstRequest = fc
  .record({
    method: fc.oneof(
      { weight: 30, arbitrary: fc.constant('GET') },
      { weight: 1, arbitrary: fc.constantFrom('HEAD', 'POST', 'PUT') },
    ),
    authorization: maybe('authorization', 12, ['Basic YTpi'], []),
    control: fc.oneof(
      { weight: 20, arbitrary: fc.constant<Fields>([]) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Fields[]>(
          ['cache-control', 'no-store'],
          ['cache-control', 'No-Store'],
          ['cache-control', 'no-cache'],
        ),
      },
    ),
    selecting,
  })
  .map(
    ({ method, authorization, control, selecting: fields }): RequestFacts => ({
      method,
      fields: [...authorization, ...control, ...fields],
    }),
  )

export const laterRequest = fc
  .record({
    method: fc.oneof(
      { weight: 12, arbitrary: fc.constant('GET') },
      { weight: 1, arbitrary: fc.constant('HEAD') },
    ),
    control: requestControl,
    pragma: maybe('pragma', 25, ['no-cache', 'no-cache, x'], ['x']),
    selecting,
  })
  .map(
    ({ method, control, pragma, selecting: fields }): RequestFacts => ({
      method,
      fields: [...control, ...pragma, ...fields],
    }),
  )
