import type { Site } from './site.ts'

/** The sites of a config, looked up by host and path. Replaced whole when the config changes. */
export interface SiteTable {
  /** The site with the most exact host, and among these the longest path prefix. */
  find(authority: string, target: string): Site | undefined
}

/** How exactly a host was named: an exact name before a wildcard, a longer wildcard before a shorter. */
function hostScore(hosts: readonly string[], authority: string): number | undefined {
  if (hosts.length === 0) return 0
  const name = authority.replace(/:\d+$/, '')
  let best: number | undefined
  for (const host of hosts) {
    const isExact = host === authority || host === name
    const isBelow = host.startsWith('*.') && name.endsWith(host.slice(1))
    if (isExact) return Number.POSITIVE_INFINITY
    if (isBelow) best = Math.max(best ?? 0, host.length)
  }
  return best
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
