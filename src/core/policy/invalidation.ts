import type { Fields } from '../entry/fields.ts'
import { combined } from '../entry/fields.ts'
import type { GroupId } from '../entry/invalidation-scope.ts'
import { groupIdOf } from '../entry/invalidation-scope.ts'
import { parseGroups } from '../http/cache-groups.ts'

/** Methods whose answers change nothing at the origin (RFC 9110 §9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Whether a response invalidates what is stored for the target: unsafe method, no error (RFC 9111 §4.4). */
export function decideInvalidation(method: string, status: number): boolean {
  return !SAFE_METHODS.has(method) && status >= 200 && status < 400
}

/**
 * The groups that a response is in, or invalidates.
 *
 * @param name `cache-groups`, or `cache-group-invalidation`, which only an unsafe request makes valid
 *   (RFC 9875 §2, §3).
 * @param authority As in the cache key: a group is of one origin.
 */
export function groupsOf(
  fields: Fields,
  name: 'cache-groups' | 'cache-group-invalidation',
  site: string,
  authority: string,
): readonly GroupId[] {
  return parseGroups(combined(fields, name)).map((group) => groupIdOf(site, authority, group))
}
