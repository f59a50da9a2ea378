// Content-Digest is of the bytes of one message: it was given with other parts, and with the whole.

import { expect, it } from 'vitest'

import { createAnsweringOrigin, partOrWhole } from '../support/answering-origin.ts'
import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

const BODY = Uint8Array.from({ length: 3 * SEGMENT_BYTES }, (_, i) => i % 251)
const WHOLE = 'sha-256=:d2hvbGU=:'

function digesting(digests: 'of the whole' | 'of each part') {
  const origin = createAnsweringOrigin((request) => {
    const range = Buffer.from(request.header('range') ?? '').toString('base64')
    const digest = digests === 'of the whole' ? WHOLE : `sha-256=:${range}:`
    return partOrWhole(request, BODY, {
      'cache-control': 'max-age=60',
      etag: '"a"',
      'content-digest': digest,
      'content-md5': 'd2hvbGU=',
      'repr-digest': WHOLE,
    })
  })
  return createEdge({ wrap: origin.wrap })
}

it('a part of what is stored has no digest of the whole message (RFC 9530 §2)', async () => {
  const edge = digesting('of the whole')
  expect((await edge.get('/a')).field('content-digest')).toBe(WHOLE)
  const part = await edge.get('/a', { range: 'bytes=10-19' })
  expect(part.status).toBe(206)
  expect(part.field('content-digest')).toBeUndefined()
  expect(part.field('content-md5')).toBeUndefined()
  // That of the whole is the same with any part of it (RFC 9530 §3).
  expect(part.field('repr-digest')).toBe(WHOLE)
})

it('nothing that is stored of a part has the digest of that part (RFC 9530 §2)', async () => {
  const edge = digesting('of each part')
  for (const range of ['bytes=0-9', 'bytes=2048-2050', undefined]) {
    const got = await edge.get('/a', range === undefined ? {} : { range })
    expect(got.field('content-digest')).toBeUndefined()
    expect(got.field('content-md5')).toBeUndefined()
    expect(got.field('repr-digest')).toBe(WHOLE)
  }
})
