// A request field line with a byte above 0x7E was left out: a user was logged out by his own name, and what
// he asked of caches was not heard.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const SITE = { forward: { mode: 'all' } } as const
const FRESH = { 'cache-control': 'max-age=60' }

describe('a request field with a byte above 0x7E', () => {
  it('goes on as it came: Cookie (RFC 9110 §5.5)', async () => {
    const origin = createAnsweringOrigin((request) => ({
      fields: FRESH,
      body: request.header('cookie') ?? 'none',
    }))
    const edge = createEdge({ wrap: origin.wrap, site: SITE })
    expect(textOf(await edge.get('/a', { cookie: 'name=caf\xe9' }))).toBe('name=caf\xe9')
    expect(textOf(await edge.get('/a'))).toBe('none')
  })

  it('asks what it asks without it: Cache-Control (RFC 9111 §5.2.1.4)', async () => {
    const origin = createAnsweringOrigin((_, number) => ({ fields: FRESH, body: `for ${number}` }))
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    const reload = await edge.get('/a', { 'cache-control': 'no-cache, x="\xe9"' })
    expect(textOf(reload)).toBe('for 1')
  })

  it('is still refused where it is to be read, or could end the line', async () => {
    const edge = createEdge()
    await expect(edge.get('/a', { range: 'bytes=0-\xe9' })).rejects.toThrow('Malformed')
    await expect(edge.get('/a', { 'x-a': 'a\u0000' })).rejects.toThrow('Malformed')
  })
})
