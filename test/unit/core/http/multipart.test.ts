import * as fc from 'fast-check'
import { expect, it } from 'vitest'

import { frameParts, randomBoundary } from '#core/http/multipart.ts'
import { readByteranges } from '../../../support/byteranges.ts'

const span = fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 200 })).map(([startByte, length]) => ({
  startByte,
  endByte: startByte + length,
}))
/** Also what a field value may have of octets above ASCII. */
const type = fc.constantFrom(undefined, 'video/mp4', 'text/plain; charset="ä"')

it('is read back as it was framed, and its length is known before (RFC 9110 §14.6)', () => {
  fc.assert(
    fc.property(fc.array(span, { minLength: 2, maxLength: 20 }), type, (spans, contentType) => {
      const frame = frameParts(spans, 1000, contentType, randomBoundary())
      const pieces = spans.flatMap(({ startByte, endByte }, i) => [
        frame.openings[i] ?? new Uint8Array(),
        new Uint8Array(endByte - startByte).fill(i),
      ])
      const body = Buffer.concat([...pieces, frame.closing])
      expect(body.byteLength).toBe(frame.contentLength)
      const { parts, isClosed } = readByteranges(frame.contentType, body)
      expect(isClosed).toBe(true)
      expect(parts.map(({ startByte, endByte }) => ({ startByte, endByte }))).toEqual(spans)
      for (const [i, part] of parts.entries()) {
        expect(part.contentType).toBe(contentType)
        expect(part.completeLength).toBe(1000)
        expect(part.bytes.every((byte) => byte === i)).toBe(true)
      }
    }),
  )
})

it('has a boundary that cannot be foreseen', () => {
  const boundaries = Array.from({ length: 100 }, randomBoundary)
  expect(new Set(boundaries).size).toBe(100)
  for (const boundary of boundaries) expect(boundary).toMatch(/^[0-9a-f]{32}$/)
})
