// The rest of a body was asked for without the Authorization with which it had begun: the origin said 401,
// and the client's download broke off.

import { expect, it } from 'vitest'

import type { OriginAnswer } from '../support/answering-origin.ts'
import { createAnsweringOrigin, partOrWhole } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

const BODY = Uint8Array.from({ length: 64 * SEGMENT_BYTES }, (_, i) => i % 251)
const FIELDS = { 'cache-control': 'public, max-age=60', etag: '"a"' }
const AUTHORISED = { authorization: 'Bearer a' }

function guarded() {
  const origin = createAnsweringOrigin((request): OriginAnswer => {
    if (request.header('authorization') !== 'Bearer a') return { status: 401, body: 'who?' }
    return partOrWhole(request, BODY, FIELDS)
  })
  const site = { fill: { windowBytes: 4 * SEGMENT_BYTES } }
  return { edge: createEdge({ wrap: origin.wrap, site }), origin }
}

it('a reader slower than the window is given all of it', async () => {
  const { edge, origin } = guarded()
  const { answer } = await edge.ask('/a', AUTHORISED)
  if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
  const received: number[] = []
  for (;;) {
    const chunk = await answer.body.source.read()
    if (chunk === undefined) break
    received.push(...chunk)
    await edge.clock.step(10)
  }
  expect(Uint8Array.from(received)).toEqual(BODY)
  expect(origin.requests.length).toBeGreaterThan(1)
})

it('a part that is missing is asked for with them too', async () => {
  const { edge } = guarded()
  const { answer } = await edge.ask('/a', AUTHORISED)
  if (answer.body.kind !== 'source') throw new Error('Cannot read: no source')
  await answer.body.source.read()
  answer.body.source.cancel('enough')
  await edge.fillScopes.settled()
  const end = await edge.get('/a', { ...AUTHORISED, range: `bytes=${BODY.length - 10}-` })
  expect([end.status, end.body]).toEqual([206, BODY.subarray(-10)])
})
