// A 304 with the weak form of a strong tag took its place: parts could never be joined to the body again,
// and each whole download broke off after the first segment, for ever.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { checkOracle } from '../support/oracle.ts'

it('a 304 with a weak tag leaves the strong one of a body in parts (RFC 9111 §4.3.4)', async () => {
  const edge = createEdge()
  const sizeBytes = 3 * SEGMENT_BYTES
  edge.origin.put('/a', { sizeBytes, etag: '"a"', fields: [['cache-control', 'max-age=60']] })
  await edge.get('/a', { range: 'bytes=0-9' })
  await edge.clock.step(61_000)
  edge.origin.inject({
    fault: 'etag',
    value: 'W/"a"',
    on: 'all',
    times: Infinity,
    when: (request) => request.header('if-none-match') !== undefined,
  })
  for (const cache of [/fwd-status=304/, /^hit/]) {
    const got = await edge.get('/a')
    expect(got.cache).toMatch(cache)
    expect(got.error).toBeUndefined()
    const expected = { object: '/a', version: 1, startByte: 0, endByte: sizeBytes }
    expect(checkOracle(got.body, expected)).toBeUndefined()
    expect(got.field('etag')).toBe('"a"')
  }
})
