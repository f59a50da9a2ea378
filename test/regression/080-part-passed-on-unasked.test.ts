// What was passed on without being stored was not looked at: a 206 reached who had asked for everything, or had
// not the bytes that it said.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const FIELDS = { etag: 'W/"v1"', 'cache-control': 'max-age=60', 'content-range': 'bytes 0-9/100' }

it('a part is no answer to who asked for everything and waited for who did not (RFC 9110 §15.3.7)', async () => {
  const part = { status: 206, fields: FIELDS, body: '0123456789' }
  const origin = createAnsweringOrigin(() => part)
  const edge = createEdge({ wrap: origin.wrap })
  const asked = [edge.get('/a', { range: 'bytes=0-9' }), edge.get('/a')]
  const statuses = (await Promise.all(asked)).map(({ status }) => status)
  expect(statuses).toEqual([206, 502])
})

it.each(['', '01234', '0123456789a'])(
  'a part of other bytes than it says is no answer: "%s" (RFC 9110 §14.4)',
  async (body) => {
    const origin = createAnsweringOrigin(() => ({ status: 206, fields: FIELDS, body }))
    const edge = createEdge({ wrap: origin.wrap })
    expect((await edge.get('/a', { range: 'bytes=0-9' })).status).toBe(502)
  },
)
