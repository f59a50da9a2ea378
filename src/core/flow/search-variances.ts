// Which stored responses stand for other targets of their path (No-Vary-Search): a hint of where to look. What is
// stored there says itself whether it may.

import { remember } from '../entry/bounded-map.ts'
import type { CacheKey } from '../entry/cache-key.ts'
import { combined } from '../entry/fields.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { SearchVariance } from '../http/no-vary-search.ts'
import { parseNoVarySearch, reducedQuery, varianceText } from '../http/no-vary-search.ts'
import { pathOf } from '../http/target.ts'

export interface Equivalent {
  readonly key: CacheKey
  readonly target: string
}

export interface SearchVariances {
  /** Takes note of a response that was stored, or found stored, under its own target. */
  note(head: StoredResponse, target: string): void
  /** Where a response for this target may be stored besides, the variance seen last first. */
  equivalents(key: CacheKey, target: string): readonly Equivalent[]
}

/** Variances of one path: a server is to send but one (§6 of the draft). */
const MAX_VARIANCE_COUNT = 4
/** Paths with a variance, and responses that stand for others. */
const MAX_COUNT = 10_000

export function createSearchVariances(): SearchVariances {
  const ofPath = new Map<string, ReadonlyMap<string, SearchVariance>>()
  const stored = new Map<string, Equivalent>()

  return {
    note(head, target) {
      const variance = varianceOf(head)
      if (variance === undefined) return
      const { key } = head
      const path = pathOf(key)
      const text = varianceText(variance)
      const others = [...(ofPath.get(path) ?? [])].filter(([other]) => other !== text)
      const variances: [string, SearchVariance][] = [[text, variance], ...others]
      remember(ofPath, path, new Map(variances.slice(0, MAX_VARIANCE_COUNT)), MAX_COUNT)
      remember(stored, placeOf(path, text, variance, target), { key, target }, MAX_COUNT)
    },
    equivalents(key, target) {
      const found: Equivalent[] = []
      const path = pathOf(key)
      for (const [text, variance] of ofPath.get(path) ?? []) {
        const other = stored.get(placeOf(path, text, variance, target))
        if (other !== undefined && other.key !== key) found.push(other)
      }
      return found
    },
  }
}

function varianceOf({ fields }: StoredResponse): SearchVariance | undefined {
  return parseNoVarySearch(combined(fields, 'no-vary-search'))
}

/** Whether a stored response says itself that it stands for the other target. */
export function standsFor(head: StoredResponse, target: string, other: string): boolean {
  const variance = varianceOf(head)
  return variance !== undefined && reducedQuery(target, variance) === reducedQuery(other, variance)
}

function placeOf(path: string, text: string, variance: SearchVariance, target: string): string {
  return `${path}\n${text}\n${reducedQuery(target, variance)}`
}
