// The order of a client's field lines showed in the request to the origin: two requests that are the same
// to the cache were not the same to the origin.

import { expect, it } from 'vitest'

import { createEdge } from '../support/edge.ts'

it('fields go to the origin in an order that no client chooses (RFC 9110 §5.3)', async () => {
  const edge = createEdge({ site: { forward: { mode: 'all' } } })
  edge.origin.put('/a', { sizeBytes: 10, fields: [['cache-control', 'no-store']] })
  const lines: [string, string][] = [
    ['x-b', '2'],
    ['accept', '*/*'],
    ['x-a', '1'],
    ['cache-control', 'max-age=0'],
  ]
  await edge.get('/a', Object.fromEntries(lines))
  await edge.get('/a', Object.fromEntries(lines.toReversed()))
  const [first, second] = edge.origin.requests.map(({ request }) => request.fields)
  expect(first).toContain('x-b')
  expect(second).toEqual(first)
})
