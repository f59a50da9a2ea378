// What was fetched ahead began with a segment that another transfer was in the midst of: it came twice.

import { expect, it } from 'vitest'

import { createEdge, readBody, SEGMENT_BYTES } from '../support/edge.ts'
import { createGate } from '../support/gate.ts'
import { checkOracle } from '../support/oracle.ts'

it('a segment that is in the midst of coming is not fetched ahead once more', async () => {
  const edge = createEdge({ site: { fill: { readAheadBytes: 8 * SEGMENT_BYTES } } })
  const gate = createGate()
  const fields: [string, string][] = [['cache-control', 'max-age=60']]
  edge.origin.put('/a', { sizeBytes: 3 * SEGMENT_BYTES, fields })
  edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 700 })
  const first = await edge.ask('/a', { range: 'bytes=0-9' })
  await gate.arrived()
  const next = await edge.get('/a', { range: 'bytes=10-99' })
  const part = { object: '/a', version: 1, startByte: 10, endByte: 100 }
  expect(checkOracle(next.body, part)).toBeUndefined()
  gate.release()
  await readBody(first.answer)
  await edge.fillScopes.settled()
  expect(edge.origin.requests.map(({ range }) => range)).toEqual(['bytes=0-1023'])
})
