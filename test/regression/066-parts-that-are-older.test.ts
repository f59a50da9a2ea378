// A part that was joined made a response young again, as its Age was not looked at, and a part that had expired was not
// heeded at all.

import { expect, it } from 'vitest'

import type { OriginAnswer } from '../support/answering-origin.ts'
import { createAnsweringOrigin, partOrWhole } from '../support/answering-origin.ts'
import { SEGMENT_BYTES, createEdge } from '../support/edge.ts'

const BODY = new Uint8Array(4 * SEGMENT_BYTES)
const SECOND = `bytes=${2 * SEGMENT_BYTES}-${2 * SEGMENT_BYTES + 9}`

function edgeOver(first: Record<string, string>, later: Record<string, string>) {
  const origin = createAnsweringOrigin((request, number): OriginAnswer => {
    const fields = { etag: '"v"', 'accept-ranges': 'bytes', ...(number === 0 ? first : later) }
    return partOrWhole(request, BODY, fields)
  })
  return createEdge({ wrap: origin.wrap })
}

it('the age of a part that is joined counts (RFC 9111 §3.4, §4.2.3)', async () => {
  const fresh = { 'cache-control': 'max-age=3600' }
  const edge = edgeOver(
    { ...fresh, age: '3000', 'x-a': '1' },
    { ...fresh, age: '3590', 'x-a': '2' },
  )
  await edge.get('/a', { range: 'bytes=0-9' })
  await edge.clock.step(2000)
  await edge.get('/a', { range: SECOND })
  await edge.fillScopes.settled()
  await edge.clock.step(100_000)
  expect((await edge.get('/a', { range: 'bytes=0-9' })).cache).toContain('fwd=stale')
})

it('so does that it is older and else the same', async () => {
  const fresh = { 'cache-control': 'max-age=3600' }
  const edge = edgeOver({ ...fresh, age: '3000' }, { ...fresh, age: '3590' })
  await edge.get('/a', { range: 'bytes=0-9' })
  await edge.get('/a', { range: SECOND })
  await edge.fillScopes.settled()
  await edge.clock.step(100_000)
  expect((await edge.get('/a', { range: 'bytes=0-9' })).cache).toContain('fwd=stale')
})

it('and that it has expired', async () => {
  const edge = edgeOver(
    { expires: 'Fri, 01 Jan 2100 00:00:00 GMT' },
    { expires: 'Fri, 01 Jan 2010 00:00:00 GMT' },
  )
  await edge.get('/a', { range: 'bytes=0-9' })
  await edge.get('/a', { range: SECOND })
  await edge.fillScopes.settled()
  expect((await edge.get('/a', { range: 'bytes=0-9' })).cache).toContain('fwd=stale')
})
