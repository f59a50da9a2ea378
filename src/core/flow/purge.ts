// Purging on an operator's word: what is stored for a URL, or everything.

import type { CacheKey } from '../entry/cache-key.ts'
import type { InvalidationScope } from '../entry/invalidation-scope.ts'
import { EVERYTHING } from '../entry/invalidation-scope.ts'
import { DEFAULT_PORTS, findTargetProblem, normaliseHost } from '../http/target.ts'
import type { Recorded, Store } from '../ports/store.ts'
import { keyFor } from './read-request.ts'
import type { SearchVariances } from './search-variances.ts'
import type { SiteTable } from './site-table.ts'

/** `soft`: reuse only after validation. `hard`: never again, whatever the origin says of it. */
export type PurgeHow = 'soft' | 'hard'

export type Purged =
  | {
      readonly kind: 'purged'
      readonly keys: readonly CacheKey[] | 'all'
      /** `unwritten`: done here and now, and a restart may bring it back. */
      readonly recorded: Recorded
    }
  | { readonly kind: 'refused'; readonly because: 'url' | 'site'; readonly reason: string }

export interface Purge {
  /**
   * All variants and segments of a URL, and of what stands for it. A fill that began before is not stored after.
   *
   * @param url As clients ask for it: `http://host[:port]/path?query`, percent-encoded as they send it.
   */
  url(url: string, how: PurgeHow): Promise<Purged>
  all(how: PurgeHow): Promise<Purged>
}

export interface PurgeOptions {
  readonly store: Store
  readonly searchVariances: SearchVariances
  sites(): SiteTable
}

const HTTP_URL = /^(https?):\/\/([^/?#]+)(\/.*)?$/i

export function createPurge({ store, searchVariances, sites }: PurgeOptions): Purge {
  async function invalidate(
    scopes: readonly InvalidationScope[],
    how: PurgeHow,
  ): Promise<Recorded> {
    const verdict = how === 'soft' ? 'validate' : 'drop'
    let recorded: Recorded = 'recorded'
    for (const scope of scopes) {
      if ((await store.invalidate(scope, verdict)) === 'unwritten') recorded = 'unwritten'
    }
    return recorded
  }

  return {
    async url(url, how) {
      const parts = HTTP_URL.exec(url)
      if (parts === null) return refused('url', 'Not an http:// or https:// URL')
      // Never through a URL parser, which would normalise what is keyed as it came.
      const [, scheme = '', host = '', target = '/'] = parts
      const authority = normaliseHost(
        host,
        DEFAULT_PORTS[scheme.toLowerCase() === 'https' ? 'https' : 'http'],
      )
      if (authority === undefined) return refused('url', 'Malformed host')
      const problem = findTargetProblem(target)
      if (problem !== undefined) return refused('url', `Malformed path: ${problem}`)
      const site = sites().find(authority, target)
      if (site === undefined) return refused('site', 'No site here has this host and path')
      const { key, target: keyed } = keyFor(site, authority, target)
      const others = searchVariances.equivalents(key, keyed)
      const keys = [key, ...others.map((other) => other.key)]
      return { kind: 'purged', keys, recorded: await invalidate(keys, how) }
    },
    async all(how) {
      return { kind: 'purged', keys: 'all', recorded: await invalidate([EVERYTHING], how) }
    },
  }
}

function refused(because: 'url' | 'site', reason: string): Purged {
  return { kind: 'refused', because, reason }
}
