// After one part that was not to be stored nothing of the body was, as long as a slow reader kept its fill
// alive: whatever the origin said since.

import { expect, it } from 'vitest'

import { createAnsweringOrigin, partOrWhole } from '../support/answering-origin.ts'
import type { OriginAnswer } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

const BODY = Uint8Array.from({ length: 40 * SEGMENT_BYTES }, (_, i) => i % 251)

it('what the origin lets be stored again is, though another still reads', async () => {
  let control = 'max-age=60'
  const origin = createAnsweringOrigin((request): OriginAnswer => {
    const fields = { 'cache-control': control, etag: '"a"' }
    const isSame = request.header('if-none-match') !== undefined
    return isSame ? { status: 304, fields } : partOrWhole(request, BODY, fields)
  })
  const site = { fill: { windowBytes: 4 * SEGMENT_BYTES } }
  const edge = createEdge({ wrap: origin.wrap, site })
  const { answer } = await edge.ask('/a')
  if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
  const { source } = answer.body
  await source.read()
  control = 'no-store'
  await edge.get('/a', { range: 'bytes=30000-30009' })
  control = 'max-age=600'
  // The first validates, and brings the part; from then on it is there.
  await edge.get('/a', { range: 'bytes=35000-35009' })
  const part = await edge.get('/a', { range: 'bytes=35000-35009' })
  expect(part.cache).toBe('hit; ttl=600')
  expect(part.body).toEqual(BODY.subarray(35_000, 35_010))
  source.cancel('enough')
})
