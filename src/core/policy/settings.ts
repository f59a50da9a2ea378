/** Lifetimes that the site gives by rule; the first rule that applies decides. */
export interface TtlRule {
  /** For logs and `Cache-Status`: which rule it was. */
  readonly name: string
  /** Raw path prefix; absent applies to all paths. */
  readonly pathPrefix: string | undefined
  readonly statuses: ReadonlySet<number> | undefined
  /** Media type without parameters, or a type with a star (`image/*`); lower case. */
  readonly contentType: string | undefined
  readonly ttlMs: number
  /** Whether it also replaces what the origin says. `no-store` and `private` are never replaced. */
  readonly overridesOrigin: boolean
}

/** What a site decides about storing and reuse. Each value is validated in `config.ts`. */
export interface PolicySettings {
  /** Targeted fields that speak to this cache, the first that is usable decides (RFC 9213 §2.2). */
  readonly targetedFields: readonly string[]
  readonly ttlRules: readonly TtlRule[]
  /** Lifetime of 200, 301 and 308 without explicit freshness; `undefined`: none. */
  readonly defaultTtlMs: number | undefined
  /** Share of the time since Last-Modified that counts as fresh without explicit freshness; 0 for none. */
  readonly heuristicFraction: number
  /** Longest lifetime that a heuristic gives. */
  readonly maxHeuristicTtlMs: number
  /** Errors that may be stored, each with its longest lifetime. */
  readonly negativeTtlMs: ReadonlyMap<number, number>
  /** Store any final status with explicit freshness, errors too (RFC 9111 §3), and not a chosen few. */
  readonly storesAnyStatus: boolean
  /** Store answers to POST that say for how long, and that they are what a GET gives (RFC 9110 §9.3.3). */
  readonly storesPost: boolean
  /** Store bodies that end with their connection, in order (RFC 9112 §8). */
  readonly storesUndelimited: boolean
  /** Keep the fields apart that a qualified `private` or `no-cache` names, and store the rest. */
  readonly honoursQualified: boolean
  /** Longest lifetime of anything. */
  readonly maxTtlMs: number
  /** How long after its lifetime a response may stand in for a failing origin, where that is permitted. */
  readonly staleWindowMs: number
  /** A validation that takes longer goes on by itself, where the stored response may stand in. */
  readonly staleAfterMs: number
  /** Whether the stale window asks for permission by the response, or holds unless it forbids (§4.2.4). */
  readonly staleNeedsPermission: boolean
  /** The origin serves everyone the same (a bucket, a directory), so stale needs no further permission. */
  readonly isOriginShared: boolean
  /** Validations that requests may force, per key. */
  readonly minValidationIntervalMs: number
  /** How long a key that turned out uncacheable is not waited for. */
  readonly hitForMissMs: number
  /** Field lines that a stored response may have, and bytes of them: updates could add more and more. */
  readonly maxFieldCount: number
  readonly maxFieldsBytes: number
  /** Store responses in spite of Set-Cookie, without it. */
  readonly ignoresSetCookie: boolean
  /** Store Set-Cookie like any other field, as RFC 9111 §7.3 lets a cache do. */
  readonly storesSetCookie: boolean
  /** Store answers to requests whose Cookie was forwarded. */
  readonly storesWithCookie: boolean
}
