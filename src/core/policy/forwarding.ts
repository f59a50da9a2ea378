// What of a request reaches the origin. Two requests with equal keys and equal values of the forwarded
// fields cause the same origin request, but for ranges, conditions and credentials.

import type { Fields } from '../entry/fields.ts'
import { combined, replaced } from '../entry/fields.ts'
import type { Nominated } from '../entry/stored-response.ts'
import { NOTHING_NOMINATED } from '../entry/stored-response.ts'
import type { CodingClass } from '../http/accept-encoding.ts'
import { chooseCoding } from '../http/accept-encoding.ts'
import { sortLanguages } from '../http/accept-language.ts'
import { splitList } from '../http/list.ts'
import { parseVary } from '../http/vary.ts'

export interface ForwardRules {
  /** `listed`: only the few fields below and the site's own. `all`: every end-to-end field but a fixed few. */
  readonly mode: 'listed' | 'all'
  /** Lower-case names that the site lists besides. */
  readonly fields: ReadonlySet<string>
  /** Codings to ask for when the client takes them, best first; empty asks for identity. */
  readonly codings: readonly CodingClass[]
  /** Whether requests with the same languages in another order select the same (RFC 9110 §12.5.4). */
  readonly ignoresLanguageOrder: boolean
  /** Whether the client's Authorization goes to the origin. */
  readonly sendsAuthorization: boolean
}

const LISTED: ReadonlySet<string> = new Set(['accept', 'accept-language', 'user-agent'])

/** Never forwarded: they would let a client speak for us, or say what the flow says itself. */
const DENIED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'expect',
  'max-forwards',
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'accept-encoding',
  'authorization',
  'via',
  'cdn-loop',
  'traceparent',
  'tracestate',
  // One answer is for all: no client is to choose the digests in it.
  'want-content-digest',
  'want-digest',
  'want-repr-digest',
  'forwarded',
  'x-original-url',
  'x-rewrite-url',
  'x-original-host',
  'x-host',
  'x-real-ip',
  'x-client-ip',
  'x-forwarded',
  'x-http-host-override',
  'x-original-uri',
  'true-client-ip',
  'cf-connecting-ip',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
])

function mayForward(name: string, rules: ForwardRules): boolean {
  // A name with `_` is taken for one with `-` by many a server behind us.
  if (DENIED.has(name) || name.includes('_')) return false
  const isOurs = name.startsWith('x-forwarded-') || name.startsWith('x-sluice-')
  if (isOurs || name.startsWith('forwarded-')) return false
  return rules.mode === 'all' || LISTED.has(name) || rules.fields.has(name)
}

/** Whether a field of this name would be sent on. */
export function isForwarded(name: string, rules: ForwardRules): boolean {
  if (name === 'via' || name === 'cdn-loop') return true
  return name === 'authorization' ? rules.sendsAuthorization : mayForward(name, rules)
}

/** The fields that go to the origin whatever is stored: no range, no condition, no credentials. */
export function forwardedFields(fields: Fields, rules: ForwardRules): Fields {
  const forwarded: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (mayForward(name, rules)) forwarded.push(name, fields[i + 1] ?? '')
  }
  const coding = chooseCoding(combined(fields, 'accept-encoding'), rules.codings)
  return replaced(forwarded, 'accept-encoding', coding)
}

/** The fields that a stored response is selected by: those that the origin was, or would be, sent (RFC 9111 §4.1). */
export function selectingFields(fields: Fields, rules: ForwardRules): Fields {
  const forwarded = forwardedFields(fields, rules)
  const languages = rules.ignoresLanguageOrder ? combined(forwarded, LANGUAGES) : undefined
  const selecting =
    languages === undefined
      ? [...forwarded]
      : [...replaced(forwarded, LANGUAGES, sortLanguages(languages))]
  for (const name of SENT_BESIDES) {
    const value = combined(fields, name)
    if (value !== undefined && isForwarded(name, rules)) selecting.push(name, value)
  }
  return selecting
}

const LANGUAGES = 'accept-language'

/** Sent on by the flow, which adds to them or lets them by. */
const SENT_BESIDES = ['authorization', 'via', 'cdn-loop'] as const

/**
 * The nominated fields of a response with the values that were forwarded (RFC 9111 §4.1). A coded response
 * without `Vary: Accept-Encoding` is taken to vary on it.
 */
export function nominate(response: Fields, forwarded: Fields): Nominated {
  const vary = parseVary(combined(response, 'vary'))
  const names = vary === '*' ? [] : [...vary]
  const coding = combined(response, 'content-encoding')
  if (coding !== undefined && !names.includes('accept-encoding')) names.push('accept-encoding')
  if (names.length === 0) return NOTHING_NOMINATED
  return { names, values: nominatedValues(names, forwarded) }
}

/** Fields whose values mean the same in any case: language tags (RFC 9110 §12.5.4). */
const CASELESS: ReadonlySet<string> = new Set([LANGUAGES])

/**
 * As they count for a match: whitespace between members and, where it means nothing, case are normalised. An absent
 * field matches only where it is absent too (RFC 9111 §4.1): its value is empty, and that of any other begins
 * with `=`.
 */
export function nominatedValues(names: readonly string[], forwarded: Fields): readonly string[] {
  return names.map((name) => {
    const value = combined(forwarded, name)
    if (value === undefined) return ''
    const normalised = `=${splitList(value).join(',')}`
    return CASELESS.has(name) ? normalised.toLowerCase() : normalised
  })
}

export function isSameNominated(nominated: Nominated, forwarded: Fields): boolean {
  const values = nominatedValues(nominated.names, forwarded)
  return values.every((value, i) => value === nominated.values[i])
}
