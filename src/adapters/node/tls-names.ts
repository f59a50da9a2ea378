import { hostScore } from '#core/http/host-pattern.ts'
import { normaliseHost } from '#core/http/target.ts'

/** TLS names no port (RFC 6066 §3), so those of hosts make no difference here. */
const PORT = /:\d+$/
const DEFAULT_PORT = 443

/**
 * The choice whose hosts name the server most exactly, as the site of a request is found; of equal ones the first.
 *
 * @param serverName As the client sent it: anything.
 */
export function chooseByName<T extends { readonly hosts: readonly string[] }>(
  choices: readonly T[],
  serverName: string,
): T | undefined {
  const name = normaliseHost(serverName, DEFAULT_PORT)
  if (name === undefined) return undefined
  let best: T | undefined
  let bestScore = 0
  for (const choice of choices) {
    const hosts = choice.hosts.map((host) => host.replace(PORT, ''))
    const score = hostScore(hosts, name) ?? 0
    if (score <= bestScore) continue
    best = choice
    bestScore = score
  }
  return best
}
