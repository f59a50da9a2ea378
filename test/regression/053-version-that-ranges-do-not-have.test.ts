// An origin whose parts bear another tag than its whole answers: once a download had broken off, a 304
// brought the same half of a body back, and each download broke off after it.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { checkOracle } from '../support/oracle.ts'

it('what a part was found not to be of is asked for anew, and not validated (RFC 9111 §3.4)', async () => {
  const edge = createEdge({ site: { fill: { windowBytes: 2 * SEGMENT_BYTES } } })
  const sizeBytes = 20 * SEGMENT_BYTES
  edge.origin.put('/a', { sizeBytes, fields: [['cache-control', 'max-age=60']] })
  edge.origin.inject({ fault: 'etag', value: '"part"', times: Infinity })
  const { answer } = await edge.ask('/a')
  if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
  const { source } = answer.body
  // Slower than its origin, so that the rest is asked for by range.
  const reading = (async () => {
    while ((await source.read()) !== undefined) await edge.clock.step(10)
  })()
  await expect(reading).rejects.toThrow('another version')
  const next = await edge.get('/a')
  expect(next.error).toBeUndefined()
  const expected = { object: '/a', version: 1, startByte: 0, endByte: sizeBytes }
  expect(checkOracle(next.body, expected)).toBeUndefined()
})
