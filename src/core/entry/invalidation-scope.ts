import type { CacheKey } from './cache-key.ts'

declare const brand: unique symbol

/**
 * A group of stored responses of one cache and one authority (RFC 9875 §2): `LF group LF site LF [authority]
 * LF name`. No cache key begins with LF, and no name of a group holds one.
 */
export type GroupId = string & { readonly [brand]: 'GroupId' }

/** All that is stored. */
export const EVERYTHING = '\neverything' as string & { readonly [brand]: 'everything' }

/** What one line of the log of invalidations is about. */
export type InvalidationScope = CacheKey | GroupId | typeof EVERYTHING

/**
 * @param site Name of the site, without LF.
 * @param authority As in the cache keys of the group's responses: groups end where the origin ends.
 */
export function groupIdOf(site: string, authority: string, name: string): GroupId {
  return `\ngroup\n${site}\n${authority}\n${name}` as GroupId
}

/** Whether the scope is one key, and no group and not everything. */
export function isKey(scope: InvalidationScope): scope is CacheKey {
  return scope.charCodeAt(0) !== 0x0a
}
