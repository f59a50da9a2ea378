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
  return {
    noStore: isSet(dictionary, 'no-store'),
    noCache: isSet(dictionary, 'no-cache'),
    isPrivate: isSet(dictionary, 'private'),
    isPublic: isTrue(dictionary, 'public'),
    mustRevalidate: isSet(dictionary, 'must-revalidate'),
    proxyRevalidate: isSet(dictionary, 'proxy-revalidate'),
    mustUnderstand: isTrue(dictionary, 'must-understand'),
    immutable: isTrue(dictionary, 'immutable'),
    maxAgeSeconds: seconds(dictionary, 'max-age'),
    sMaxAgeSeconds: seconds(dictionary, 's-maxage'),
    staleWhileRevalidateSeconds: seconds(dictionary, 'stale-while-revalidate'),
    staleIfErrorSeconds: seconds(dictionary, 'stale-if-error'),
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

/** Of another type than Integer, or negative, the directive counts as absent (RFC 9213 §2.1). */
function seconds(dictionary: Dictionary, name: string): number | undefined {
  const value = dictionary.get(name)?.[0]
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined
}
