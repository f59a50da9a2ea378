// How old a response is, how long it is fresh, and which requests it answers.

import { combined, has, replaced, without } from '#core/entry/fields.ts'

import { withFields, withoutMaxStale, withoutStale, withoutWindow } from './disagreement.ts'
import type { Disagreement } from './disagreement.ts'
import { aged, says, selectingPlain, withoutMembers } from './plainly-said.ts'

export const FRESHNESS: readonly Disagreement[] = [
  {
    name: 'Set-Cookie shortens no lifetime, but what is guessed at is not stored with it',
    because:
      'Set-Cookie does not inhibit caching (RFC 9111 §7.3): an explicit lifetime holds. A guess is no permission to share it.',
    rewrite: (facts) => withFields(facts, without(facts.fields, new Set(['set-cookie']))),
    explains: ({ fields }, { question, ours }) =>
      question === 'storable' &&
      ours === false &&
      has(fields, 'set-cookie') &&
      !has(fields, 'expires') &&
      !says(fields, /^(?:max-age|s-maxage)=[0-9]/i),
  },
  {
    name: 'age counts from Date too, and the time that the answer took; an Age is digits',
    because:
      'corrected_initial_age is the larger of now minus Date, and Age with the response delay (RFC 9111 §4.2.3); an Age that is no integer is ignored (§5.1).',
    rewrite: (facts) => withFields(facts, aged(facts)),
  },
  {
    name: 'no-cache, proxy-revalidate and s-maxage forbid what max-stale asks for',
    because:
      'A cache must not send a stale response that a directive forbids, whatever the request allows (RFC 9111 §4.2.4; §5.2.2.4, §5.2.2.8, §5.2.2.10).',
    rewrite(facts) {
      const { fields } = facts
      if (says(fields, /^(?:no-cache|proxy-revalidate)/i)) return withoutStale(facts)
      if (!says(fields, /^s-maxage/i)) return facts
      // With a window of its own it allows that, and nothing else.
      const hasWindow = says(fields, /^stale-(?:while-revalidate|if-error)/i)
      return hasWindow ? withoutMaxStale(facts) : withoutStale(facts)
    },
  },
  {
    name: 'what is immutable and fresh is not validated for a max-age',
    because:
      'Proxies SHOULD skip validating it while it is fresh, unless no-cache says that it is necessary (RFC 8246 §2.1).',
    explains: ({ fields, later }, { question, ours, ourVerdicts }) =>
      question === 'reuse' &&
      ours === 'serve' &&
      Number(ourVerdicts.get('age')) < Number(ourVerdicts.get('lifetime')) &&
      says(fields, /^immutable$/i) &&
      says(later.fields, /^max-age/i) &&
      !says(later.fields, /^no-cache$/i),
  },
  {
    name: 'must-revalidate and proxy-revalidate speak of what is stale',
    because:
      'They forbid reuse without validation once the response is stale, not before (RFC 9111 §5.2.2.2, §5.2.2.8).',
    rewrite(facts) {
      const { fields, request } = facts
      if (!says(fields, /^(?:must|proxy)-revalidate$/i)) return facts
      const mayShare = says(fields, /^must-revalidate$/i)
      const strict = withFields(facts, withoutMembers(fields, /^(?:must|proxy)-revalidate$/i))
      // It is also what allows to store an answer to a request with Authorization (§3.5).
      const asked = mayShare ? without(request.fields, new Set(['authorization'])) : request.fields
      return { ...withoutStale(strict), request: { ...request, fields: asked } }
    },
  },
  {
    name: 'who names a limit and no max-stale wants nothing stale',
    because:
      'Beside max-age, and with min-fresh, a client is not willing to accept a stale response (RFC 9111 §5.2.1.1, §5.2.1.3), stale-while-revalidate or not.',
    rewrite: (facts) =>
      says(facts.later.fields, /^(?:max-age|min-fresh=[0-9])/i) ? withoutWindow(facts) : facts,
  },
  {
    name: 'windows hold to their last second',
    because:
      'max-stale=n allows what is stale by no more than n seconds (RFC 9111 §5.2.1.2), stale-while-revalidate=n up to n (RFC 5861 §3).',
    explains: ({ fields, later }, { question, ours, ourVerdicts }) => {
      if (question !== 'reuse' || ours === 'revalidate') return false
      const staleForSeconds = Number(ourVerdicts.get('age')) - Number(ourVerdicts.get('lifetime'))
      const window = new RegExp(
        `^(?:max-stale|stale-while-revalidate)="?${staleForSeconds}"?$`,
        'i',
      )
      return says(later.fields, window) || says(fields, window)
    },
  },
]

export const SELECTION: readonly Disagreement[] = [
  {
    name: 'a stored GET answers HEAD',
    because:
      'HEAD is GET without content (RFC 9110 §9.3.2), and a cache may answer it from what a GET stored (RFC 9111 §4).',
    rewrite: (facts) => ({ ...facts, later: { ...facts.later, method: 'GET' } }),
  },
  {
    name: 'selecting fields are compared by what they mean, and a coding always selects',
    because:
      'Whitespace, the case of language tags and spellings of one content coding are normalised (RFC 9111 §4.1); a coding that is not accepted must not be sent (RFC 9110 §12.5.3), though the origin forgot Vary.',
    rewrite({ request, later, ...facts }) {
      const vary = combined(facts.fields, 'vary')
      const isCoded = has(facts.fields, 'content-encoding')
      const names = vary === undefined ? 'accept-encoding' : `${vary}, accept-encoding`
      return {
        ...facts,
        fields: isCoded ? replaced(facts.fields, 'vary', names) : facts.fields,
        request: { ...request, fields: selectingPlain(request.fields) },
        later: { ...later, fields: selectingPlain(later.fields) },
      }
    },
  },
]
