/**
 * How exactly a host is named by patterns: an exact name before a wildcard, a longer wildcard before a shorter.
 *
 * @param hosts Names in lower case, with or without a port, or `*.` before a name, for what lies below it. None: every
 *   host, as the least exact.
 * @param authority Normalised; with its port if that is not the default.
 * @returns The greater, the more exact; `undefined` when no pattern fits.
 */
export function hostScore(hosts: readonly string[], authority: string): number | undefined {
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
