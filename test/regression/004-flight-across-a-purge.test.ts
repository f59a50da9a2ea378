// Who asked after an invalidation joined a flight from before it, and got what had been invalidated.

import { expect, it } from 'vitest'

import { createEdge } from '../support/edge.ts'
import { createGate } from '../support/gate.ts'
import { checkOracle } from '../support/oracle.ts'

it.each(['validate', 'drop'] as const)(
  'a request after a %s does not wait for an answer asked for before it',
  async (how) => {
    const edge = createEdge()
    const gate = createGate()
    const fields: [string, string][] = [['cache-control', 'max-age=60']]
    edge.origin.put('/a', { sizeBytes: 500, fields })
    edge.origin.inject({ fault: 'gate-head', gate })
    const before = edge.get('/a')
    await gate.arrived()
    edge.origin.put('/a', { sizeBytes: 500, version: 2, fields })
    const key = edge.origin.requests[0]?.request.key
    if (key === undefined) throw new Error('Cannot find the key of the first request')
    await edge.store.invalidate(key, how)
    const after = edge.get('/a')
    gate.release()
    await before
    const expected = { object: '/a', version: 2, startByte: 0, endByte: 500 }
    expect(checkOracle((await after).body, expected)).toBeUndefined()
    expect(checkOracle((await edge.get('/a')).body, expected)).toBeUndefined()
  },
)
