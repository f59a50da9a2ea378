import type { Upstream } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'

/** One of several equal addresses. */
export interface Member {
  readonly address: string
  readonly upstream: Upstream & { isOpen(): boolean }
}

/**
 * Sends each attempt to a usable address: not open, and not one that was just tried. Round robin among
 * these. With all breakers open there is nothing to try, and that is said at once.
 */
export function createPick(members: readonly Member[]): Upstream {
  let turn = 0
  return {
    async fetch(request, scope) {
      const usable = members.filter((member) => !member.upstream.isOpen())
      const untried = usable.filter((member) => request.avoid?.has(member.address) !== true)
      const candidates = untried.length > 0 ? untried : usable
      // The breaker that refuses knows when to come back.
      const member = candidates[turn++ % Math.max(1, candidates.length)] ?? members[0]
      if (member === undefined) {
        const message = 'Cannot reach origin: the site has no address'
        throw new UpstreamError('destination_unavailable', message, { retryable: false })
      }
      try {
        return await member.upstream.fetch(request, scope)
      } catch (error) {
        if (error instanceof UpstreamError) error.address ??= member.address
        throw error
      }
    },
  }
}
