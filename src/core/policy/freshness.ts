// Freshness of a response (RFC 9111 §4.2). Seconds of fields become milliseconds here and nowhere else.

import type { Fields } from '../entry/fields.ts'
import { all, first } from '../entry/fields.ts'
import type { Freshness } from '../entry/stored-response.ts'
import type { ResponseDirectives } from '../http/cache-control.ts'
import { MAX_DELTA_SECONDS } from '../http/cache-control.ts'
import { parseHttpDate } from '../http/http-date.ts'
import type { Control } from './control.ts'
import type { PolicySettings, TtlRule } from './settings.ts'
import { isHeuristicallyCacheable } from './statuses.ts'

/** What freshness is decided from. */
export interface FreshnessFacts {
  readonly status: number
  readonly fields: Fields
  readonly control: Control
  /** Wall clock before the request was sent, and after the response head came. */
  readonly sentAtMs: number
  readonly receivedAtMs: number
  /** Raw path, for the site's rules. */
  readonly path: string
}

/** A verdict with the reason why the lifetime is what it is. */
export interface FreshnessVerdict extends Freshness {
  /** The response or a rule says how long; not our default. */
  readonly isExplicit: boolean
}

/** Statuses that get the default lifetime. */
const DEFAULTED: ReadonlySet<number> = new Set([200, 301, 308])

export function decideFreshness(facts: FreshnessFacts, settings: PolicySettings): FreshnessVerdict {
  const { directives } = facts.control
  const explicitMs = explicitLifetimeMs(facts, settings)
  const defaultMs = DEFAULTED.has(facts.status) ? settings.defaultTtlMs : undefined
  const mustRevalidate = forbidsStale(directives)
  const window = staleWindows(directives, mustRevalidate)
  const maxTtlMs = settings.negativeTtlMs.get(facts.status) ?? settings.maxTtlMs
  // The site's window applies where the response is anybody's: explicit freshness, `public`, or a shared origin.
  const isPermitted =
    !settings.staleNeedsPermission ||
    (explicitMs !== undefined && explicitMs > 0) ||
    directives.isPublic ||
    settings.isOriginShared
  const ownWindowsOnly = directives.sMaxAgeSeconds !== undefined
  // An error that was stored is no better than the one that has just come.
  const isBarred = mustRevalidate || ownWindowsOnly || facts.status >= 400
  const siteWindowMs = isBarred || !isPermitted ? 0 : settings.staleWindowMs
  return {
    bornAtMs: facts.receivedAtMs - initialAgeMs(facts),
    freshnessLifetimeMs: Math.min(
      explicitMs ?? defaultMs ?? heuristicMs(facts, settings),
      maxTtlMs,
    ),
    staleWhileRevalidateMs: window.whileRevalidateMs,
    staleIfErrorMs: window.ifErrorMs ?? siteWindowMs,
    mustRevalidate,
    ownWindowsOnly,
    mustValidate: directives.noCache,
    immutable: directives.immutable,
    sharedWithCredentials: directives.permitsAuthorized,
    isExplicit: explicitMs !== undefined,
  }
}

function explicitLifetimeMs(facts: FreshnessFacts, settings: PolicySettings): number | undefined {
  const rule = settings.ttlRules.find((candidate) => applies(candidate, facts))
  if (rule?.overridesOrigin === true) return rule.ttlMs
  const { directives, isTargeted } = facts.control
  const { sMaxAgeSeconds, maxAgeSeconds } = directives
  // s-maxage wins over max-age, and max-age over Expires (RFC 9111 §4.2.1).
  const seconds = sMaxAgeSeconds ?? maxAgeSeconds
  if (seconds !== undefined) return seconds * 1000
  return (isTargeted ? undefined : expiresLifetimeMs(facts)) ?? rule?.ttlMs
}

function applies(rule: TtlRule, facts: FreshnessFacts): boolean {
  if (rule.pathPrefix !== undefined && !facts.path.startsWith(rule.pathPrefix)) return false
  if (rule.statuses !== undefined && !rule.statuses.has(facts.status)) return false
  if (rule.contentType === undefined) return true
  const [type = ''] = (first(facts.fields, 'content-type') ?? '').toLowerCase().split(';')
  return rule.contentType.endsWith('/*')
    ? type.trim().startsWith(rule.contentType.slice(0, -1))
    : type.trim() === rule.contentType
}

/** A share of the time since Last-Modified, where the status lets a cache guess (RFC 9111 §4.2.2). */
function heuristicMs(facts: FreshnessFacts, settings: PolicySettings): number {
  const { heuristicFraction, maxHeuristicTtlMs } = settings
  const mayGuess = isHeuristicallyCacheable(facts.status) || facts.control.directives.isPublic
  const lastModified = first(facts.fields, 'last-modified')
  if (heuristicFraction <= 0 || !mayGuess || lastModified === undefined) return 0
  const lastModifiedMs = parseHttpDate(lastModified, facts.receivedAtMs)
  if (lastModifiedMs === undefined) return 0
  const unchangedMs = (dateMsOf(facts) ?? facts.receivedAtMs) - lastModifiedMs
  return Math.min(maxHeuristicTtlMs, Math.max(0, unchangedMs * heuristicFraction))
}

/** Expires minus Date. An invalid or repeated Expires means already expired (RFC 9111 §4.2.1, §5.3). */
function expiresLifetimeMs(facts: FreshnessFacts): number | undefined {
  const [expires, ...others] = all(facts.fields, 'expires')
  if (expires === undefined) return undefined
  const expiresAtMs = parseHttpDate(expires, facts.receivedAtMs)
  if (expiresAtMs === undefined || others.length > 0) return 0
  return Math.max(0, expiresAtMs - (dateMsOf(facts) ?? facts.receivedAtMs))
}

/** corrected_initial_age of RFC 9111 §4.2.3. */
function initialAgeMs(facts: FreshnessFacts): number {
  // Date counts whole seconds: the part of one that it leaves out is no age.
  const receivedSecondMs = Math.floor(facts.receivedAtMs / 1000) * 1000
  const apparentAgeMs = Math.max(0, receivedSecondMs - (dateMsOf(facts) ?? receivedSecondMs))
  const responseDelayMs = Math.max(0, facts.receivedAtMs - facts.sentAtMs)
  return Math.max(apparentAgeMs, ageMsOf(facts.fields) + responseDelayMs)
}

function dateMsOf(facts: FreshnessFacts): number | undefined {
  const date = first(facts.fields, 'date')
  return date === undefined ? undefined : parseHttpDate(date, facts.receivedAtMs)
}

/** The first value counts, and only digits; what is too large is very old (RFC 9111 §5.1, §1.2.2). */
function ageMsOf(fields: Fields): number {
  const [age = ''] = (first(fields, 'age') ?? '').split(',')
  return /^[0-9]+$/.test(age.trim()) ? Math.min(Number(age), MAX_DELTA_SECONDS) * 1000 : 0
}

/**
 * Whether the response must not be used stale (RFC 9111 §5.2.2.2, §5.2.2.4, §5.2.2.8). s-maxage implies
 * proxy-revalidate (§5.2.2.10), which an explicit stale window beside it lifts, for as long as it says: the origin
 * meant both.
 */
function forbidsStale(directives: ResponseDirectives): boolean {
  if (directives.mustRevalidate || directives.proxyRevalidate || directives.noCache) return true
  const hasWindow =
    directives.staleWhileRevalidateSeconds !== undefined ||
    directives.staleIfErrorSeconds !== undefined
  return directives.sMaxAgeSeconds !== undefined && !hasWindow
}

function staleWindows(
  directives: ResponseDirectives,
  mustRevalidate: boolean,
): { whileRevalidateMs: number; ifErrorMs: number | undefined } {
  if (mustRevalidate) return { whileRevalidateMs: 0, ifErrorMs: 0 }
  const { staleWhileRevalidateSeconds, staleIfErrorSeconds } = directives
  return {
    whileRevalidateMs: (staleWhileRevalidateSeconds ?? 0) * 1000,
    ifErrorMs: staleIfErrorSeconds === undefined ? undefined : staleIfErrorSeconds * 1000,
  }
}
