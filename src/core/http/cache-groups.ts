// Cache-Groups and Cache-Group-Invalidation (RFC 9875): Lists of Strings.

import { parseList } from 'structured-headers'

/**
 * The names of groups, each once and in order; parameters are ignored (RFC 9875 §2, §3).
 *
 * @param value The combined field value. What does not parse, or has a member that is no String, names none.
 */
export function parseGroups(value: string | undefined): readonly string[] {
  if (value === undefined) return []
  try {
    const names = new Set<string>()
    for (const [name] of parseList(value)) {
      if (typeof name !== 'string') return []
      names.add(name)
    }
    return [...names]
  } catch {
    return []
  }
}
