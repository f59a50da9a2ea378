declare const brand: unique symbol
/** Names a node of the cluster; the ring is made of these. */
export type NodeId = string & { readonly [brand]: 'NodeId' }

export interface ClusterNode {
  readonly id: NodeId
  /** Share of the keys relative to the other nodes; above zero. */
  readonly weight: number
}

/** Who is in the cluster. A single node is a cluster of one. */
export interface Cluster {
  readonly self: NodeId
  /** The last good view; never empty, as this node is in it. Replaced whole when it changes. */
  members(): readonly ClusterNode[]
}
