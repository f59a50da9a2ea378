// Of a body without a strong validator, several ranges were answered from its one transfer; what passed by while the first of
// them was being sent was let go, could not be fetched again, and the answer broke off.

import { expect, it } from 'vitest'

import { readByteranges } from '../support/byteranges.ts'
import { createEdge, readBody, SEGMENT_BYTES, whileStepping } from '../support/edge.ts'
import { oracleBytes } from '../support/oracle.ts'

const SIZE_BYTES = 20 * SEGMENT_BYTES
const RANGE = `bytes=0-${SEGMENT_BYTES * 2},${SEGMENT_BYTES * 5}-${SEGMENT_BYTES * 6},${SEGMENT_BYTES * 12}-${SEGMENT_BYTES * 12 + 9}`

function weakEdge() {
  const edge = createEdge({ site: { fill: { maxWaitBytes: SIZE_BYTES } } })
  edge.origin.put('/a', {
    sizeBytes: SIZE_BYTES,
    etag: 'W/"1"',
    lastModified: false,
    acceptRanges: false,
    fields: [['cache-control', 'max-age=60']],
  })
  return edge
}

it('each part comes, however far the transfer is ahead of the first of them', async () => {
  const edge = weakEdge()
  const got = await edge.ask('/a', { range: RANGE })
  expect(got.status).toBe(206)
  // All of it passes before anything is read.
  await edge.clock.step(1000)
  const { body, error } = await whileStepping(edge.clock, readBody(got.answer))
  expect(error).toBeUndefined()
  const { parts } = readByteranges(got.field('content-type'), body)
  const whole = oracleBytes({ object: '/a', version: 1, startByte: 0, endByte: SIZE_BYTES })
  expect(parts.map(({ bytes }) => bytes.length)).toEqual([
    2 * SEGMENT_BYTES + 1,
    SEGMENT_BYTES + 1,
    10,
  ])
  for (const { startByte, bytes } of parts) {
    expect(whole.subarray(startByte, startByte + bytes.length).equals(bytes)).toBe(true)
  }
})

it('nothing is kept for parts that nobody wants any more', async () => {
  const edge = weakEdge()
  const got = await edge.ask('/a', { range: RANGE })
  if (got.answer.body.kind === 'source') got.answer.body.source.cancel('the client left')
  await edge.clock.step(1000)
  await edge.fillScopes.settled()
  expect(edge.fills.count()).toBe(0)
})
