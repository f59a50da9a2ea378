// The ticket of a validation was taken after the origin had answered, so that a 304 brought back what had
// been invalidated while it was under way.

import { expect, it } from 'vitest'

import { createEdge } from '../support/edge.ts'
import { createFakeStore } from '../support/fake-store.ts'
import { createGate } from '../support/gate.ts'
import { checkOracle } from '../support/oracle.ts'

it.each(['validate', 'drop'] as const)(
  'a 304 does not bring back what a %s removed while it was under way',
  async (how) => {
    const store = createFakeStore()
    const edge = createEdge({ store })
    edge.origin.put('/a', { sizeBytes: 500, fields: [['cache-control', 'max-age=60']] })
    await edge.get('/a')
    await edge.clock.step(60_000)
    const gate = createGate()
    edge.origin.inject({ fault: 'gate-head', gate })
    const validating = edge.get('/a')
    await gate.arrived()
    const key = edge.origin.requests[0]?.request.key
    if (key === undefined) throw new Error('Cannot find the key of the first request')
    await store.invalidate(key, how)
    gate.release()
    const { body } = await validating
    expect(
      checkOracle(body, { object: '/a', version: 1, startByte: 0, endByte: 500 }),
    ).toBeUndefined()
    const entry = await store.read(key)
    const usable = entry?.variants.filter(({ head }) => !head.invalidated) ?? []
    expect(usable).toEqual([])
  },
)
