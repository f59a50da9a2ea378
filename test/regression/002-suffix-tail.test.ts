// The tail that a suffix range brings began a run where it began, in the middle of a segment: the bytes
// before it in the segment's buffer were zeros, and were stored and served as the object's.

import { expect, it } from 'vitest'

import { createEdge, SEGMENT_BYTES } from '../support/edge.ts'
import { checkOracle } from '../support/oracle.ts'

it.each([1, 100, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3000])(
  'a suffix of %i bytes stores only segments that came whole',
  async (suffixBytes) => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 10_000, fields: [['cache-control', 'max-age=60']] })
    const tail = await edge.get('/a', { range: `bytes=-${suffixBytes}` })
    const expected = { object: '/a', version: 1, endByte: 10_000 }
    const startByte = 10_000 - suffixBytes
    expect(checkOracle(tail.body, { ...expected, startByte })).toBeUndefined()
    const whole = await edge.get('/a')
    expect(checkOracle(whole.body, { ...expected, startByte: 0 })).toBeUndefined()
  },
)
