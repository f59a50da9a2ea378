// May a response be stored (RFC 9111 §3)? By default it may not: every condition below has to hold.

import type { Asked } from '../entry/asked.ts'
import { pathOf } from '../http/target.ts'
import type { Fields } from '../entry/fields.ts'
import { combined, first, has } from '../entry/fields.ts'
import type { ResponseDirectives } from '../http/cache-control.ts'
import { parseVary } from '../http/vary.ts'
import type { Control } from './control.ts'
import { controlOf, fieldsApart } from './control.ts'
import { decideFreshness } from './freshness.ts'
import type { FreshnessVerdict } from './freshness.ts'
import type { PolicySettings } from './settings.ts'
import { isHeuristicallyCacheable, isStoredStatus, isUnderstood } from './statuses.ts'

export interface StorableFacts {
  readonly asked: Asked
  /** Of the representation: a 206 comes in as 200. */
  readonly status: number
  readonly fields: Fields
  readonly sentAtMs: number
  readonly receivedAtMs: number
  /** Whether its end can be told from a cut. */
  readonly isDelimited: boolean
  /** Connection names a field that caching is decided by: what it said is not for forwarding, but it was said. */
  readonly hidesControl?: boolean | undefined
}

export type Storable =
  | { readonly storable: true; readonly freshness: FreshnessVerdict }
  | { readonly storable: false; readonly because: NotStorable }

export type NotStorable =
  | 'method'
  | 'status'
  | 'no-store'
  | 'private'
  | 'request no-store'
  | 'authorization'
  | 'cookie'
  | 'set-cookie'
  | 'vary *'
  | 'no end'
  | 'hidden control'
  | 'no freshness and no validator'

export function decideStorable(facts: StorableFacts, settings: PolicySettings): Storable {
  const control = controlOf(facts.fields, settings)
  const { directives } = control
  const because =
    findProhibition(facts, control, settings) ?? findPrivacy(facts, directives, settings)
  if (because !== undefined) return { storable: false, because }
  const freshness = decideFreshness(
    {
      status: facts.status,
      fields: facts.fields,
      control,
      sentAtMs: facts.sentAtMs,
      receivedAtMs: facts.receivedAtMs,
      path: pathOf(facts.asked.target),
    },
    settings,
  )
  // What is never fresh is worth keeping only if a validation can save its transfer.
  const hasValidator = has(facts.fields, 'etag') || has(facts.fields, 'last-modified')
  if (freshness.freshnessLifetimeMs <= 0 && !hasValidator) {
    return { storable: false, because: 'no freshness and no validator' }
  }
  // What is guessed at is no permission to share a cookie (RFC 9111 §7.3).
  const isCookieShared = settings.storesSetCookie && !settings.ignoresSetCookie
  if (isCookieShared && !freshness.isExplicit && has(facts.fields, 'set-cookie')) {
    return { storable: false, because: 'set-cookie' }
  }
  // A POST says itself for how long its answer holds (RFC 9110 §9.3.3).
  if (facts.asked.method === 'POST' && !freshness.isExplicit) {
    return { storable: false, because: 'method' }
  }
  // Without explicit freshness only what a cache may guess at (RFC 9111 §3), and an error only if it does.
  const mayGuess =
    isHeuristicallyCacheable(facts.status) && (facts.status < 400 || settings.heuristicFraction > 0)
  if (!freshness.isExplicit && !directives.isPublic && !mayGuess) {
    return { storable: false, because: 'status' }
  }
  return { storable: true, freshness }
}

/** What forbids storing whoever asked. */
function findProhibition(
  facts: StorableFacts,
  control: Control,
  settings: PolicySettings,
): NotStorable | undefined {
  const { directives } = control
  if (!isStoredMethod(facts, settings)) return 'method'
  if (!isStoredStatus(facts.status, settings)) return 'status'
  // must-understand: no-store is for caches that do not know the status (RFC 9111 §5.2.2.3).
  if (directives.mustUnderstand && !isUnderstood(facts.status)) return 'status'
  if (directives.noStore && !directives.mustUnderstand) return 'no-store'
  if (directives.isPrivate) return 'private'
  const keepsCookies = settings.ignoresSetCookie || settings.storesSetCookie
  const setsCookie = has(facts.fields, 'set-cookie') && !fieldsApart(control).has('set-cookie')
  if (!keepsCookies && setsCookie) return 'set-cookie'
  if (parseVary(combined(facts.fields, 'vary')) === '*') return 'vary *'
  if (facts.hidesControl === true) return 'hidden control'
  if (!facts.isDelimited && !settings.storesUndelimited) return 'no end'
  return undefined
}

/** GET, and POST where its answer is what a GET gives (RFC 9110 §9.3.3). */
function isStoredMethod(
  { asked, status, fields }: StorableFacts,
  settings: PolicySettings,
): boolean {
  if (asked.method === 'GET') return true
  if (asked.method !== 'POST' || !settings.storesPost || status !== 200) return false
  const location = first(fields, 'content-location')
  return location !== undefined && isSameTarget(location, asked)
}

function isSameTarget(location: string, { authority, target }: Asked): boolean {
  if (location === target) return true
  const url = /^http:\/\/([^/?#]+)(\/.*)$/i.exec(location)
  return url?.[1]?.toLowerCase() === authority && url[2] === target
}

/** What this request forbids, though another might not. */
function findPrivacy(
  facts: StorableFacts,
  directives: ResponseDirectives,
  settings: PolicySettings,
): NotStorable | undefined {
  const { asked } = facts
  if (asked.directives.noStore) return 'request no-store'
  // It was chosen by what no stored response is selected by: credentials are never nominated (§4.1).
  const vary = parseVary(combined(facts.fields, 'vary'))
  const isForClient = asked.hasCredentials && has(asked.fields, 'authorization')
  if (isForClient && vary.includes('authorization')) return 'authorization'
  // A response to a request with Authorization needs to say that it is for all (RFC 9111 §3.5).
  if (isForClient && !directives.permitsAuthorized) return 'authorization'
  if (asked.hasCredentials && has(asked.fields, 'cookie') && !settings.storesWithCookie) {
    return 'cookie'
  }
  return undefined
}

/** Whether the reason lies in this request alone, so that the key is not to be marked for others. */
export function isRequestsOwnReason(because: NotStorable): boolean {
  return (
    because === 'request no-store' ||
    because === 'authorization' ||
    because === 'cookie' ||
    because === 'method'
  )
}
