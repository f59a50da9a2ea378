// What a POST was answered with was taken for what a GET would be: its no-store kept the GETs of all from
// waiting for one another, and a part of something became an error after it had taken effect.

import { expect, it } from 'vitest'

import { createAnsweringOrigin, textOf } from '../support/answering-origin.ts'
import type { OriginAnswer } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

const SITE = { methods: 'all', policy: { storesPost: true } } as const

function answeringPosts(post: OriginAnswer) {
  const get = { fields: { 'cache-control': 'max-age=60' }, body: 'got' }
  const origin = createAnsweringOrigin(({ method }) => (method === 'POST' ? post : get))
  return { edge: createEdge({ wrap: origin.wrap, site: SITE }), origin }
}

it.each(['no-store', 'private'])(
  'a POST that is answered with %s says nothing of the GETs to come',
  async (control) => {
    const fields = { 'cache-control': control, 'content-location': '/a' }
    const { edge, origin } = answeringPosts({ fields, body: 'posted' })
    await edge.get('/a', {}, 'POST')
    await Promise.all(Array.from({ length: 5 }, () => edge.get('/a')))
    expect(origin.requests).toHaveLength(2)
  },
)

it('a POST that is answered with a part is answered so', async () => {
  const fields = { 'content-range': 'bytes 0-1/5', 'content-location': '/a' }
  const { edge } = answeringPosts({ status: 206, fields, body: 'po' })
  const got = await edge.get('/a', { range: 'bytes=0-1' }, 'POST')
  expect([got.status, textOf(got)]).toEqual([206, 'po'])
})
