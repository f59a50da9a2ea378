// The fields of a 304 were laid over the stored response and given to everybody, whatever they were: a
// Set-Cookie among them, or what the origin said to one client's Authorization.

import { expect, it } from 'vitest'

import { createEdge } from '../support/edge.ts'
import { createGate } from '../support/gate.ts'

const FRESH: [string, string] = ['cache-control', 'max-age=60']

it.each([
  ['Set-Cookie', [FRESH, ['set-cookie', 'id=1']], {}],
  [
    'private',
    [
      ['cache-control', 'private'],
      ['x-canary', 'id=1'],
    ],
    {},
  ],
  ['Authorization', [FRESH, ['x-canary', 'id=1']], { authorization: 'Bearer one' }],
] as const)(
  'a 304 for one client is not laid over what is stored: %s',
  async (_name, own, asks) => {
    const edge = createEdge()
    edge.origin.put('/a', { sizeBytes: 500, fields: [FRESH] })
    await edge.get('/a')
    await edge.clock.step(60_000)
    edge.origin.put('/a', { sizeBytes: 500, fields: own.map(([name, value]) => [name, value]) })
    expect((await edge.get('/a', asks)).status).toBe(200)
    edge.origin.put('/a', { sizeBytes: 500, fields: [FRESH] })
    const other = await edge.get('/a')
    expect(other.field('set-cookie')).toBeUndefined()
    expect(other.field('x-canary')).toBeUndefined()
  },
)

it('who waited for a 304 that is for one client asks for itself', async () => {
  const edge = createEdge()
  edge.origin.put('/a', { sizeBytes: 500, fields: [FRESH] })
  await edge.get('/a')
  await edge.clock.step(60_000)
  edge.origin.put('/a', { sizeBytes: 500, fields: [FRESH, ['set-cookie', 'id=1']] })
  const gate = createGate()
  edge.origin.inject({ fault: 'gate-head', gate })
  const asked = [edge.get('/a'), edge.get('/a')]
  await gate.arrived()
  gate.release()
  await Promise.all(asked)
  expect(edge.origin.requests).toHaveLength(3)
})
