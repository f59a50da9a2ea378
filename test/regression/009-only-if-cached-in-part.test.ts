// Only-if-cached was answered from what is stored, and what was missing of it was fetched.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

it('only-if-cached asks the origin for nothing, not even the rest (RFC 9111 §5.2.1.7)', async () => {
  const edge = createEdge()
  edge.origin.put('/a', {
    sizeBytes: 10 * SEGMENT_BYTES,
    fields: [['cache-control', 'max-age=60']],
  })
  await edge.get('/a', { range: 'bytes=0-9' })
  const only = { 'cache-control': 'only-if-cached' }
  expect((await edge.get('/a', only)).status).toBe(504)
  expect((await edge.get('/a', { ...only, range: 'bytes=5-9' })).status).toBe(206)
  expect((await edge.get('/a', only, 'HEAD')).status).toBe(200)
  expect(edge.origin.requests).toHaveLength(1)
})
