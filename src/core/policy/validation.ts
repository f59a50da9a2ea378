// Validation with the origin (RFC 9111 §4.3).

import type { Fields } from '../entry/fields.ts'
import { first, has, without } from '../entry/fields.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import { isSameSelection } from '../entry/stored-response.ts'
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
export function strongValidatorOf(validators: Validators): string | undefined {
  const { etag, lastModifiedMs } = validators
  if (etag !== undefined) return etag.weak ? undefined : etag.opaque
  return isStrongDate(validators) ? `date:${lastModifiedMs}` : undefined
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
  let tagBytes = 0
  for (const { validators } of [selected, ...variants]) {
    const tag = validators.etag === undefined ? undefined : formatTag(validators.etag)
    if (tag === undefined || tags.has(tag)) continue
    tagBytes += tag.length
    // A cache may choose which to send: all of them could be more than the origin takes of a field.
    if (tags.size > 0 && tagBytes > MAX_TAG_BYTES) break
    tags.add(tag)
  }
  const lastModified = first(selected.fields, 'last-modified')
  const fields: string[] = []
  if (tags.size > 0) fields.push('if-none-match', [...tags].join(', '))
  if (lastModified !== undefined) fields.push('if-modified-since', lastModified)
  return fields
}

const MAX_TAG_BYTES = 1024

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

/**
 * Which of the stored responses, whose validators were sent, a 304 speaks of (RFC 9111 §4.3.4); `undefined`: none
 * that we have, or it cannot be told which.
 */
export function selectFreshened(
  notModified: Fields,
  selected: StoredResponse,
  variants: readonly StoredResponse[],
  nowMs: number,
): StoredResponse | undefined {
  const sent = [selected, ...variants.filter((variant) => variant !== selected)]
  const { etag, lastModifiedMs } = validatorsOf(notModified, nowMs)
  if (etag !== undefined) {
    const isMatch = etag.weak ? isWeakMatch : isStrongMatch
    const named = sent.find(({ validators }) => validators.etag && isMatch(etag, validators.etag))
    if (named !== undefined || !etag.weak) return named
  }
  if (has(notModified, 'last-modified')) {
    const ofDate = sent.filter(({ validators }) => validators.lastModifiedMs === lastModifiedMs)
    return onlyVersion(ofDate, ofDate[0])
  }
  if (etag !== undefined) return undefined
  // A tag that was sent decides before any date (RFC 9110 §13.1.3).
  const tagged = sent.filter(({ validators }) => validators.etag !== undefined)
  if (tagged.length === 0) return selected
  return onlyVersion(tagged, tagged.includes(selected) ? selected : tagged[0])
}

/** The first, if all are of one version as far as their tags tell. */
function onlyVersion(
  candidates: readonly StoredResponse[],
  best: StoredResponse | undefined,
): StoredResponse | undefined {
  const tags = new Set(candidates.map(({ validators }) => validators.etag?.opaque))
  return tags.size === 1 && (candidates.length === 1 || !tags.has(undefined)) ? best : undefined
}

/**
 * Whether the head of a 200 to a HEAD is of the version that is stored: every validator and length that it has is
 * the stored one's (RFC 9111 §4.3.5), and there is a validator: without one any version would do.
 */
export function decideHead(
  stored: StoredResponse,
  { status, fields }: { readonly status: number; readonly fields: Fields },
  nowMs: number,
): 'update' | 'outdated' {
  if (status !== 200 || stored.status !== 200) return 'outdated'
  const { etag, lastModifiedMs } = validatorsOf(fields, nowMs)
  const known = stored.validators
  const isSameTag =
    !has(fields, 'etag') ||
    (etag !== undefined && known.etag?.weak === etag.weak && known.etag.opaque === etag.opaque)
  const isSameDate = !has(fields, 'last-modified') || lastModifiedMs === known.lastModifiedMs
  const length = first(fields, 'content-length')
  const isSameLength = length === undefined || Number(length) === stored.completeLength
  const isNamed = has(fields, 'etag') || has(fields, 'last-modified')
  return isNamed && isSameTag && isSameDate && isSameLength ? 'update' : 'outdated'
}

/** Fields of a 304 that say nothing of the stored response (RFC 9111 §3.2). */
const NOT_UPDATED: ReadonlySet<string> = new Set(['content-length', 'content-range', 'age'])

/** The tag of a strong version stays: a weak one says less, and parts could not be joined by it. */
const NOT_WEAKENED: ReadonlySet<string> = new Set([...NOT_UPDATED, 'etag'])

/**
 * The stored fields with those of the 304 laid over them: a name's lines are replaced together.
 *
 * @param isStrong Whether what is stored has a strong validator.
 */
export function freshenedFields(stored: Fields, notModified: Fields, isStrong = false): Fields {
  const isWeak = first(notModified, 'etag')?.startsWith('W/') === true
  const updates = without(notModified, isStrong && isWeak ? NOT_WEAKENED : NOT_UPDATED)
  const names = new Set<string>()
  for (let i = 0; i < updates.length; i += 2) names.add(updates[i] ?? '')
  return [...without(stored, names), ...updates]
}

/**
 * Whether a response that was asked for at `sentAtMs` was overtaken by one that is stored under the same selection:
 * that came meanwhile, and later or with a later Date (RFC 9111 §4, the most recent response is to be used).
 */
export function isOutrun(
  response: StoredResponse,
  sentAtMs: number,
  stored: StoredResponse,
): boolean {
  if (!isSameSelection(response, stored) || stored.validatedAtMs <= sentAtMs) return false
  const { dateMs = 0 } = response.validators
  return stored.validatedAtMs > response.validatedAtMs || (stored.validators.dateMs ?? 0) >= dateMs
}

const VALIDATORS: ReadonlySet<string> = new Set(['etag', 'last-modified'])

/**
 * A stored response of which the origin has said that it is not what it was taken for: nothing is asked, and
 * nothing answered, in its name any more. Who reads its bytes may go on.
 */
export function disowned(stored: StoredResponse): StoredResponse {
  return {
    ...stored,
    fields: without(stored.fields, VALIDATORS),
    validators: { etag: undefined, lastModifiedMs: undefined, dateMs: stored.validators.dateMs },
    joinable: false,
    invalidated: true,
  }
}
