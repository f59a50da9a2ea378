// A run was planned over a segment that another run had half received, and over what a head flight was
// about to bring: those segments were fetched twice.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { createGate } from '../support/gate.ts'
import { checkOracle } from '../support/oracle.ts'

it('a segment that is half received is not fetched by another run too', async () => {
  const edge = createEdge()
  const gate = createGate()
  const sizeBytes = 10 * SEGMENT_BYTES
  edge.origin.put('/a', { sizeBytes, fields: [['cache-control', 'max-age=60']] })
  edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 500 })
  const part = edge.get('/a', { range: `bytes=${6 * SEGMENT_BYTES}-${7 * SEGMENT_BYTES - 1}` })
  await gate.arrived()
  const whole = edge.get('/a')
  for (let i = 0; i < 3; i++) await edge.clock.step(1)
  gate.release()
  const expected = { object: '/a', version: 1, startByte: 0, endByte: sizeBytes }
  expect(checkOracle((await whole).body, expected)).toBeUndefined()
  await part
  const ranges = edge.origin.requests.map(({ range }) => range)
  expect(ranges).toEqual(['bytes=6144-7167', 'bytes=0-6143', 'bytes=7168-10239'])
  expect(edge.origin.deliveredBytes).toBe(sizeBytes)
})
