// Age told what was not so: 0 on what the origin had validated for this very request, and the age it began
// with for who was given the answer of another long after; a very large one counted as none.

import { describe, expect, it } from 'vitest'

import { createAnsweringOrigin } from '../support/answering-origin.ts'
import { createEdge } from '../support/edge.ts'
import { createGate } from '../support/gate.ts'

describe('Age', () => {
  it('is not there where the origin validated the response for this request (RFC 9111 §5.1)', async () => {
    const fields = { 'cache-control': 'no-cache', etag: '"a"' }
    const origin = createAnsweringOrigin((_, number) =>
      number === 0 ? { fields, body: 'one' } : { status: 304, fields },
    )
    const edge = createEdge({ wrap: origin.wrap })
    await edge.get('/a')
    await edge.clock.step(5000)
    const got = await edge.get('/a')
    expect(got.cache).toContain('fwd-status=304')
    expect(got.field('age')).toBeUndefined()
  })

  it('is of now for who joins what another began to receive (RFC 9111 §4)', async () => {
    const edge = createEdge()
    const gate = createGate()
    const fields: [string, string][] = [
      ['cache-control', 'max-age=600'],
      ['age', '10'],
    ]
    edge.origin.put('/a', { sizeBytes: 900, chunked: true, fields })
    edge.origin.inject({ fault: 'gate-body', gate, afterBytes: 500 })
    const first = edge.get('/a')
    await gate.arrived()
    await edge.clock.step(100_000)
    const late = edge.get('/a')
    await edge.clock.step(1)
    gate.release()
    expect((await first).field('age')).toBe('10')
    const joined = await late
    expect(joined.cache).toContain('collapsed')
    expect(joined.field('age')).toBe('110')
  })

  it.each(['99999999999', '2147483648', '9'.repeat(40)])(
    'of %s seconds is very old, however many digits it has (RFC 9111 §1.2.2, §5.1)',
    async (age) => {
      const origin = createAnsweringOrigin((_, number) => ({
        fields: { 'cache-control': 'max-age=3600', age, etag: `"${number}"` },
      }))
      const edge = createEdge({ wrap: origin.wrap })
      await edge.get('/a')
      expect((await edge.get('/a')).cache).not.toMatch(/^hit/)
    },
  )
})
