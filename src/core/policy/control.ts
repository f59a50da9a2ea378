import type { Fields } from '../entry/fields.ts'
import { combined } from '../entry/fields.ts'
import type { ResponseDirectives } from '../http/cache-control.ts'
import { parseResponseDirectives } from '../http/cache-control.ts'
import { parseTargeted } from '../http/targeted.ts'
import type { PolicySettings } from './settings.ts'

/** What a response says to this cache, and where. */
export interface Control {
  readonly directives: ResponseDirectives
  /** A targeted field speaks: Cache-Control and Expires say nothing to us then (RFC 9213 §2.2). */
  readonly isTargeted: boolean
}

/** What is read of `PolicySettings`. */
type ControlSettings = Pick<PolicySettings, 'targetedFields' | 'honoursQualified'>

/** The first targeted field that is there and usable decides, else Cache-Control. */
export function controlOf(fields: Fields, settings: ControlSettings): Control {
  for (const name of settings.targetedFields) {
    const value = combined(fields, name)
    const directives = value === undefined ? undefined : parseTargeted(value)
    if (directives !== undefined) return { directives, isTargeted: true }
  }
  const directives = parseResponseDirectives(combined(fields, 'cache-control') ?? '')
  return {
    directives: settings.honoursQualified ? directives : unqualified(directives),
    isTargeted: false,
  }
}

/** A list of fields read as the whole, which only forbids more (RFC 9111 §5.2.2.4, §5.2.2.7). */
function unqualified(directives: ResponseDirectives): ResponseDirectives {
  const { noCache, isPrivate, noCacheFields, privateFields } = directives
  if (noCacheFields.length === 0 && privateFields.length === 0) return directives
  return {
    ...directives,
    noCache: noCache || noCacheFields.length > 0,
    isPrivate: isPrivate || privateFields.length > 0,
    noCacheFields: [],
    privateFields: [],
  }
}

/** Fields that only the one who asked may see: they are not stored (RFC 9111 §3.1). */
export function fieldsApart({ directives }: Control): ReadonlySet<string> {
  return new Set([...directives.noCacheFields, ...directives.privateFields])
}
