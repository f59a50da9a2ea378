// What may be served stale was more than anyone had said: a window of seconds lifted all of s-maxage, a
// lifetime of zero counted as permission for a day, and an old 404 stood in for an error of today.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import type { OriginAnswer } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const HOUR_MS = 3_600_000

/** Answers once, and is down from then on. */
async function afterwardsDown(first: OriginAnswer, waitMs: number, control = '') {
  const origin = createAnsweringOrigin((_, number) =>
    number === 0 ? first : { status: 503, body: 'down' },
  )
  const edge = createEdge({ wrap: origin.wrap })
  await edge.get('/a')
  await edge.clock.step(waitMs)
  return await edge.get('/a', { 'cache-control': control })
}

describe('s-maxage with a stale window beside it', () => {
  const fields = { 'cache-control': 's-maxage=1, stale-while-revalidate=5', etag: '"a"' }

  it('is served stale within that window', async () => {
    expect(textOf(await afterwardsDown({ fields, body: 'one' }, 3000))).toBe('one')
  })

  it.each([
    ['for max-stale', 'max-stale'],
    ['for stale-if-error of the request', 'stale-if-error=86400'],
    ['in the window of the site', ''],
  ])('is not served stale after it %s (RFC 9111 §5.2.2.8, §5.2.2.10)', async (_name, control) => {
    expect((await afterwardsDown({ fields, body: 'one' }, HOUR_MS, control)).status).toBe(503)
  })
})

describe('a response that says it is fresh for no time', () => {
  it.each([
    ['max-age=0', { 'cache-control': 'max-age=0' }],
    ['Expires: 0', { expires: '0' }],
    ['a broken max-age', { 'cache-control': 'max-age=x' }],
  ])(
    'does not permit a day of stale service by that: %s (RFC 9111 §4.2.4)',
    async (_name, said) => {
      const first = { fields: { ...said, etag: '"a"' }, body: 'one' }
      expect((await afterwardsDown(first, 20 * HOUR_MS)).status).toBe(503)
    },
  )
})

describe('an error that was stored', () => {
  it('does not stand in for another one in the window of the site', async () => {
    const first = { status: 404, fields: { 'cache-control': 'max-age=3600' }, body: 'none' }
    expect((await afterwardsDown(first, 20 * HOUR_MS)).status).toBe(503)
  })
})

describe('a request that names a limit', () => {
  it.each(['max-age=100', 'min-fresh=0'])(
    'is served nothing stale while that is revalidated: %s (RFC 9111 §5.2.1.1, §5.2.1.3)',
    async (control) => {
      const origin = createAnsweringOrigin((_, number) => ({
        fields: {
          'cache-control': 'max-age=1, stale-while-revalidate=500',
          etag: `"${number}"`,
        },
        body: `version ${number}`,
      }))
      const edge = createEdge({ wrap: origin.wrap })
      await edge.get('/a')
      await edge.clock.step(10_000)
      const got = await edge.get('/a', { 'cache-control': control })
      expect(textOf(got)).toBe('version 1')
    },
  )
})
