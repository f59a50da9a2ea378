// Entity tags and their two comparisons (RFC 9110 §8.8.3).

export interface EntityTag {
  readonly weak: boolean
  /** The opaque part with its quotes. */
  readonly opaque: string
}

const ENTITY_TAG = /^(W\/)?("[\x21\x23-\x7e\x80-\xff]*")$/

export function parseEntityTag(value: string): EntityTag | undefined {
  const match = ENTITY_TAG.exec(value)
  if (match?.[2] === undefined) return undefined
  return { weak: match[1] !== undefined, opaque: match[2] }
}

/** Tags of an If-Match or If-None-Match field, or `'*'`. Members that are no entity tags are left out. */
export function parseEntityTagList(value: string): readonly EntityTag[] | '*' {
  if (value.trim() === '*') return '*'
  const tags: EntityTag[] = []
  // An opaque tag may hold commas, and has no escapes: it ends at the next quote.
  for (const match of value.matchAll(
    /(?:^|,)[ \t]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)/g,
  )) {
    if (match[2] !== undefined) tags.push({ weak: match[1] !== undefined, opaque: match[2] })
  }
  return tags
}

/** Both strong and equal (RFC 9110 §8.8.3.2). */
export function isStrongMatch(a: EntityTag, b: EntityTag): boolean {
  return !a.weak && !b.weak && a.opaque === b.opaque
}

/** Equal, weak or not (RFC 9110 §8.8.3.2). */
export function isWeakMatch(a: EntityTag, b: EntityTag): boolean {
  return a.opaque === b.opaque
}
