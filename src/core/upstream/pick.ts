// Which of a site's addresses an attempt goes to.

import type { CacheKey } from '../entry/cache-key.ts'
import type { Upstream } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import { rankNodes } from './hash-ring.ts'

/** `round-robin`: in turn; `least`: the one with the fewest transfers; `key`: one for each key as long as it can. */
export type Balance = 'round-robin' | 'least' | 'key'

/** One of several equal addresses, all with the same objects. */
export interface Member {
  readonly address: string
  readonly upstream: Upstream
  /** Its share of the requests, above 0. */
  readonly weight: number
  /** Only for when no other can be used. */
  readonly isBackup: boolean
  /** Until it may be asked again; 0 when it may be now. */
  waitMs(): number
  /** Transfers under way, whoever asked for them. */
  runningCount(): number
}

export interface Pick extends Upstream {
  /** Whether there is an address to use that is none of these. */
  hasOther(tried: ReadonlySet<string>): boolean
}

/**
 * Sends each attempt to a usable address that was not just tried, a backup only when there is no other. With none to
 * use that is said at once.
 */
export function createPick(members: readonly Member[], balance: Balance): Pick {
  const choose = createChoice(balance)
  const primaries = members.filter(({ isBackup }) => !isBackup)
  const backups = members.filter(({ isBackup }) => isBackup)

  function candidates(avoid: ReadonlySet<string> | undefined): readonly Member[] {
    const isUntried = ({ address }: Member) => avoid?.has(address) !== true
    const [first, second] = [primaries, backups].map((tier) =>
      tier.filter((member) => member.waitMs() === 0),
    )
    const groups = [first?.filter(isUntried), second?.filter(isUntried), first, second]
    return groups.find((group) => group !== undefined && group.length > 0) ?? []
  }

  return {
    hasOther: (tried) => members.some((m) => !tried.has(m.address) && m.waitMs() === 0),
    async fetch(request, scope) {
      const member = choose(candidates(request.avoid), request.key)
      if (member === undefined) throw unavailable(members)
      request.onAddress?.(member.address)
      try {
        const response = await member.upstream.fetch(request, scope)
        // By the name under which it may be avoided.
        return { ...response, from: { ...response.from, address: member.address } }
      } catch (error) {
        if (error instanceof UpstreamError) error.address ??= member.address
        throw error
      }
    },
  }
}

type Choice = (candidates: readonly Member[], key: CacheKey) => Member | undefined

function createChoice(balance: Balance): Choice {
  switch (balance) {
    case 'round-robin':
      return createTurns()
    case 'least':
      return createLeast()
    case 'key':
      return (candidates, key) => {
        const nodes = candidates.map(({ address, weight }) => ({ id: address, weight }))
        const [first] = rankNodes(key, nodes)
        return candidates.find(({ address }) => address === first)
      }
  }
}

/** In turn, by weight, and as evenly mixed as weights allow (nginx's smooth weighted round robin). */
function createTurns(): Choice {
  const credits = new Map<Member, number>()
  return (candidates) => {
    let best: Member | undefined
    let totalWeight = 0
    for (const member of candidates) {
      const credit = (credits.get(member) ?? 0) + member.weight
      credits.set(member, credit)
      totalWeight += member.weight
      if (best === undefined || credit > (credits.get(best) ?? 0)) best = member
    }
    if (best !== undefined) credits.set(best, (credits.get(best) ?? 0) - totalWeight)
    return best
  }
}

/** The fewest transfers for its weight; among equals in turn. */
function createLeast(): Choice {
  const turns = createTurns()
  return (candidates, key) => {
    const loads = candidates.map((member) => member.runningCount() / member.weight)
    const least = Math.min(...loads)
    return turns(
      candidates.filter((_, i) => loads[i] === least),
      key,
    )
  }
}

function unavailable(members: readonly Member[]): UpstreamError {
  const retryAfterMs = Math.min(...members.map((member) => member.waitMs()))
  const message = `Cannot reach origin: none of its ${members.length} addresses can be used now`
  return new UpstreamError('destination_unavailable', message, { retryable: true, retryAfterMs })
}
