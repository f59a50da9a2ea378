import type { Fields } from '../entry/fields.ts'
import { combined } from '../entry/fields.ts'
import type { ResponseDirectives } from '../http/cache-control.ts'
import { parseResponseDirectives } from '../http/cache-control.ts'
import { parseTargeted } from '../http/targeted.ts'

/** What a response says to this cache, and where. */
export interface Control {
  readonly directives: ResponseDirectives
  /** A targeted field speaks: Cache-Control and Expires say nothing to us then (RFC 9213 §2.2). */
  readonly isTargeted: boolean
}

/** @param targetedFields Names in lower case; the first that is there and usable decides. */
export function controlOf(fields: Fields, targetedFields: readonly string[]): Control {
  for (const name of targetedFields) {
    const value = combined(fields, name)
    const directives = value === undefined ? undefined : parseTargeted(value)
    if (directives !== undefined) return { directives, isTargeted: true }
  }
  const value = combined(fields, 'cache-control') ?? ''
  return { directives: parseResponseDirectives(value), isTargeted: false }
}
