// Who waited for another's answer and wanted other bytes of it was given its head at once. The origin had
// another version by then: 206 with no bytes, cut, where nothing had been sent and all could begin anew.

import { expect, it } from 'vitest'

import { createAnsweringOrigin, partOrWhole } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

it('who waits for another part is answered by the version that there is', async () => {
  const released = Promise.withResolvers<void>()
  let version = 1
  const origin = createAnsweringOrigin((request, number) => {
    const etag = `"${version}"`
    const ifMatch = request.header('if-match')
    if (ifMatch !== undefined && ifMatch !== etag) return { status: 412 }
    const body = new Uint8Array(3 * SEGMENT_BYTES).fill(version)
    const answer = partOrWhole(request, body, { 'cache-control': 'max-age=60', etag })
    return { ...answer, ...(number === 0 && { after: released.promise }) }
  })
  const edge = createEdge({ wrap: origin.wrap })
  const leading = edge.get('/a', { range: 'bytes=0-9' })
  const waiting = edge.get('/a', { range: 'bytes=2000-2009' })
  await edge.clock.step(1)
  version = 2
  released.resolve()
  expect((await leading).body).toEqual(new Uint8Array(10).fill(1))
  const { status, error, body } = await waiting
  expect([status, error, body]).toEqual([206, undefined, new Uint8Array(10).fill(2)])
})
