// Those who waited for a fill that failed went to the origin each for himself, when it was failing already.

import { expect, it } from 'vitest'

import { createEdge, whileStepping } from '../support/edge.ts'
import type { FakeFault } from '../support/fake-faults.ts'
import { createGate } from '../support/gate.ts'

it.each<[string, FakeFault]>([
  ['breaks off', { fault: 'break', afterBytes: 0, kind: 'connection_terminated', times: Infinity }],
  ['is an error', { fault: 'status', status: 503, skip: 1, times: Infinity }],
])('who waits for a fill shares its verdict: it %s', async (_name, fault) => {
  const askedFor = async (waiterCount: number) => {
    const edge = createEdge()
    const gate = createGate()
    edge.origin.put('/a', { sizeBytes: 3000, fields: [['cache-control', 'max-age=60']] })
    edge.origin.inject({ fault: 'gate-head', gate })
    edge.origin.inject(fault)
    const leading = edge.get('/a', { range: 'bytes=0-9' })
    const waiting = Array.from({ length: waiterCount }, () =>
      edge.get('/a', { range: 'bytes=2000-2009' }),
    )
    await gate.arrived()
    gate.release()
    await whileStepping(edge.clock, Promise.all([leading, ...waiting]))
    return edge.origin.requests.length
  }
  expect(await askedFor(20)).toBe(await askedFor(1))
})
