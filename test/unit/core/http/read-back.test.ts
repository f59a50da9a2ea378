// What others write in any of the ways that they may, read as what it says.

import * as fc from 'fast-check'
import { serializeDictionary, serializeList } from 'structured-headers'
import type { Item, List } from 'structured-headers'
import { describe, expect, it } from 'vitest'

import { chooseCoding } from '#core/http/accept-encoding.ts'
import type { CodingClass } from '#core/http/accept-encoding.ts'
import { parseResponseDirectives } from '#core/http/cache-control.ts'
import { parseGroups } from '#core/http/cache-groups.ts'
import { parseNoVarySearch, reducedQuery } from '#core/http/no-vary-search.ts'
import { parseTargeted } from '#core/http/targeted.ts'
import { parseVary } from '#core/http/vary.ts'

import { printable, token } from '../../../support/near-misses.ts'

describe('parseVary', () => {
  it('gives back the names of any list, in any case and order (RFC 9110 §12.5.5)', () => {
    const names = fc.array(token.filter((name) => name !== '*'))
    fc.assert(
      fc.property(names, fc.constantFrom(',', ', ', ' ,\t', ',,'), (list, between) => {
        const expected = [...new Set(list.map((name) => name.toLowerCase()))].toSorted()
        expect(parseVary(list.join(between))).toEqual(expected)
        expect(parseVary([...list, '*'].join(between))).toBe('*')
      }),
    )
  })
})

describe('chooseCoding', () => {
  it('takes the best that is offered and not refused, in any spelling (RFC 9110 §12.5.3)', () => {
    const names = ['zstd', 'br', 'gzip', 'deflate', '*'] as const
    const weights = ['', ';q=1', ' ;\tq=0.5', ';Q=0.001', ';q=0', '; q=0.000'] as const
    const member = fc.record({
      name: fc.constantFrom(...names),
      weight: fc.constantFrom(...weights),
    })
    const lists = fc.uniqueArray(member, { selector: ({ name }) => name })
    const offers = fc.shuffledSubarray<CodingClass>(['zstd', 'br', 'gzip'])
    fc.assert(
      fc.property(lists, offers, fc.boolean(), (members, offered, isUpper) => {
        const text = members.map(({ name, weight }) => name + weight).join(', ')
        const best = offered.find((coding) => {
          const own = members.find(({ name }) => name === coding)
          const star = members.find(({ name }) => name === '*')
          const deciding = own ?? star
          return deciding !== undefined && !/=0(?:\.0*)?$/.test(deciding.weight)
        })
        const chosen = chooseCoding(isUpper ? text.toUpperCase() : text, offered)
        expect(chosen).toBe(best ?? 'identity')
      }),
      { numRuns: 1000 },
    )
  })
})

function numbersOf(said: ReturnType<typeof parseResponseDirectives> | undefined) {
  return {
    'max-age': said?.maxAgeSeconds,
    's-maxage': said?.sMaxAgeSeconds,
    'stale-while-revalidate': said?.staleWhileRevalidateSeconds,
    'stale-if-error': said?.staleIfErrorSeconds,
  }
}

describe('Cache-Control', () => {
  const seconds = fc.option(fc.nat({ max: 2 ** 31 - 1 }), { nil: undefined })
  const lifetimes = fc.record({
    'max-age': seconds,
    's-maxage': seconds,
    'stale-while-revalidate': seconds,
    'stale-if-error': seconds,
  })
  const flags = fc.subarray([
    'public',
    'immutable',
    'must-revalidate',
    'no-cache',
    'must-understand',
  ])

  it('is read as it was said, in any case, order and quoting, targeted or not (RFC 9111 §5.2, RFC 9213 §2.1)', () => {
    fc.assert(
      fc.property(
        lifetimes,
        flags,
        fc.boolean(),
        fc.boolean(),
        (said, named, isUpper, isQuoted) => {
          const numbers = Object.entries(said).filter(([, value]) => value !== undefined)
          const members = [
            ...numbers.map(([name, value]) => `${name}=${isQuoted ? `"${value}"` : value}`),
            ...named,
          ].toReversed()
          const text = members.join(' , ')
          const read = parseResponseDirectives(isUpper ? text.toUpperCase() : text)
          expect(numbersOf(read)).toEqual(said)
          expect([read.isPublic, read.immutable, read.mustRevalidate, read.noCache]).toEqual(
            ['public', 'immutable', 'must-revalidate', 'no-cache'].map((name) =>
              named.includes(name),
            ),
          )
          if (members.length === 0) return
          const dictionary = serializeDictionary(
            Object.fromEntries<number | boolean>([
              ...numbers.map(([name, value]) => [name, value ?? 0] as const),
              ...named.map((name) => [name, true] as const),
            ]),
          )
          expect(numbersOf(parseTargeted(dictionary))).toEqual(said)
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('parseGroups', () => {
  it('gives back the names of any List of Strings, whatever their parameters (RFC 9875 §2)', () => {
    const names = fc.array(printable, { maxLength: 40 })
    fc.assert(
      fc.property(names, fc.boolean(), (list, hasParameters) => {
        const items: List = list.map(
          (name): Item => [name, new Map(hasParameters ? [['a', 1]] : [])],
        )
        expect(parseGroups(serializeList(items))).toEqual([...new Set(list)])
      }),
    )
  })
})

type Pairs = [name: string, value: string][]

function targetOf(pairs: Pairs): string {
  return `/path?${new URLSearchParams(pairs).toString()}`
}

describe('No-Vary-Search', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'a b', 'é', '&', 'utm_source')
  const pairs: fc.Arbitrary<Pairs> = fc.array(fc.tuple(name, fc.constantFrom('1', '2', '')), {
    maxLength: 4,
  })

  it('tells targets apart by what is left of their queries, and by nothing else', () => {
    const ignoring = fc.subarray(['a', 'b', 'a b'], { minLength: 1 })
    fc.assert(
      fc.property(pairs, pairs, ignoring, fc.boolean(), (a, b, ignored, isFree) => {
        const names = ignored.map((each) => `"${each}"`).join(' ')
        const variance = parseNoVarySearch(`${isFree ? 'key-order, ' : ''}params=(${names})`)
        if (variance === undefined) throw new Error('Cannot read what is well-formed')
        const leftOf = (list: Pairs): string => {
          const left = list.filter(([each]) => !ignored.includes(each))
          // In any order of names; those of one name keep theirs.
          if (isFree) left.sort(([x], [y]) => (x < y ? -1 : x > y ? 1 : 0))
          return JSON.stringify(left)
        }
        const isSame = reducedQuery(targetOf(a), variance) === reducedQuery(targetOf(b), variance)
        expect(isSame).toBe(leftOf(a) === leftOf(b))
      }),
      { numRuns: 1000 },
    )
  })
})
