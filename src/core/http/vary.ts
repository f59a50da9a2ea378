// The Vary field (RFC 9110 §12.5.5).

import { isToken, splitList } from './list.ts'

/**
 * Nominated field names in lower case, sorted, without duplicates; `'*'` when no request can match, and where a
 * member is no field name.
 */
export function parseVary(value: string | undefined): readonly string[] | '*' {
  if (value === undefined) return []
  const names = new Set(splitList(value).map((name) => name.toLowerCase()))
  return names.has('*') || ![...names].every(isToken) ? '*' : [...names].toSorted()
}
