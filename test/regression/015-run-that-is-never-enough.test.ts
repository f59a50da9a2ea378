// From an origin that ignores ranges every run begins at byte 0. Such a run ended at its first edge when
// another one, long past that byte, was taken to serve its reader: the reader began the next run, for ever.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES, whileStepping } from '../support/edge.ts'
import { createFakeStore } from '../support/fake-store.ts'
import { checkOracle } from '../support/oracle.ts'

it('a reader behind a transfer that waits is served by one other', async () => {
  const store = createFakeStore()
  const edge = createEdge({
    store,
    site: { fill: { windowBytes: 2 * SEGMENT_BYTES, finishMaxBytes: 0 } },
  })
  const sizeBytes = 20 * SEGMENT_BYTES
  const fields: [string, string][] = [['cache-control', 'max-age=60']]
  edge.origin.put('/a', { sizeBytes, acceptRanges: false, fields })
  const { answer } = await edge.ask('/a')
  if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
  for (let readBytes = 0; readBytes < 8 * SEGMENT_BYTES; ) {
    readBytes += (await answer.body.source.read())?.byteLength ?? sizeBytes
  }
  await edge.clock.step(1)
  const key = edge.origin.requests[0]?.request.key
  const entry = key === undefined ? undefined : await store.read(key)
  const body = entry?.variants[0]?.head.body
  if (body === undefined) throw new Error('Cannot find the stored body')
  for (let i = 0; i < 8; i++) store.evictSegment(body, i)
  const range = `bytes=${2 * SEGMENT_BYTES}-${3 * SEGMENT_BYTES - 1}`
  const part = await whileStepping(edge.clock, edge.get('/a', { range }))
  expect(part.error).toBeUndefined()
  const expected = { object: '/a', version: 1, startByte: 2048, endByte: 3072 }
  expect(checkOracle(part.body, expected)).toBeUndefined()
  expect(edge.origin.requests).toHaveLength(2)
  answer.body.source.cancel('enough')
})
