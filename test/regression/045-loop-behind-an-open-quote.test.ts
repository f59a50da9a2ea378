// An open quote in CDN-Loop swallowed the ids behind it, ours too: a request went round until no connection
// was left.

import { describe, expect, it } from 'vitest'

import { appendMember, countLoops } from '#core/http/loop.ts'
import { createEdge } from '../support/edge.ts'

describe('a request that has been here', () => {
  it.each(['"', 'other;x="', 'a, "b', '"; sluice2, "'])(
    'is known by what we added, whatever the client sent: %s (RFC 8586 §2)',
    async (sent) => {
      const edge = createEdge()
      edge.origin.put('/a', { sizeBytes: 10 })
      await edge.get('/a', { 'cdn-loop': sent })
      const forwarded = edge.origin.requests[0]?.header('cdn-loop') ?? ''
      await expect(edge.get('/a', { 'cdn-loop': forwarded })).rejects.toThrow('Loop')
    },
  )

  it('is counted as often as it was', () => {
    expect(countLoops(appendMember(appendMember('"', 'sluice'), 'Sluice'), 'sluice')).toBe(2)
    expect(countLoops('sluicer, x-sluice, my.sluice', 'sluice')).toBe(0)
    expect(countLoops('sluice;hop=1', 'sluice')).toBe(1)
  })
})
