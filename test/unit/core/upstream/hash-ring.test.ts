import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { cacheKeyOf } from '#core/entry/cache-key.ts'
import type { ClusterNode, NodeId } from '#core/ports/cluster.ts'
import { rankNodes } from '#core/upstream/hash-ring.ts'

function nodesOf(count: number, weight = 1): ClusterNode[] {
  return Array.from({ length: count }, (_, i) => ({ id: `node-${i}` as NodeId, weight }))
}

const KEYS = Array.from({ length: 10_000 }, (_, i) => cacheKeyOf('site', '', `/object-${i}`))

function ownedCount(nodes: readonly ClusterNode[], id: string): number {
  return KEYS.filter((key) => rankNodes(key, nodes)[0] === id).length
}

describe('rankNodes', () => {
  it('gives each node its share of the keys, by weight', () => {
    for (const { id } of nodesOf(4)) {
      expect(ownedCount(nodesOf(4), id)).toBeGreaterThan(2300)
      expect(ownedCount(nodesOf(4), id)).toBeLessThan(2700)
    }
    const heavy = [...nodesOf(3), { id: 'heavy' as NodeId, weight: 3 }]
    expect(ownedCount(heavy, 'heavy')).toBeGreaterThan(4700)
    expect(ownedCount(heavy, 'heavy')).toBeLessThan(5300)
  })

  it('moves only the keys of a node that leaves, each to its next candidate', () => {
    const before = nodesOf(5)
    const after = before.filter(({ id }) => id !== 'node-2')
    for (const key of KEYS.slice(0, 1000)) {
      const rest = rankNodes(key, before).filter((id) => id !== 'node-2')
      expect(rankNodes(key, after)).toEqual(rest)
    }
  })

  it('is the same whatever the order of the list', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(nodesOf(8), { minLength: 8 }), fc.string(), (nodes, path) => {
        const key = cacheKeyOf('site', '', `/${path}`)
        expect(rankNodes(key, nodes)).toEqual(rankNodes(key, nodesOf(8)))
      }),
    )
  })
})
