// Responses whose bodies nobody read nor cancelled: each held an origin connection for good.

import { expect, it } from 'vitest'

import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { createEdge, SEGMENT_BYTES, whileStepping } from '../support/edge.ts'
import { createFakeStore } from '../support/fake-store.ts'

const FRESH: [string, string][] = [['cache-control', 'max-age=60']]

/** Counts bodies that were neither read to their end nor cancelled. */
function counting(upstream: Upstream, open: Set<ByteSource>): Upstream {
  return {
    async fetch(request, scope) {
      const response = await upstream.fetch(request, scope)
      const { body } = response
      open.add(body)
      const counted: ByteSource = {
        async read() {
          const chunk = await body.read()
          if (chunk === undefined) open.delete(body)
          return chunk
        },
        cancel(why) {
          open.delete(body)
          body.cancel(why)
        },
      }
      return { ...response, body: counted }
    },
  }
}

it('the 304 of a validation is done with', async () => {
  const open = new Set<ByteSource>()
  const edge = createEdge({ wrap: (upstream) => counting(upstream, open) })
  edge.origin.put('/a', { sizeBytes: 500, fields: FRESH })
  await edge.get('/a')
  await edge.clock.step(60_000)
  expect((await edge.get('/a')).cache).toContain('fwd-status=304')
  expect(open.size).toBe(0)
})

it('a second answer that cannot be taken is cancelled like a first', async () => {
  const open = new Set<ByteSource>()
  const edge = createEdge({ wrap: (upstream) => counting(upstream, open) })
  edge.origin.put('/a', { sizeBytes: 0, fields: FRESH })
  edge.origin.inject({
    fault: 'status',
    status: 416,
    fields: [['Content-Range', 'bytes */0']],
  })
  edge.origin.put('/a', { sizeBytes: 5000, fields: FRESH })
  edge.origin.inject({ fault: 'unasked-range', startByte: 0, endByte: 100 })
  expect((await edge.get('/a', { range: 'bytes=0-9' })).status).toBe(502)
  expect(open.size).toBe(0)
})

it('a 503 is relayed when what is stored cannot stand in for it', async () => {
  const open = new Set<ByteSource>()
  const store = createFakeStore()
  const edge = createEdge({ store, wrap: (upstream) => counting(upstream, open) })
  edge.origin.put('/a', { sizeBytes: 5 * SEGMENT_BYTES, fields: FRESH })
  await edge.get('/a', { range: 'bytes=0-9' })
  await edge.clock.step(61_000)
  edge.origin.inject({ fault: 'status', status: 503, body: 'down', times: Infinity })
  const got = await whileStepping(edge.clock, edge.get('/a', { range: 'bytes=4000-4009' }))
  expect(got.status).toBe(503)
  expect(new TextDecoder().decode(got.body)).toBe('down')
  expect(open.size).toBe(0)
})
