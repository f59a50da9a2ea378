import type { StoredResponse } from '../entry/stored-response.ts'
import type { RequestDirectives } from '../http/cache-control.ts'

/** How a stored response may answer. `because` becomes `fwd` in Cache-Status (RFC 9211 §2.2). */
export type Reuse =
  | { readonly action: 'serve' }
  | { readonly action: 'serve-and-revalidate' }
  | { readonly action: 'revalidate'; readonly because: 'request' | 'stale' }

/** What a verdict needs of a stored response. */
export type ReuseFacts = Pick<
  StoredResponse,
  | 'bornAtMs'
  | 'freshnessLifetimeMs'
  | 'staleWhileRevalidateMs'
  | 'mustRevalidate'
  | 'ownWindowsOnly'
  | 'mustValidate'
  | 'immutable'
  | 'invalidated'
  | 'validatedAtMs'
>

/**
 * Decides how a stored response may answer a request (RFC 9111 §4.2, §5.2.1; RFC 5861 §3).
 *
 * @param stored Head of the response selected by the cache key and Vary.
 * @param asked What the request's Cache-Control allows.
 * @param nowMs Wall clock, milliseconds since the epoch.
 * @param minValidationIntervalMs Within it since the last validation, a request forces none.
 * @returns One action. Every input has an answer; this never throws.
 */
export function decideReuse(
  stored: ReuseFacts,
  asked: RequestDirectives,
  nowMs: number,
  minValidationIntervalMs = 0,
): Reuse {
  const ageMs = nowMs - stored.bornAtMs
  const staleForMs = ageMs - stored.freshnessLifetimeMs
  const isJustValidated = nowMs - stored.validatedAtMs < minValidationIntervalMs

  if (stored.invalidated || stored.mustValidate) return { action: 'revalidate', because: 'stale' }
  // Born in the future: the clock was set back, and no age can be trusted.
  if (ageMs < 0) return { action: 'revalidate', because: 'stale' }
  if (!isJustValidated && wantsFresher(asked, stored, ageMs)) {
    return { action: 'revalidate', because: 'request' }
  }
  // Fresh means lifetime > age (§4.2), so the last instant of a lifetime is already stale.
  if (staleForMs < 0) return { action: 'serve' }
  if (stored.mustRevalidate) return { action: 'revalidate', because: 'stale' }
  if (!stored.ownWindowsOnly && within(asked.maxStaleMs, staleForMs)) return { action: 'serve' }
  // Who names a limit, and no max-stale, wants nothing stale (RFC 9111 §5.2.1.1, §5.2.1.3).
  const wantsFresh = asked.maxAgeMs < Number.POSITIVE_INFINITY || asked.minFreshMs >= 0
  if (!wantsFresh && within(stored.staleWhileRevalidateMs, staleForMs)) {
    return { action: 'serve-and-revalidate' }
  }
  return { action: 'revalidate', because: 'stale' }
}

function wantsFresher(asked: RequestDirectives, stored: ReuseFacts, ageMs: number): boolean {
  // A reload asks for `max-age=0`; what is immutable and fresh has not changed (RFC 8246 §2.1).
  const isSame = stored.immutable && ageMs < stored.freshnessLifetimeMs
  const tooOld = asked.noCache || (ageMs > asked.maxAgeMs && !isSame)
  const tooSoonStale = ageMs + asked.minFreshMs > stored.freshnessLifetimeMs
  return tooOld || tooSoonStale
}

/** A window of zero is closed, even for what went stale this instant. */
function within(windowMs: number, staleForMs: number): boolean {
  return windowMs > 0 && staleForMs <= windowMs
}
