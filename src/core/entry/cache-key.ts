declare const brand: unique symbol

/**
 * The primary cache key (RFC 9111 §2): `site LF [authority] path [?query]`.
 *
 * Injective, because LF and space occur in none of the parts and a path begins with `/`; readable; and
 * ordered by prefix. The method is not in it: only GET answers are stored.
 */
export type CacheKey = string & { readonly [brand]: 'CacheKey' }

/**
 * @param site Name of the site, without LF.
 * @param authority The client's normalised authority, where the origin is sent it; else empty.
 * @param target Raw path and query as they are forwarded.
 */
export function cacheKeyOf(site: string, authority: string, target: string): CacheKey {
  return `${site}\n${authority}${target}` as CacheKey
}
