// A run of one segment is never paced, and nothing else let go of segments: a long download of a body that
// is stored in part held every segment that it had fetched.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { createFakeStore } from '../support/fake-store.ts'

it('segments that every reader has passed are let go, though each was a run of its own', async () => {
  const store = createFakeStore()
  const edge = createEdge({ store })
  const segmentCount = 12
  const sizeBytes = segmentCount * SEGMENT_BYTES
  edge.origin.put('/a', { sizeBytes, fields: [['cache-control', 'max-age=60']] })
  await edge.get('/a')
  const key = edge.origin.requests[0]?.request.key
  const entry = key === undefined ? undefined : await store.read(key)
  const body = entry?.variants[0]?.head.body
  if (body === undefined) throw new Error('Cannot find the stored body')
  for (let i = 0; i < segmentCount; i += 2) store.evictSegment(body, i)
  const { answer } = await edge.ask('/a')
  if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
  let readBytes = 0
  while (readBytes < sizeBytes - 10) {
    readBytes += (await answer.body.source.read())?.byteLength ?? sizeBytes
  }
  const fill = edge.fills.get(body)
  const heldCount = Array.from({ length: segmentCount }, (_, i) => i * SEGMENT_BYTES).filter(
    (byte) => fill?.view(byte, byte + 1) !== undefined,
  ).length
  expect(heldCount).toBeLessThanOrEqual(2)
  answer.body.source.cancel('enough')
})
