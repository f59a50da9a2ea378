// Targeted cache control (RFC 9213): fields such as CDN-Cache-Control, which are Dictionaries of Structured
// Fields and speak to one kind of cache only.

import { parseDictionary } from 'structured-headers'
import type { Dictionary } from 'structured-headers'

import type { ResponseDirectives } from './cache-control.ts'

/**
 * Reads a targeted field.
 *
 * @returns `undefined` when it does not parse or is empty: then it counts as absent (RFC 9213 §2.1).
 */
export function parseTargeted(value: string): ResponseDirectives | undefined {
  const dictionary = parsed(value)
  if (dictionary === undefined || dictionary.size === 0) return undefined
  /**
   * Of another type than Integer the directive counts as absent (RFC 9213 §2.1); a negative number is no lifetime
   * (RFC 9111 §4.2.1).
   */
  function seconds(name: string): number | undefined {
    const number = dictionary?.get(name)?.[0]
    // The parser gives integers and decimals alike as numbers.
    const isDecimal = lastNumber(value, name).includes('.')
    const isInteger = typeof number === 'number' && Number.isInteger(number) && !isDecimal
    return isInteger ? Math.max(0, number) : undefined
  }

  const sMaxAgeSeconds = seconds('s-maxage')
  const isPublic = isTrue(dictionary, 'public')
  const mustRevalidate = isSet(dictionary, 'must-revalidate')
  return {
    permitsAuthorized: isPublic || mustRevalidate || sMaxAgeSeconds !== undefined,
    noStore: isSet(dictionary, 'no-store'),
    noCache: isSet(dictionary, 'no-cache'),
    isPrivate: isSet(dictionary, 'private'),
    noCacheFields: [],
    privateFields: [],
    isPublic,
    mustRevalidate,
    proxyRevalidate: isSet(dictionary, 'proxy-revalidate'),
    mustUnderstand: isTrue(dictionary, 'must-understand'),
    immutable: isTrue(dictionary, 'immutable'),
    maxAgeSeconds: seconds('max-age'),
    sMaxAgeSeconds,
    staleWhileRevalidateSeconds: seconds('stale-while-revalidate'),
    staleIfErrorSeconds: seconds('stale-if-error'),
  }
}

function parsed(value: string): Dictionary | undefined {
  try {
    return parseDictionary(value)
  } catch {
    return undefined
  }
}

/** What forbids holds with any value but false: a list of fields is read as the whole. */
function isSet(dictionary: Dictionary, name: string): boolean {
  const member = dictionary.get(name)
  return member !== undefined && member[0] !== false
}

function isTrue(dictionary: Dictionary, name: string): boolean {
  return dictionary.get(name)?.[0] === true
}

/** The number behind the last member of this name, as it was written: of repeated members the last counts. */
function lastNumber(value: string, name: string): string {
  let number = ''
  for (const [, member, text = ''] of value.matchAll(NUMBERS)) if (member === name) number = text
  return number
}

const NUMBERS = /(?:^|,)[ \t]*([a-z][a-z0-9_.*-]*)=(-?[0-9]+(?:\.[0-9]+)?)/g
