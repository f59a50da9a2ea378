// Who began a fetch was answered with a head of which no byte could be had any more: the version was gone before
// the first byte of it was sent, and there was still time to answer with the new one.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

const SIZE_BYTES = 3 * SEGMENT_BYTES
const OLD = new Uint8Array(SIZE_BYTES).fill(1)
const NEW = new Uint8Array(SIZE_BYTES).fill(2)

// The condition is of another version, so that everything is sent, of which only the end has come.
it('a version that is gone before its first byte is sent gives way to the new one', async () => {
  const origin = createAnsweringOrigin((request, number) => {
    if (number === 0) {
      const [, suffix] = /^bytes=-(\d+)$/.exec(request.header('range') ?? '') ?? []
      const startByte = SIZE_BYTES - Number(suffix)
      const contentRange = `bytes ${startByte}-${SIZE_BYTES - 1}/${SIZE_BYTES}`
      const fields = { etag: '"old"', 'cache-control': 'max-age=60', 'content-range': contentRange }
      return { status: 206, fields, body: OLD.subarray(startByte) }
    }
    if (request.header('if-match') !== undefined) return { status: 412 }
    return { fields: { etag: '"new"', 'cache-control': 'max-age=60' }, body: NEW }
  })
  const edge = createEdge({ wrap: origin.wrap })
  const got = await edge.get('/a', { range: 'bytes=-1', 'if-range': '"older"' })
  expect(got.error).toBeUndefined()
  expect([got.status, got.field('etag'), got.body]).toEqual([200, '"new"', NEW])
})
