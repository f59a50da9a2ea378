import type { CacheKey } from '../entry/cache-key.ts'

interface Weighted<Id> {
  readonly id: Id
  readonly weight: number
}

/**
 * The nodes in the order in which they are candidates for a key: weighted rendezvous hashing. Every node
 * is scored against the key, and the order is by score: a node that joins or leaves moves only its own
 * share, and the second candidate of a key is always the same. Cost grows with the nodes, of which one
 * location has few.
 */
export function rankNodes<Id extends string>(
  key: CacheKey,
  nodes: readonly Weighted<Id>[],
): readonly Id[] {
  const scored = nodes.map((node) => ({ id: node.id, score: scoreOf(key, node) }))
  // Equal scores must not depend on the order of the list, which differs between nodes.
  scored.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
  return scored.map((node) => node.id)
}

/** -weight / ln(hash in (0, 1)): the share of the keys for which a node is first is its share of the weight. */
function scoreOf(key: CacheKey, { id, weight }: Weighted<string>): number {
  const unit = (hash53(`${id}\n${key}`) + 1) / (2 ** 53 + 1)
  return -weight / Math.log(unit)
}

/** 53 bits, well mixed, and the same wherever it runs (cyrb53, public domain). */
function hash53(text: string): number {
  let h1 = 0xdeadbeef
  let h2 = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    h1 = Math.imul(h1 ^ code, 2654435761)
    h2 = Math.imul(h2 ^ code, 1597334677)
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909)
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909)
  return 4294967296 * (2097151 & h2) + (h1 >>> 0)
}
