// A fill under way when its key was invalidated wrote under its old ticket for as long as it lived: nothing
// of it was stored, also not what was fetched for requests after the invalidation.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

it('segments fetched after a validation are stored, though the fill is older', async () => {
  const edge = createEdge({ site: { fill: { windowBytes: 2 * SEGMENT_BYTES } } })
  const sizeBytes = 12 * SEGMENT_BYTES
  edge.origin.put('/a', { sizeBytes, fields: [['cache-control', 'max-age=60']] })
  const still = await edge.ask('/a')
  if (still.answer.body.kind !== 'source') throw new Error('Cannot read: no source')
  await still.answer.body.source.read()
  await edge.clock.step(1)
  const key = edge.origin.requests[0]?.request.key
  if (key === undefined) throw new Error('Cannot find the key of the first request')
  await edge.store.invalidate(key, 'validate')
  const range = { range: `bytes=${8 * SEGMENT_BYTES}-${9 * SEGMENT_BYTES - 1}` }
  await edge.get('/a', range)
  expect((await edge.get('/a', range)).cache).toMatch(/^hit/)
  still.answer.body.source.cancel('enough')
})
