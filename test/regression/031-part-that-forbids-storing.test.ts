// A later part of a body said that nothing of it was to be stored, or that it was for one client: it was
// stored all the same, and given to others.

import { expect, it } from 'vitest'

import { createAnsweringOrigin, partOrWhole } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

const BODY = Uint8Array.from({ length: 3 * SEGMENT_BYTES }, (_, i) => i % 251)
const LATER = { range: 'bytes=2000-2009' }

it.each(['no-store', 'private'])(
  'a part that says %s is served, and neither stored nor used again (RFC 9111 §5.2.2.5, §5.2.2.7)',
  async (control) => {
    const origin = createAnsweringOrigin((request, number) =>
      partOrWhole(request, BODY, {
        'cache-control': number === 0 ? 'max-age=60' : control,
        etag: '"a"',
      }),
    )
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a', { range: 'bytes=0-9' })
    const part = await edge.get('/a', LATER)
    expect([part.status, part.body]).toEqual([206, BODY.subarray(2000, 2010)])
    await edge.fillScopes.settled()
    const askedCount = origin.requests.length
    expect((await edge.get('/a', LATER)).cache).not.toMatch(/^hit/)
    expect(origin.requests.length).toBeGreaterThan(askedCount)
    // What was stored before is not used as it was: the head of all parts is the newest.
    expect((await edge.get('/a', { range: 'bytes=0-9' })).cache).not.toMatch(/^hit/)
  },
)
