// Variants that have no entity tag, but the same Last-Modified and length, shared one body.

import { expect, it } from 'vitest'

import { first } from '#core/entry/fields.ts'
import { createEdge } from '../support/edge.ts'
import { checkOracle } from '../support/oracle.ts'

it('variants with the same Last-Modified keep their bytes apart (RFC 9110 §8.8.2.2)', async () => {
  const edge = createEdge({
    wrap: (origin) => ({
      fetch(request, scope) {
        const language = first(request.fields, 'accept-language') ?? ''
        return origin.fetch({ ...request, target: `/a?${language}` }, scope)
      },
    }),
  })
  const fields: [string, string][] = [
    ['cache-control', 'max-age=60'],
    ['vary', 'accept-language'],
  ]
  for (const object of ['de', 'fr']) {
    edge.origin.put(`/a?${object}`, { object, sizeBytes: 5000, etag: false, fields })
  }
  for (const object of ['de', 'fr', 'de', 'fr']) {
    const { body } = await edge.get('/a', { 'accept-language': object })
    expect(checkOracle(body, { object, version: 1, startByte: 0, endByte: 5000 })).toBeUndefined()
  }
  expect(edge.origin.requests).toHaveLength(2)
})
