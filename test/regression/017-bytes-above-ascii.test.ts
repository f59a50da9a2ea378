// A field line with a byte above 0x7E was left out before the policy looked: what it forbade was allowed.

import { describe, expect, it } from 'vitest'

import { admitFields } from '#core/entry/fields.ts'
import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const FRESH = 'max-age=60'
const LATER = 'Fri, 01 Jan 2100 00:00:00 GMT'

describe('a field line with a byte above 0x7E', () => {
  it.each([
    ['no-store', { 'cache-control': 'no-store, \xe9', expires: LATER }],
    ['no-store beside a no-break space', { 'cache-control': 'no-store\xa0', expires: LATER }],
    ['private', { 'cache-control': 'private, x="caf\xe9"', expires: LATER }],
    ['Vary: *', { 'cache-control': FRESH, vary: '*, \xe9' }],
    ['Set-Cookie', { 'cache-control': FRESH, 'set-cookie': 'name=caf\xe9' }],
  ])('forbids what it forbids without it: %s (RFC 9110 §5.5)', async (_name, fields) => {
    const origin = createAnsweringOrigin((_, number) => ({ fields, body: `for ${number}` }))
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    expect(textOf(await edge.get('/a'))).toBe('for 1')
  })

  it('names what selects: fields of a 304 as of a 200 (RFC 9111 §4.1)', async () => {
    const fields = { 'cache-control': FRESH, etag: '"a"', vary: 'accept-language, x-\xe9' }
    const origin = createAnsweringOrigin((request) => ({
      fields,
      body: request.header('accept-language') ?? '',
    }))
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a', { 'accept-language': 'en' })
    expect(textOf(await edge.get('/a', { 'accept-language': 'fr' }))).toBe('fr')
  })

  it('goes on as it came', () => {
    const dropped: string[] = []
    const lines = ['Location', '/caf\xe9', 'ETag', '"\xe9"', 'Set-Cookie', 'name=\xff\x80']
    expect(admitFields(lines, (name) => dropped.push(name))).toEqual([
      'location',
      '/caf\xe9',
      'etag',
      '"\xe9"',
      'set-cookie',
      'name=\xff\x80',
    ])
    expect(dropped).toEqual([])
  })

  it('is a validator as any other (RFC 9110 §8.8.3)', async () => {
    const fields = { 'cache-control': FRESH, etag: '"\xe4\xf6"' }
    const origin = createAnsweringOrigin((_, number) =>
      number === 0 ? { fields, body: 'one' } : { status: 304, fields },
    )
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    expect((await edge.get('/a', { 'if-none-match': '"\xe4\xf6"' })).status).toBe(304)
    await edge.clock.step(61_000)
    expect((await edge.get('/a')).cache).toContain('fwd-status=304')
    expect(origin.requests[1]?.header('if-none-match')).toBe(fields.etag)
  })
})
