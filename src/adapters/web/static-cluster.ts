import type { Cluster, ClusterNode, NodeId } from '#core/ports/cluster.ts'

/** A cluster whose members are known from the start: most often this node alone. */
export function createStaticCluster(self: string, others: readonly ClusterNode[] = []): Cluster {
  const id = self as NodeId
  const members = [{ id, weight: 1 }, ...others]
  return { self: id, members: () => members }
}
