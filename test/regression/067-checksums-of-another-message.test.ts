// A part that was cut from a stored whole bore the checksum of the whole, and clients refused it.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'

it('a part bears no checksum of the whole, nor the whole that of a part', async () => {
  const edge = createEdge()
  const fields: [string, string][] = [
    ['cache-control', 'max-age=60'],
    ['x-amz-checksum-crc32', 'AAAAAA=='],
    ['x-amz-checksum-type', 'COMPOSITE'],
    ['x-amz-meta-a', '1'],
  ]
  edge.origin.put('/a', { sizeBytes: 10 * SEGMENT_BYTES, fields })
  const part = await edge.get('/a', { range: 'bytes=0-9' })
  const whole = await edge.get('/a')
  const cut = await edge.get('/a', { range: 'bytes=20-29' })
  for (const got of [part, whole, cut]) {
    expect(got.field('x-amz-checksum-crc32')).toBeUndefined()
    expect(got.field('x-amz-checksum-type')).toBeUndefined()
    expect(got.field('x-amz-meta-a')).toBe('1')
  }
})
