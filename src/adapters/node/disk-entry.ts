// What the head part of a record says: an entry of the store as text, exactly.

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import { isSingleSegment } from '#core/entry/segment.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'
import type { Invalidations } from '#web/invalidations.ts'
import { judged } from '#web/variants.ts'

/** All heads of a key, the most recent first, each with where the log of invalidations was when it was written. */
export interface DiskEntry {
  readonly key: CacheKey
  readonly variants: readonly DiskVariant[]
}

interface DiskVariant {
  readonly logPosition: number
  readonly head: StoredResponse
}

/**
 * JSON has no word for these. No object of an entry has keys that come from outside, so an object with
 * the key `$` is always one of them.
 */
const WORDS = new Map<unknown, string>([
  [undefined, 'undefined'],
  [Number.POSITIVE_INFINITY, 'Infinity'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
  [Number.NaN, 'NaN'],
])
const VALUES = new Map<unknown, unknown>([...WORDS].map(([value, word]) => [word, value]))

export function formatEntry(entry: DiskEntry): string {
  return JSON.stringify(entry, (_name, value: unknown) => {
    const word = WORDS.get(value)
    if (word !== undefined) return { $: word }
    return Object.is(value, -0) ? { $: '-0' } : value
  })
}

/** @returns `undefined` for a text that is no entry. */
export function parseEntry(text: string): DiskEntry | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    // A quote within a string is escaped, so this text stands only where a word does.
    const value = text.includes('{"$":') ? withValues(parsed) : parsed
    return isEntry(value) ? value : undefined
  } catch {
    return undefined
  }
}

function withValues(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withValues)
  if ('$' in value) return value.$ === '-0' ? -0 : VALUES.get(value.$)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withValues(inner)]))
}

/** That it was written by this format is proved by the record's checksum; this tells it from other texts. */
function isEntry(value: unknown): value is DiskEntry {
  if (typeof value !== 'object' || value === null) return false
  return 'key' in value && 'variants' in value && Array.isArray(value.variants)
}

/** The entry with every variant to be validated before use (RFC 9111 §4.4). */
export function invalidatedEntry(entry: DiskEntry): DiskEntry {
  const variants = entry.variants.map(({ logPosition, head }) => ({
    logPosition,
    head: { ...head, invalidated: true },
  }))
  return { key: entry.key, variants }
}

/** The entry as the log of invalidations has it now; `undefined` when nothing of it is left. */
export function judgedEntry(entry: DiskEntry, invalidations: Invalidations): DiskEntry | undefined {
  const variants = judged(entry.variants, invalidations)
  if (variants === entry.variants) return entry
  return variants.length === 0 ? undefined : { key: entry.key, variants }
}

/** Whether the body is one of the entry's, and all of it in its first segment. */
export function hasOnlySegment(entry: DiskEntry, body: BodyId): boolean {
  return entry.variants.some(({ head }) => head.body === body && isOneSegment(head))
}

export function isOneSegment({ completeLength = 0, segmentBytes }: StoredResponse): boolean {
  return completeLength > 0 && isSingleSegment(completeLength, segmentBytes)
}
