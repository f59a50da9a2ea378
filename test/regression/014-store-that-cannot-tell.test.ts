// Where the store cannot tell which segments it has, the head of an answer went out before anybody knew
// that the bytes could no longer be had.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { createFakeStore } from '../support/fake-store.ts'
import { checkOracle } from '../support/oracle.ts'

it('a version that is gone begins anew, also without presence (RFC 9111 §3.4)', async () => {
  const edge = createEdge({ store: createFakeStore({ tellsPresence: false }) })
  const fields: [string, string][] = [['cache-control', 'max-age=60']]
  const sizeBytes = 10 * SEGMENT_BYTES
  edge.origin.put('/a', { sizeBytes, fields })
  await edge.get('/a', { range: 'bytes=0-9' })
  edge.origin.put('/a', { sizeBytes, version: 2, fields })
  const got = await edge.get('/a', { range: 'bytes=5000-5009' })
  expect(got.error).toBeUndefined()
  const expected = { object: '/a', version: 2, startByte: 5000, endByte: 5010 }
  expect(checkOracle(got.body, expected)).toBeUndefined()
})
