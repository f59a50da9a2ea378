// Max-Forwards of an OPTIONS was passed on as it came, 0 too.

import { expect, it } from 'vitest'

import { createEdge } from '../support/edge.ts'

it.each(['all', 'listed'] as const)(
  'Max-Forwards is counted down, and at zero the answer is ours (RFC 9110 §7.6.2): forward %s',
  async (mode) => {
    const edge = createEdge({ site: { methods: 'all', forward: { mode } } })
    const last = await edge.get('/a', { 'max-forwards': '0' }, 'OPTIONS')
    expect(last.status).toBe(200)
    expect(last.field('allow')).toContain('GET')
    expect(edge.origin.requests).toHaveLength(0)
    await edge.get('/a', { 'max-forwards': '5' }, 'OPTIONS')
    expect(edge.origin.requests[0]?.header('max-forwards')).toBe('4')
    expect((await edge.get('/a', { 'max-forwards': '0000000000' }, 'OPTIONS')).status).toBe(200)
    expect(edge.origin.requests).toHaveLength(1)
    await edge.get('/a', { 'max-forwards': '1000000000000' }, 'OPTIONS')
    expect(edge.origin.requests[1]?.header('max-forwards')).toBe('999999')
  },
)
