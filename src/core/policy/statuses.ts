// What statuses mean to a cache.

import type { PolicySettings } from './settings.ts'

/** May be stored and guessed fresh without explicit freshness (RFC 9110 §15.1). */
const HEURISTICALLY_CACHEABLE: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
])

/** What any policy stores: answers and redirects. */
const ALWAYS_STORED: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308])

/** Whose requirements on caches are met here (RFC 9111 §5.2.2.3): the final ones of RFC 9110 §15. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405,
  406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 428, 429, 431, 451,
  500, 501, 502, 503, 504, 505,
])

export function isHeuristicallyCacheable(status: number): boolean {
  return HEURISTICALLY_CACHEABLE.has(status)
}

export function isUnderstood(status: number): boolean {
  return UNDERSTOOD.has(status)
}

/**
 * Answers to what one client sent, whatever they say of themselves: to its Range, its condition, its fields, its rate
 * or its network (RFC 9110 §15.5.13, §15.5.17; RFC 6585 §3–§6). A 206 is stored as what it is a part of.
 */
const NEVER_STORED: ReadonlySet<number> = new Set([206, 304, 412, 416, 428, 429, 431, 511])

export function isNeverStored(status: number): boolean {
  return NEVER_STORED.has(status)
}

/** Whether a site stores responses of this status. */
export function isStoredStatus(
  status: number,
  settings: Pick<PolicySettings, 'storesAnyStatus' | 'negativeTtlMs'>,
): boolean {
  if (NEVER_STORED.has(status)) return false
  if (settings.storesAnyStatus) return status >= 200
  return ALWAYS_STORED.has(status) || settings.negativeTtlMs.has(status)
}
