import * as fc from 'fast-check'
import { parseList } from 'structured-headers'
import { describe, expect, it } from 'vitest'

import { formatCacheStatus } from '#core/http/cache-status.ts'

describe('formatCacheStatus', () => {
  it('says hit, or why it went forward, never both (RFC 9211 §2)', () => {
    expect(formatCacheStatus('sluice', { hit: true, ttlSeconds: 376 })).toBe('sluice; hit; ttl=376')
    expect(formatCacheStatus('sluice', { hit: true, ttlSeconds: -5, forward: 'stale' })).toBe(
      'sluice; hit; ttl=-5',
    )
    const status = {
      hit: false,
      forward: 'stale',
      forwardStatus: 304,
      stored: true,
      collapsed: true,
      detail: 'resumed',
    } as const
    expect(formatCacheStatus('sluice', status)).toBe(
      'sluice; fwd=stale; fwd-status=304; stored; collapsed; detail=resumed',
    )
  })

  it('quotes what is no token (RFC 9651 §3.3)', () => {
    expect(formatCacheStatus('edge one', { hit: true })).toBe('"edge one"; hit')
    expect(formatCacheStatus('1st', { hit: true })).toBe('"1st"; hit')
    expect(formatCacheStatus('a"b\\', { hit: true })).toBe('"a\\"b\\\\"; hit')
    expect(formatCacheStatus('x', { hit: true, detail: 'two words' })).toBe(
      'x; hit; detail="two words"',
    )
  })

  it('is a list of one member for any name and detail, to another parser', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (name, detail) => {
        const list = parseList(formatCacheStatus(name, { hit: true, detail }))
        expect(list).toHaveLength(1)
        expect(list[0]?.[1].get('hit')).toBe(true)
      }),
    )
  })
})
