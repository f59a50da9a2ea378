// What the origin said to one client's Cookie marked the key as not worth waiting for, or switched off what
// everybody shared; a client that wanted nothing stored led a validation for all.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const SITE = { forward: { mode: 'all' } } as const

function personal() {
  const origin = createAnsweringOrigin((request, number) =>
    request.header('cookie') === undefined
      ? { fields: { 'cache-control': 'max-age=3600', etag: '"a"' }, body: `all ${number}` }
      : { fields: { 'cache-control': 'private' }, body: 'mine' },
  )
  return { edge: createEdge({ wrap: origin.wrap, site: SITE }), origin }
}

describe('what is said to a client with credentials', () => {
  it('does not keep others from waiting for one another', async () => {
    const { edge, origin } = personal()
    expect(textOf(await edge.get('/a', { cookie: 'a=b' }))).toBe('mine')
    await Promise.all([edge.get('/a'), edge.get('/a'), edge.get('/a')])
    expect(origin.requests).toHaveLength(2)
  })

  it('does not invalidate what the others share', async () => {
    const { edge } = personal()
    await edge.get('/a')
    const own = await edge.get('/a', { cookie: 'a=b', 'cache-control': 'no-cache' })
    expect(textOf(own)).toBe('mine')
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
  })
})

describe('a client that wants nothing stored', () => {
  it('does not lead a validation that others wait for (RFC 9111 §5.2.1.5)', async () => {
    const released = Promise.withResolvers<void>()
    const origin = createAnsweringOrigin((_, number) => ({
      fields: { 'cache-control': number === 0 ? 'max-age=1' : 'max-age=60', etag: `"${number}"` },
      body: `version ${number}`,
      ...(number === 1 && { after: released.promise }),
    }))
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    await edge.clock.step(2000)
    const together = [
      edge.get('/a', { 'cache-control': 'no-store' }),
      ...Array.from({ length: 9 }, () => edge.get('/a')),
    ]
    await edge.clock.step(1)
    released.resolve()
    await Promise.all(together)
    expect(origin.requests).toHaveLength(3)
    expect((await edge.get('/a')).cache).toMatch(/^hit/)
  })
})

describe('a mark that a key is not worth waiting for', () => {
  it('is looked at where a stale response is stored too', async () => {
    const released = Promise.withResolvers<void>()
    const origin = createAnsweringOrigin((_, number) => ({
      fields: {
        'cache-control': number === 0 ? 'max-age=1' : 'private',
        etag: `"${number}"`,
      },
      body: `version ${number}`,
      ...(number === 2 && { after: released.promise }),
    }))
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    await edge.clock.step(2000)
    await edge.get('/a')
    const slow = edge.get('/a')
    await edge.clock.step(1)
    expect(textOf(await edge.get('/a'))).toBe('version 3')
    released.resolve()
    await slow
  })
})
