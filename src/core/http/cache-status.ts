// Cache-Status (RFC 9211): one member a cache, the nearest to the origin first.

import { parseList } from 'structured-headers'

/** Why a request went forward (RFC 9211 §2.2). */
export type ForwardReason =
  | 'bypass'
  | 'method'
  | 'uri-miss'
  | 'vary-miss'
  | 'miss'
  | 'request'
  | 'stale'
  | 'partial'

/** What this cache did with a request. `hit` or `forward`, never both. */
export interface CacheStatus {
  readonly hit: boolean
  readonly forward?: ForwardReason
  /** Status of the next hop's response, where it differs from the one sent. */
  readonly forwardStatus?: number
  /** Remaining freshness lifetime; negative when stale. */
  readonly ttlSeconds?: number
  readonly stored?: boolean
  readonly collapsed?: boolean
  readonly detail?: string
}

/**
 * Formats this cache's member.
 *
 * @param name A token or any visible ASCII text; what is no token is quoted.
 */
export function formatCacheStatus(name: string, status: CacheStatus): string {
  let member = formatBareItem(name)
  if (status.hit) member += '; hit'
  else if (status.forward !== undefined) member += `; fwd=${status.forward}`
  if (status.forwardStatus !== undefined) member += `; fwd-status=${status.forwardStatus}`
  if (status.ttlSeconds !== undefined) member += `; ttl=${status.ttlSeconds}`
  if (status.stored === true) member += '; stored'
  if (status.collapsed === true) member += '; collapsed'
  if (status.detail !== undefined) member += `; detail=${formatBareItem(status.detail)}`
  return member
}

/** Whether a value is a list to which a member can be added. */
export function isCacheStatus(value: string): boolean {
  try {
    parseList(value)
    return true
  } catch {
    return false
  }
}

/** A Structured Fields token where the text is one, else a string (RFC 8941 §3.3). */
function formatBareItem(text: string): string {
  if (/^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/.test(text)) return text
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
