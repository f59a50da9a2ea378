// If-Match held for what is stored, of which a part was missing; the origin had another version of it, and
// that was given to a client that had asked for the old one alone.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

it('If-Match for a version that turns out to be gone is 412 (RFC 9110 §13.1.1)', async () => {
  const edge = createEdge()
  const fields: [string, string][] = [['cache-control', 'max-age=60']]
  const sizeBytes = 10 * SEGMENT_BYTES
  edge.origin.put('/a', { sizeBytes, fields })
  const etag = (await edge.get('/a', { range: 'bytes=0-9' })).field('etag') ?? ''
  edge.origin.put('/a', { sizeBytes, version: 2, fields })
  const got = await edge.get('/a', { 'if-match': etag, range: 'bytes=5000-5009' })
  expect(got.status).toBe(412)
})
