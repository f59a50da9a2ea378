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
  readonly ttlRules: readonly TtlRule[]
  /** Lifetime of 200, 301 and 308 without explicit freshness; `undefined`: none. */
  readonly defaultTtlMs: number | undefined
  /** Longest lifetime of 404 and 410. Other errors are never stored. */
  readonly maxNegativeTtlMs: number
  /** Longest lifetime of anything. */
  readonly maxTtlMs: number
  /** How long after its lifetime a response may stand in for a failing origin, where that is permitted. */
  readonly staleWindowMs: number
  /** The origin serves everyone the same (a bucket, a directory), so stale needs no further permission. */
  readonly isOriginShared: boolean
  /** Validations that requests may force, per key. */
  readonly minValidationIntervalMs: number
  /** How long a key that turned out uncacheable is not waited for. */
  readonly hitForMissMs: number
  /** Store responses in spite of Set-Cookie, without it. */
  readonly ignoresSetCookie: boolean
  /** Store answers to requests whose Cookie was forwarded. */
  readonly storesWithCookie: boolean
}
