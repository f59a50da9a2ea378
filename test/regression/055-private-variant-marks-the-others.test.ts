// One variant that is for one client alone kept the clients of all the others from waiting for one another.

import { expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'

it('a private variant says nothing of those that are stored and fresh', async () => {
  const origin = createAnsweringOrigin((request) => {
    const language = request.header('accept-language') ?? ''
    const control = language === 'xx' ? 'private' : 'max-age=60'
    return { fields: { 'cache-control': control, vary: 'accept-language' }, body: language }
  })
  const edge = createEdge({ wrap: origin.wrap })
  await edge.get('/a', { 'accept-language': 'en' })
  await edge.get('/a', { 'accept-language': 'xx' })
  const together = Array.from({ length: 10 }, () => edge.get('/a', { 'accept-language': 'fr' }))
  await Promise.all(together)
  expect(origin.requests).toHaveLength(3)
})
