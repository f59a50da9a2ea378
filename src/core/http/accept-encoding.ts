// Content negotiation for codings (RFC 9110 §12.5.3), reduced to classes so that one stored response
// serves all who accept it.

import { splitList, splitOutsideQuotes } from './list.ts'

/** Content codings we tell apart; anything else is identity to us. */
export type CodingClass = 'zstd' | 'br' | 'gzip' | 'identity'

/** RFC 9110 §12.4.2. */
const WEIGHT = /^q=(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/i
const REFUSED = /^q=0(?:\.0{0,3})?$/i

const CLASSES: readonly CodingClass[] = ['zstd', 'br', 'gzip', 'identity']

/**
 * The best class, in the order offered, that a request accepts. Malformed members count as absent, so
 * that odd values never become keys of their own.
 *
 * @param value The combined Accept-Encoding value.
 * @param offered What may be chosen, best first. Identity is what remains.
 */
export function chooseCoding(
  value: string | undefined,
  offered: readonly CodingClass[],
): CodingClass {
  if (value === undefined) return 'identity'
  const accepted = new Map<string, boolean>()
  for (const member of splitList(value)) {
    const [name, ...parameters] = splitOutsideQuotes(member, ';')
    if (name === undefined) continue
    if (!parameters.every((parameter) => WEIGHT.test(parameter))) continue
    const coding = name.toLowerCase() === 'x-gzip' ? 'gzip' : name.toLowerCase()
    accepted.set(coding, !parameters.some((parameter) => REFUSED.test(parameter)))
  }
  const wildcard = accepted.get('*') ?? false
  return offered.find((coding) => accepted.get(coding) ?? wildcard) ?? 'identity'
}

export function isCodingClass(value: string): value is CodingClass {
  return CLASSES.some((coding) => coding === value)
}
