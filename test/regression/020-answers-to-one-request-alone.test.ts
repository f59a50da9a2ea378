// Where any status is stored, so were answers to what one client sent: a 416 to its range and a 429 to its
// haste, under a key that knows of neither. One client could switch an object off for all.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const SITE = { policy: { storesAnyStatus: true } }
const FRESH = { 'cache-control': 'max-age=60' }

describe('an answer to one request alone', () => {
  it.each([
    [416, 'RFC 9110 §15.5.17'],
    [412, 'RFC 9110 §15.5.13'],
    [428, 'RFC 6585 §3'],
    [429, 'RFC 6585 §4'],
    [431, 'RFC 6585 §5'],
    [511, 'RFC 6585 §6'],
  ])('is not stored, however fresh it says it is: %i (%s)', async (status) => {
    for (const control of ['max-age=60', 'max-age=60, no-store, must-understand', 'public']) {
      const origin = createAnsweringOrigin((_, number) =>
        number === 0
          ? { status, fields: { 'cache-control': control, etag: '"e"' }, body: 'for you alone' }
          : { fields: FRESH, body: 'for all' },
      )
      const edge = createEdge({ wrap: origin.wrap, site: SITE })
      await edge.get('/a')
      const next = await edge.get('/a')
      expect([next.status, textOf(next)]).toEqual([200, 'for all'])
    }
  })

  it('is not given to those who waited for it with no such range (RFC 9110 §15.5.17)', async () => {
    const released = Promise.withResolvers<void>()
    const origin = createAnsweringOrigin((request, number) =>
      request.header('range') === undefined
        ? { fields: FRESH, body: 'hello' }
        : {
            status: 416,
            fields: { ...FRESH, 'content-range': 'bytes */5' },
            ...(number === 0 && { after: released.promise }),
          },
    )
    const edge = createEdge({ wrap: origin.wrap, site: SITE })
    const ranged = edge.get('/a', { range: 'bytes=99-' })
    const whole = edge.get('/a')
    await edge.clock.step(1)
    released.resolve()
    expect((await ranged).status).toBe(416)
    expect((await whole).status).toBe(200)
  })
})

describe('a 416 of our own', () => {
  it('says nothing by which a cache before us could keep it for others', async () => {
    const fields = {
      'cache-control': 'max-age=3600',
      'cdn-cache-control': 'max-age=3600',
      etag: '"a"',
      'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT',
      expires: 'Fri, 01 Jan 2100 00:00:00 GMT',
    }
    const origin = createAnsweringOrigin(() => ({ fields, body: 'hello' }))
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    const got = await edge.get('/a', { range: 'bytes=99-' })
    expect(got.status).toBe(416)
    expect(got.field('content-range')).toBe('bytes */5')
    for (const name of Object.keys(fields))
      expect([name, got.field(name)]).toEqual([name, undefined])
  })
})
