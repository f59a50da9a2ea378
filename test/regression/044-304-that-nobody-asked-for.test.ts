// A 304 to a request without any condition was passed on, to a client that had nothing to use it on.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

it.each(['GET', 'HEAD'])(
  'a 304 that was not asked for is 502: %s (RFC 9110 §15.4.5)',
  async (method) => {
    const fields = { etag: '"a"', 'cache-control': 'max-age=60' }
    const origin = createAnsweringOrigin(() => ({ status: 304, fields }))
    const edge = createEdge({ wrap: origin.wrap })
    expect((await edge.get('/a', {}, method)).status).toBe(502)
    expect((await edge.get('/a', { authorization: 'Bearer a' }, method)).status).toBe(502)
    expect((await edge.get('/a', { 'if-none-match': '"a"' }, method)).status).toBe(304)
  },
)
