import { hostScore } from '../http/host-pattern.ts'
import type { Site } from './site.ts'

/** The sites of a config, looked up by host and path. Replaced whole when the config changes. */
export interface SiteTable {
  /** The site with the most exact host, and among these the longest path prefix. */
  find(authority: string, target: string): Site | undefined
}

export function createSiteTable(sites: readonly Site[]): SiteTable {
  const [only] = sites
  // The common case costs nothing: one site for every host and path.
  const isSingle =
    sites.length === 1 && only?.match.hosts.length === 0 && only.match.pathPrefix === '/'
  if (isSingle) return { find: () => only }
  return {
    find(authority, target) {
      let best: Site | undefined
      let bestHost = -1
      for (const site of sites) {
        const score = hostScore(site.match.hosts, authority)
        if (score === undefined || !target.startsWith(site.match.pathPrefix)) continue
        const isLonger =
          score === bestHost && site.match.pathPrefix.length > (best?.match.pathPrefix.length ?? -1)
        if (score > bestHost || isLonger) {
          best = site
          bestHost = score
        }
      }
      return best
    },
  }
}
