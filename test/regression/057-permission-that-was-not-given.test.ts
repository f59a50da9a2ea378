// An open quote, and an s-maxage that is no number, counted as the origin's word that its answer to one
// client's Authorization is for all.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const SITE = { policy: { heuristicFraction: 0.1 } }
const ALICE = { authorization: 'Bearer alice' }

it.each(['ext="a', 's-maxage=', 's-maxage=x', 's-maxage=1, s-maxage=x', 'no-cache=",max-age=10'])(
  'an answer to Authorization is not shared by what is not said: %s (RFC 9111 §3.5)',
  async (control) => {
    const origin = createAnsweringOrigin((_, number) => ({
      fields: {
        'cache-control': control,
        etag: '"alice"',
        'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT',
      },
      body: `for ${number}`,
    }))
    const edge = createEdge({ wrap: origin.wrap, site: SITE })
    await edge.get('/a', ALICE)
    // Nothing of hers is there to be validated, let alone to be served.
    expect((await edge.get('/a')).cache).toMatch(/^fwd=uri-miss/)
    expect(origin.requests[1]?.header('if-none-match')).toBeUndefined()
  },
)
