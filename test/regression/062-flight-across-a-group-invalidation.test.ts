// Who asked after a group was invalidated joined a flight from before it, as its groups were not known yet.

import { expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import type { OriginAnswer } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

it.each([
  ['a first answer', 0],
  ['a 304', 1],
])(
  'a request after a group was invalidated does not share %s from before (RFC 9875 §2.2)',
  async (_name, held) => {
    const released = Promise.withResolvers<void>()
    let version = 'old'
    let getCount = 0
    const origin = createAnsweringOrigin((request): OriginAnswer => {
      if (request.method === 'POST') {
        version = 'new'
        return { fields: { 'cache-group-invalidation': '"g"' } }
      }
      const etag = `"${version}"`
      const fields = { 'cache-control': 'max-age=60', 'cache-groups': '"g"', etag }
      const isSame = request.header('if-none-match') === etag
      const answer = isSame ? { status: 304, fields } : { fields, body: version }
      return { ...answer, ...(getCount++ === held && { after: released.promise }) }
    })
    const edge = createEdge({ wrap: origin.wrap, site: { methods: 'all' } })
    for (let i = 0; i < held; i++) {
      await edge.get('/a')
      await edge.clock.step(61_000)
    }
    const before = edge.get('/a')
    await edge.clock.step(1)
    await edge.get('/b', {}, 'POST')
    const after = edge.get('/a')
    await edge.clock.step(1)
    released.resolve()
    expect(textOf(await before)).toBe('old')
    expect(textOf(await after)).toBe('new')
  },
)
