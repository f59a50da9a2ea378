// Directives that are written oddly were read in favour of storing: a lifetime behind a space was absent, an
// odd private could be lifted, and an open quote hid what followed it.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const OLD = 'Wed, 01 Jan 2020 00:00:00 GMT'
const SITE = {
  policy: { heuristicFraction: 0.1, storesAnyStatus: true, staleNeedsPermission: false },
}

function saying(control: string) {
  const fields = { 'cache-control': control, etag: '"a"', 'last-modified': OLD }
  const origin = createAnsweringOrigin((_, number) =>
    number > 1 ? { status: 503, body: 'down' } : { fields, body: `for ${number}` },
  )
  return createEdge({ wrap: origin.wrap, site: SITE })
}

describe('Cache-Control', () => {
  it.each(['max-age =60', 'max-age\t=60', 's-maxage =60'])(
    'with whitespace before `=` names a lifetime that is none, and is not guessed over: %s (RFC 9111 §4.2.1)',
    async (control) => {
      const edge = saying(control)
      await edge.get('/a')
      expect((await edge.get('/a')).cache).not.toMatch(/^hit/)
    },
  )

  it.each(['private = "x"', '"private"', 'private;', 'ext="a, private'])(
    'with must-understand does not lift an odd private: %s (RFC 9111 §5.2.2.3, §5.2.2.7)',
    async (odd) => {
      const edge = saying(`must-understand, max-age=60, ${odd}`)
      await edge.get('/a')
      expect((await edge.get('/a')).cache).toBe('fwd=uri-miss')
    },
  )

  it.each(['ext="a, max-age=60, must-revalidate', 'max-age=600, ext="a, max-age=60'])(
    'with an open quote is fresh for no time, and not to be used stale: %s (RFC 9111 §4.2.1)',
    async (control) => {
      const edge = saying(control)
      await edge.get('/a')
      expect((await edge.get('/a')).cache).not.toMatch(/^hit/)
      expect((await edge.get('/a')).status).toBe(503)
    },
  )
})
