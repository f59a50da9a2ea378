// A targeted field whose lifetime was negative or a decimal: the one made way for a guess of a day, the
// other was taken for an integer.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const SITE = { policy: { heuristicFraction: 0.1 } }

async function isHit(fields: Readonly<Record<string, string>>): Promise<boolean> {
  const origin = createAnsweringOrigin(() => ({ fields: { ...fields, etag: '"a"' }, body: 'one' }))
  const edge = createEdge({ wrap: origin.wrap, site: SITE })
  await edge.get('/a')
  return (await edge.get('/a')).cache.startsWith('hit')
}

it('a negative lifetime is stale at once, and no reason to guess (RFC 9111 §4.2.1)', async () => {
  const fields = {
    'cdn-cache-control': 'max-age=-1',
    'cache-control': 'max-age=3600',
    'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT',
  }
  expect(await isHit(fields)).toBe(false)
})

it.each(['max-age=3600.0', 'max-age=3600.5', 'no-transform, max-age=3600.0'])(
  'a decimal is no lifetime, whole or not: %s (RFC 9213 §2.1)',
  async (value) => {
    expect(await isHit({ 'cdn-cache-control': value, 'cache-control': 'max-age=3600' })).toBe(false)
    expect(await isHit({ 'cdn-cache-control': value.replace(/\.\d/, '') })).toBe(true)
  },
)
