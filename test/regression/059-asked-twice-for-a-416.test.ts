// A 416 to a request without Range was taken for one to a range of ours, and the origin was asked again.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

it('an answer to the very request of the client is not asked for again', async () => {
  const origin = createAnsweringOrigin(() => ({ status: 416 }))
  const edge = createEdge({ wrap: origin.wrap })
  expect((await edge.get('/a')).status).toBe(416)
  expect(origin.requests).toHaveLength(1)
})
