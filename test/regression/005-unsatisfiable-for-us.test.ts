// A cold leader asks for whole segments of the first range, and without If-Range. The 416 to that was given
// to the client, whose own request could be served.

import { expect, it } from 'vitest'

import { createEdge } from '../support/edge.ts'

const FRESH: [string, string][] = [['cache-control', 'max-age=60']]

it('a resume of what became shorter gets the new whole, not 416 (RFC 9110 §13.1.5)', async () => {
  const edge = createEdge()
  edge.origin.put('/a', { sizeBytes: 3000, version: 2, fields: FRESH })
  const got = await edge.get('/a', { range: 'bytes=7000-', 'if-range': '"old"' })
  expect(got.status).toBe(200)
  expect(got.body).toHaveLength(3000)
})

it('of several ranges one that can be served is enough (RFC 9110 §15.5.17)', async () => {
  const edge = createEdge()
  edge.origin.put('/a', { sizeBytes: 3000, fields: FRESH })
  expect((await edge.get('/a', { range: 'bytes=7000-, 0-9' })).status).not.toBe(416)
})

it('one range behind the end is still 416, at the cost of one request', async () => {
  const edge = createEdge()
  edge.origin.put('/a', { sizeBytes: 3000, fields: FRESH })
  expect((await edge.get('/a', { range: 'bytes=7000-' })).status).toBe(416)
  expect(edge.origin.requests).toHaveLength(1)
})
