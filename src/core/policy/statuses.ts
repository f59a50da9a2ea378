// What statuses mean to a cache.

/** May be stored and guessed fresh without explicit freshness (RFC 9110 §15.1). */
const HEURISTICALLY_CACHEABLE: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
])

/** What the careful policy stores: answers, redirects, and that something is not there. */
const CAREFULLY_STORED: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 410,
])

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

/** @param storesAny Any final status; else the careful few. 206 is stored as what it is a part of. */
export function isStoredStatus(status: number, storesAny: boolean): boolean {
  if (storesAny) return status >= 200 && status !== 206 && status !== 304
  return CAREFULLY_STORED.has(status)
}
