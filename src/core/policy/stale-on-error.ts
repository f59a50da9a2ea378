import type { StoredResponse } from '../entry/stored-response.ts'
import type { RequestDirectives } from '../http/cache-control.ts'

export type StaleOnError =
  | { readonly serve: true }
  | { readonly serve: false; readonly because: 'not permitted' | 'too stale' | 'credentials' }

export type StaleFacts = Pick<
  StoredResponse,
  | 'status'
  | 'bornAtMs'
  | 'freshnessLifetimeMs'
  | 'staleIfErrorMs'
  | 'mustRevalidate'
  | 'ownWindowsOnly'
  | 'mustValidate'
  | 'invalidated'
  | 'sharedWithCredentials'
>

/** What counts as failure of the origin; 404, 410 and 403 are answers (RFC 5861 §4). */
const FAILED_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504])

export function isFailedStatus(status: number): boolean {
  return FAILED_STATUSES.has(status)
}

/**
 * Whether a stored response may stand in when the origin cannot answer (RFC 9111 §4.2.4, RFC 5861 §4).
 *
 * @param hasCredentials Whether the request carries Authorization or Cookie that reaches the origin.
 */
export function decideStaleOnError(
  stored: StaleFacts,
  asked: RequestDirectives,
  hasCredentials: boolean,
  nowMs: number,
): StaleOnError {
  const isForbidden = stored.mustRevalidate || stored.mustValidate || stored.invalidated
  // An error that was stored is no better than the one that has just come.
  if (isForbidden || stored.status >= 500) return { serve: false, because: 'not permitted' }
  if (hasCredentials && !stored.sharedWithCredentials) {
    return { serve: false, because: 'credentials' }
  }
  const ageMs = nowMs - stored.bornAtMs
  const staleForMs = ageMs - stored.freshnessLifetimeMs
  // A request's own window and its max-stale widen what the response allows (RFC 5861 §4).
  const askedMs = stored.ownWindowsOnly ? 0 : Math.max(asked.staleIfErrorMs, asked.maxStaleMs)
  const windowMs = Math.max(stored.staleIfErrorMs, askedMs)
  if (staleForMs < 0) return { serve: true }
  return windowMs > 0 && staleForMs <= windowMs
    ? { serve: true }
    : { serve: false, because: 'too stale' }
}
