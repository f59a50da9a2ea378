// What fields say that are written oddly.

import { combined, has, without } from '#core/entry/fields.ts'

import { withFields, withLater } from './disagreement.ts'
import type { Difference, Disagreement } from './disagreement.ts'
import {
  conflicts,
  dated,
  inLowerCase,
  isOdd,
  membersOf,
  says,
  withMembers,
  withoutMembers,
} from './plainly-said.ts'

const MAX_DELTA_SECONDS = 2_147_483_648

/** We keep less, or for less long, or use less than the other would. */
function isStricter({ ours, theirs }: Difference): boolean {
  if (typeof ours === 'number' && typeof theirs === 'number') return ours < theirs
  return ours === false || ours === 'revalidate' || theirs === 'serve'
}

/** A member without an argument that holds commas. */
function unquoted(member: string): readonly string[] {
  return [/^ext="[^"]*,/.test(member) ? 'ext=1' : member]
}

export const READING: readonly Disagreement[] = [
  {
    name: 'directives in any case',
    because: 'Names of directives are case-insensitive (RFC 9111 §5.2).',
    rewrite: ({ request, fields, later, ...facts }) => ({
      ...facts,
      request: { ...request, fields: inLowerCase(request.fields) },
      fields: inLowerCase(fields),
      later: { ...later, fields: inLowerCase(later.fields) },
    }),
  },
  {
    name: 'a quoted string is one argument, commas and all',
    because:
      'An argument may be a quoted string (RFC 9111 §5.2), and a comma in it is no separator; without an end it has all the rest.',
    rewrite(facts) {
      const { fields, later } = facts
      return withLater(
        withFields(facts, withMembers(fields, unquoted)),
        withMembers(later.fields, unquoted),
      )
    },
    // Of several quotes without an end it depends on which are taken for a pair.
    explains({ fields }) {
      const quoteCount = (combined(fields, 'cache-control') ?? '').split('"').length - 1
      return quoteCount > 1 && quoteCount % 2 === 1
    },
  },
  {
    name: 'odd or conflicting response directives are read as the strictest',
    because:
      'Invalid freshness makes a response stale, conflicting directives mean the most restrictive (RFC 9111 §4.2.1); an odd prohibition is a prohibition.',
    rewrite: (facts) =>
      withFields(
        facts,
        withMembers(facts.fields, (member) => [member.replace(/=-[0-9]+$/, '=0')]),
      ),
    // An empty argument is none to the other, and no freshness to us: stored to be validated.
    explains: ({ fields, request }, difference) =>
      (membersOf(fields).some(isOdd) || conflicts(fields)) &&
      (isStricter(difference) ||
        ((!has(request.fields, 'authorization') || says(fields, /^(?:public|must-revalidate)$/i)) &&
          says(fields, /^(?:max-age|s-maxage)(?:=(?:"")?)?$|="[^"]*$/))),
  },
  {
    name: 'odd or conflicting request directives are read as the strictest',
    because:
      'As in responses (RFC 9111 §4.2.1): what is no number is no permission. A min-fresh that is none asks for nothing (§5.2.1.3).',
    rewrite: (facts) =>
      withLater(facts, withoutMembers(facts.later.fields, /^min-fresh(?!=[0-9]+$)/i)),
    explains: ({ later }, difference) =>
      difference.question === 'reuse' &&
      (membersOf(later.fields).some(isOdd) || conflicts(later.fields)) &&
      isStricter(difference),
  },
  {
    name: 'private and no-cache with fields are about those fields',
    because:
      'Qualified, they forbid to store, or to reuse, the fields that they name, and not the response (RFC 9111 §5.2.2.4, §5.2.2.7).',
    rewrite: (facts) =>
      withFields(facts, withoutMembers(facts.fields, /^(?:private|no-cache)="x-secret"$/i)),
  },
  {
    name: 'no lifetime is above 2^31 seconds',
    because: 'A larger delta-seconds counts as 2147483648 (RFC 9111 §1.2.2).',
    explains: (_facts, { ours, theirs }) => ours === MAX_DELTA_SECONDS && Number(theirs) > ours,
  },
  {
    name: 'dates are HTTP-dates, and one',
    because:
      'An Expires that is no HTTP-date, or is there twice, is in the past (RFC 9111 §5.3, §4.2.1); other forms than the three of RFC 9110 §5.6.7 are no dates.',
    rewrite: (facts) => withFields(facts, dated(facts.fields)),
  },
  {
    name: 'Pragma means nothing in a response, nor beside Cache-Control in a request',
    because:
      'It is defined for requests alone, and only where Cache-Control is absent (RFC 9111 §5.4).',
    rewrite(facts) {
      const { fields, later } = facts
      const silent = new Set(['pragma'])
      const hasControl = has(later.fields, 'cache-control')
      return withLater(
        withFields(facts, without(fields, silent)),
        hasControl ? without(later.fields, silent) : later.fields,
      )
    },
  },
]
