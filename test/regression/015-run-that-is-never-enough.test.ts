// From an origin that ignores ranges every run begins at byte 0. Such a run ended at its first edge when
// another one, long past that byte, was taken to serve its reader: the reader began the next run, for ever.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES, whileStepping } from '../support/edge.ts'
import { checkOracle } from '../support/oracle.ts'

it('a reader behind a transfer that waits is served by one other (core.md 4)', async () => {
  const edge = createEdge({
    memoryBytes: 1,
    site: { fill: { windowBytes: 2 * SEGMENT_BYTES, finishMaxBytes: 0 } },
  })
  const sizeBytes = 20 * SEGMENT_BYTES
  const fields: [string, string][] = [['cache-control', 'max-age=60']]
  edge.origin.put('/a', { sizeBytes, acceptRanges: false, fields })
  // A memory of one byte keeps no head either: the reader of a part joins while the whole is coming.
  const [still, late] = await Promise.all([edge.ask('/a'), edge.ask('/a')])
  const sources = [still, late].map(({ answer: { body } }) => {
    if (body.kind !== 'source') throw new Error('Cannot read: no source')
    return body.source
  })
  for (const source of sources) {
    for (let readBytes = 0; readBytes < 8 * SEGMENT_BYTES; ) {
      readBytes += (await source.read())?.byteLength ?? sizeBytes
    }
  }
  const range = `bytes=${2 * SEGMENT_BYTES}-${3 * SEGMENT_BYTES - 1}`
  const part = await whileStepping(edge.clock, edge.get('/a', { range }))
  expect(part.error).toBeUndefined()
  const expected = { object: '/a', version: 1, startByte: 2048, endByte: 3072 }
  expect(checkOracle(part.body, expected)).toBeUndefined()
  expect(edge.origin.requests.length).toBeLessThanOrEqual(3)
  for (const source of sources) source.cancel('enough')
})
