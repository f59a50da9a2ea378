import type { Cluster, NodeId } from '../ports/cluster.ts'
import type { Upstream } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import { rankNodes } from './hash-ring.ts'

export interface ShardedOptions {
  readonly cluster: Cluster
  /** The way to another node; `undefined` for one that cannot be reached. */
  peer(node: NodeId): Upstream | undefined
}

/**
 * Sends what another node owns to its owner, and everything else on to the origin. A peer that cannot
 * answer is passed over for the next candidate, and never worse than having no cluster.
 */
export function withSharding(origin: Upstream, { cluster, peer }: ShardedOptions): Upstream {
  return {
    async fetch(request, scope) {
      const members = cluster.members()
      if (members.length <= 1) return origin.fetch(request, scope)
      for (const node of rankNodes(request.key, members)) {
        if (node === cluster.self) break
        try {
          const owner = peer(node)
          if (owner !== undefined) return await owner.fetch(request, scope)
        } catch (error) {
          if (!(error instanceof UpstreamError)) throw error
        }
      }
      return origin.fetch(request, scope)
    },
  }
}
