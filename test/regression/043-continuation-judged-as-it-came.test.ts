// The rest of a body was compared as it came with what was stored of the beginning after a Date and the
// rules of the site: another version, it seemed, and each whole download broke off, for ever.

import { expect, it } from 'vitest'

import type { OriginAnswer } from '../support/answering-origin.ts'
import { createAnsweringOrigin, partOrWhole } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import type { EdgeOptions } from '../support/edge.ts'

const BODY = Uint8Array.from({ length: 3 * SEGMENT_BYTES }, (_, i) => i % 251)
const FRESH = { 'cache-control': 'max-age=60' }
const LONG_AGO = { 'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT' }

function dropping(name: string): EdgeOptions['site'] {
  return { responseRules: [{ pathPrefix: undefined, set: [], drop: new Set([name]) }] }
}

function without(name: string): EdgeOptions['site'] {
  return { hooks: { response: (fields) => fields.filter((_, i) => fields[i - (i % 2)] !== name) } }
}

it.each<[string, Readonly<Record<string, string>>, boolean, EdgeOptions['site']]>([
  ['without Date', LONG_AGO, false, {}],
  ['whose ETag a rule drops', { ...LONG_AGO, etag: '"a"' }, true, dropping('etag')],
  ['whose ETag a hook drops', { ...LONG_AGO, etag: '"a"' }, true, without('etag')],
  [
    'whose Last-Modified a rule drops',
    { ...LONG_AGO, etag: '"a"' },
    true,
    dropping('last-modified'),
  ],
])(
  'the rest of a response %s is joined to its beginning (RFC 9111 §3.4)',
  async (_name, said, hasDate, site) => {
    const origin = createAnsweringOrigin((request): OriginAnswer => {
      const answer = partOrWhole(request, BODY, { ...FRESH, ...said })
      return { ...answer, hasDate }
    })
    const edge = createEdge({ wrap: origin.wrap, ...(site && { site }) })
    await edge.get('/a', { range: 'bytes=0-9' })
    const whole = await edge.get('/a')
    expect([whole.error, whole.body]).toEqual([undefined, BODY])
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
  },
)
