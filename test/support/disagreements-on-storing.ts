// What is stored, and what a 304 updates.

import { combined, first, has, without } from '#core/entry/fields.ts'
import type { Fields } from '#core/entry/fields.ts'

import { textOfFields } from './differential-verdicts.ts'
import { withFields } from './disagreement.ts'
import type { Disagreement } from './disagreement.ts'
import { says, withoutMembers } from './plainly-said.ts'

/** Statuses of which the other knows what they mean. */
const KNOWN_TO_THEM: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501,
])
const NO_STATUS_OF_RFC_9110: ReadonlySet<number> = new Set([418, 599])

export const STORING: readonly Disagreement[] = [
  {
    name: 'of other answers than to GET only a POST is stored that is what a GET would get',
    because:
      'A POST is cacheable with explicit freshness and the Content-Location of its target, and answers GET (RFC 9110 §9.3.3). A HEAD may update what a GET stored, no more (RFC 9111 §4.3.5).',
    rewrite({ request, ...facts }) {
      const isGet = first(facts.fields, 'content-location') === '/object'
      return { ...facts, request: isGet ? { ...request, method: 'GET' } : request }
    },
    explains: ({ request }, { question, ours }) =>
      question === 'storable' && request.method !== 'GET' && ours === false,
  },
  {
    name: 'any final status with explicit freshness is stored',
    because:
      'The status has to be final, and to be understood only under must-understand (RFC 9111 §3); the other knows a few.',
    rewrite: (facts) =>
      KNOWN_TO_THEM.has(facts.status) || facts.status === 206 ? facts : { ...facts, status: 302 },
  },
  {
    name: 'what no other request could match is not stored',
    because:
      'A star in Vary never matches (RFC 9111 §4.1), and an answer chosen by credentials is for who has them (§3.5).',
    explains: ({ request, fields }, { question, ours }) => {
      const vary = combined(fields, 'vary') ?? ''
      const isForClient = vary.includes('authorization') && has(request.fields, 'authorization')
      return question === 'storable' && (vary.includes('*') || isForClient) && ours === false
    },
  },
  {
    name: 'what is never fresh and cannot be validated is not stored',
    because: 'It could satisfy no request without a full answer of the origin (RFC 9111 §4, §4.3).',
    explains: ({ fields }, { question, ours }) =>
      question === 'storable' &&
      !has(fields, 'etag') &&
      !has(fields, 'last-modified') &&
      ours === false,
  },
  {
    name: 'must-understand lifts no-store where the status is understood',
    because:
      'A cache that implements must-understand SHOULD ignore the no-store beside it (RFC 9111 §5.2.2.3).',
    rewrite(facts) {
      const { fields, status } = facts
      if (NO_STATUS_OF_RFC_9110.has(status) || !says(fields, /^must-understand$/i)) return facts
      return withFields(facts, withoutMembers(fields, /^no-store(?:=|$)/i))
    },
  },
]

function laidOver(fields: Fields, updates: Fields): Fields {
  const names = new Set(updates.filter((_, i) => i % 2 === 0))
  return [...without(fields, names), ...updates]
}

export const VALIDATION: readonly Disagreement[] = [
  {
    name: 'a strong entity tag of a 304 names strong ones only',
    because:
      'It identifies the stored responses with the same strong validator, and no other (RFC 9111 §4.3.4).',
    explains: ({ fields, notModified }, { question, ours }) =>
      question === 'identified' &&
      (first(fields, 'etag') ?? '').startsWith('W/') &&
      (first(notModified, 'etag') ?? '').startsWith('"') &&
      ours === false,
  },
  {
    name: 'a 304 names what it was asked about, or what one of its weak validators does',
    because:
      'Without a validator it can only speak of the one that our condition named (RFC 9111 §4.3.3); with weak ones, of what any of them corresponds to (§4.3.4).',
    explains({ fields, notModified }, { question, ours }) {
      const date = first(notModified, 'last-modified')
      const tag = first(notModified, 'etag')
      const isNamed = date !== undefined && date === first(fields, 'last-modified')
      const isWeak = tag === undefined || tag.startsWith('W/')
      const isBare = tag === undefined && date === undefined
      return question === 'identified' && ours === true && (isBare || (isWeak && isNamed))
    },
  },
  {
    name: 'every field of a 304 counts, new or not',
    because:
      'Each field of it is added to the stored ones, and replaces those of its name (RFC 9111 §3.2).',
    explains: ({ fields, notModified }, { question, ours }) => {
      const isWeak = (first(notModified, 'etag') ?? '').startsWith('W/')
      // A strong validator is not replaced by a weak tag, by which parts could not be joined.
      const withoutTag = isWeak ? without(notModified, new Set(['etag'])) : notModified
      return (
        question === 'updated' &&
        [notModified, withoutTag].some(
          (updates) => ours === textOfFields(laidOver(fields, updates)),
        )
      )
    },
  },
]
