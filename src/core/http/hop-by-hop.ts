// Fields that are for one connection only (RFC 9110 §7.6.1).

import { splitList } from './list.ts'

/** Always removed in forwarding, whether Connection names them or not. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Names that Connection lists, in lower case. */
export function connectionOptions(value: string): ReadonlySet<string> {
  return new Set(splitList(value).map((option) => option.toLowerCase()))
}

/** Fields no client may nominate away: doing so would change what the message means (RFC 9110 §7.6.1). */
const NEVER_NOMINATED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'range',
  'if-range',
  'cache-control',
  'authorization',
  'cookie',
  'cdn-loop',
  'via',
])

export function isAbusiveConnection(options: ReadonlySet<string>): boolean {
  for (const option of options) if (NEVER_NOMINATED.has(option)) return true
  return false
}

/** Fields by which caching is decided: to hide them would make an answer more public than it is. */
const OF_CACHING: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'content-encoding',
  'date',
  'etag',
  'expires',
  'last-modified',
  'set-cookie',
  'vary',
])

/** @param targetedFields Names of targeted fields, in lower case. */
export function hidesCaching(
  options: ReadonlySet<string>,
  targetedFields: readonly string[],
): boolean {
  for (const name of options) if (OF_CACHING.has(name) || targetedFields.includes(name)) return true
  return false
}
