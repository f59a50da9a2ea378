// A stale response of which a part was missing stood in for a failing origin, and broke off in the middle.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { checkOracle } from '../support/oracle.ts'

it('what is stored in part stands in for an error only where it has all that is asked', async () => {
  const edge = createEdge()
  edge.origin.put('/a', {
    sizeBytes: 3 * SEGMENT_BYTES,
    fields: [['cache-control', 'max-age=60, stale-if-error=600']],
  })
  await edge.get('/a', { range: 'bytes=0-9' })
  await edge.clock.step(61_000)
  edge.origin.inject({ fault: 'status', status: 503, times: Infinity })
  const whole = await edge.get('/a')
  expect([whole.status, whole.error]).toEqual([503, undefined])
  const part = await edge.get('/a', { range: 'bytes=0-9' })
  expect(part.status).toBe(206)
  const expected = { object: '/a', version: 1, startByte: 0, endByte: 10 }
  expect(checkOracle(part.body, expected)).toBeUndefined()
})
