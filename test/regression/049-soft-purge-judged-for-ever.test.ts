// After a soft purge of everything, each access judged what is stored anew and without end: 500 for all.

import { expect, it } from 'vitest'

import { EVERYTHING, groupIdOf } from '#core/entry/invalidation-scope.ts'
import { createEdge } from '../support/edge.ts'
import type { Edge } from '../support/edge.ts'

async function stored(): Promise<Edge> {
  const edge = createEdge()
  const fields: [string, string][] = [
    ['cache-control', 'max-age=60'],
    ['cache-groups', '"g"'],
  ]
  edge.origin.put('/a', { sizeBytes: 500, fields })
  await edge.get('/a')
  expect((await edge.get('/a')).cache).toMatch(/^hit/)
  return edge
}

it.each([
  ['everything', EVERYTHING],
  ['its group', groupIdOf('test', '', 'g')],
])('what is stored is validated once after %s was invalidated', async (_name, scope) => {
  const edge = await stored()
  await edge.store.invalidate(scope, 'validate')
  await edge.store.invalidate(scope, 'validate')
  expect((await edge.get('/a')).cache).toContain('fwd-status=304')
  expect((await edge.get('/a')).cache).toMatch(/^hit/)
})
