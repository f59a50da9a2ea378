// Validation with the origin (RFC 9111 §4.3).

import type { Fields } from '../entry/fields.ts'
import { first, without } from '../entry/fields.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { EntityTag } from '../http/entity-tag.ts'
import { isStrongMatch, isWeakMatch, parseEntityTag } from '../http/entity-tag.ts'
import { parseHttpDate } from '../http/http-date.ts'
import type { Validators } from '../http/preconditions.ts'
import { isStrongDate } from '../http/preconditions.ts'

/** The validators of a response (RFC 9110 §8.8). */
export function validatorsOf(fields: Fields, nowMs: number): Validators {
  const etag = first(fields, 'etag')
  const lastModified = first(fields, 'last-modified')
  const date = first(fields, 'date')
  return {
    etag: etag === undefined ? undefined : parseEntityTag(etag),
    lastModifiedMs: lastModified === undefined ? undefined : parseHttpDate(lastModified, nowMs),
    dateMs: date === undefined ? undefined : parseHttpDate(date, nowMs),
  }
}

/**
 * The text that tells this version's bytes from any other's: a strong entity tag, or a strong date.
 * `undefined`: no two fetches are known to be of the same bytes.
 */
export function strongValidatorOf(has: Validators): string | undefined {
  if (has.etag !== undefined) return has.etag.weak ? undefined : has.etag.opaque
  return isStrongDate(has) ? `date:${has.lastModifiedMs}` : undefined
}

/**
 * Fields of a conditional request with the validators of all variants (RFC 9111 §4.3.1).
 *
 * @param selected The variant that the request selected, first in line.
 */
export function conditionalFields(
  selected: StoredResponse,
  variants: readonly StoredResponse[],
): Fields {
  const tags = new Set<string>()
  for (const stored of [selected, ...variants]) {
    if (stored.validators.etag !== undefined) tags.add(formatTag(stored.validators.etag))
  }
  const lastModified = first(selected.fields, 'last-modified')
  const fields: string[] = []
  if (tags.size > 0) fields.push('if-none-match', [...tags].join(', '))
  if (lastModified !== undefined) fields.push('if-modified-since', lastModified)
  return fields
}

function formatTag(tag: EntityTag): string {
  return tag.weak ? `W/${tag.opaque}` : tag.opaque
}

/** The field that makes a ranged fetch fail when the version is another (RFC 9110 §13.1.1, §13.1.4). */
export function sameVersionFields(stored: Pick<StoredResponse, 'validators' | 'fields'>): Fields {
  const { etag } = stored.validators
  if (etag !== undefined && !etag.weak) return ['if-match', etag.opaque]
  const lastModified = first(stored.fields, 'last-modified')
  return lastModified === undefined ? [] : ['if-unmodified-since', lastModified]
}

/** Which stored response a 304 speaks of (RFC 9111 §4.3.4); `undefined`: none that we have. */
export function selectFreshened(
  notModified: Fields,
  selected: StoredResponse,
  variants: readonly StoredResponse[],
): StoredResponse | undefined {
  const value = first(notModified, 'etag')
  const etag = value === undefined ? undefined : parseEntityTag(value)
  if (etag === undefined) return selected
  const isMatch = etag.weak ? isWeakMatch : isStrongMatch
  return [selected, ...variants].find(
    (stored) => stored.validators.etag !== undefined && isMatch(etag, stored.validators.etag),
  )
}

/** Fields of a 304 that say nothing of the stored response (RFC 9111 §3.2). */
const NOT_UPDATED: ReadonlySet<string> = new Set(['content-length', 'content-range', 'age'])

/** The stored fields with those of the 304 laid over them: a name's lines are replaced together. */
export function freshenedFields(stored: Fields, notModified: Fields): Fields {
  const updates = without(notModified, NOT_UPDATED)
  const names = new Set<string>()
  for (let i = 0; i < updates.length; i += 2) names.add(updates[i] ?? '')
  return [...without(stored, names), ...updates]
}
