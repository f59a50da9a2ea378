// Conditional requests at a cache that holds the response (RFC 9110 §13, RFC 9111 §4.3.2).

import type { EntityTag } from './entity-tag.ts'
import { isStrongMatch, isWeakMatch, parseEntityTag, parseEntityTagList } from './entity-tag.ts'
import { parseHttpDate } from './http-date.ts'

/** Raw values of the conditional fields of a request. */
export interface Preconditions {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly ifModifiedSince: string | undefined
  readonly ifUnmodifiedSince: string | undefined
  readonly ifRange: string | undefined
}

/** Validators of the selected representation. */
export interface Validators {
  readonly etag: EntityTag | undefined
  readonly lastModifiedMs: number | undefined
  /** The response's Date: without it no Last-Modified is strong. */
  readonly dateMs: number | undefined
}

/**
 * Evaluates If-None-Match, then If-Modified-Since (RFC 9110 §13.2.2, steps 3 and 4).
 *
 * @returns Whether the answer to a GET or HEAD is 304.
 */
export function isNotModified(asked: Preconditions, has: Validators, nowMs: number): boolean {
  if (asked.ifNoneMatch !== undefined) {
    const tags = parseEntityTagList(asked.ifNoneMatch)
    if (tags === '*') return true
    const { etag } = has
    return etag !== undefined && tags.some((tag) => isWeakMatch(tag, etag))
  }
  if (asked.ifModifiedSince === undefined) return false
  // Without Last-Modified the Date stands in: it was not modified after that (RFC 9111 §4.3.2).
  const modifiedMs = has.lastModifiedMs ?? has.dateMs
  const sinceMs = parseHttpDate(asked.ifModifiedSince, nowMs)
  return sinceMs !== undefined && modifiedMs !== undefined && modifiedMs <= sinceMs
}

/** Whether If-Match and If-Unmodified-Since hold for what is stored (RFC 9110 §13.2.2, steps 1 and 2). */
export function holdsUnmodified(asked: Preconditions, has: Validators, nowMs: number): boolean {
  if (asked.ifMatch !== undefined) {
    const tags = parseEntityTagList(asked.ifMatch)
    if (tags === '*') return true
    const { etag } = has
    return etag !== undefined && tags.some((tag) => isStrongMatch(tag, etag))
  }
  if (asked.ifUnmodifiedSince === undefined) return true
  const sinceMs = parseHttpDate(asked.ifUnmodifiedSince, nowMs)
  // A date that cannot be read is ignored (§13.1.4), one that cannot be compared does not hold.
  if (sinceMs === undefined) return true
  return has.lastModifiedMs !== undefined && has.lastModifiedMs <= sinceMs
}

/** Whether a Range is to be obeyed given If-Range (RFC 9110 §13.1.5). */
export function holdsIfRange(ifRange: string | undefined, has: Validators, nowMs: number): boolean {
  if (ifRange === undefined) return true
  const tag = parseEntityTag(ifRange)
  if (tag !== undefined) return has.etag !== undefined && isStrongMatch(tag, has.etag)
  const dateMs = parseHttpDate(ifRange, nowMs)
  return dateMs !== undefined && dateMs === has.lastModifiedMs && isStrongDate(has)
}

/** A Last-Modified is strong when it is at least a second older than Date (RFC 9110 §8.8.2.2). */
export function isStrongDate(has: Validators): boolean {
  const { lastModifiedMs, dateMs } = has
  return lastModifiedMs !== undefined && dateMs !== undefined && dateMs - lastModifiedMs >= 1000
}
