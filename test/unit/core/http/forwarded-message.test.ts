import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { endToEnd } from '#core/entry/fields.ts'
import { connectionOptions, HOP_BY_HOP, isAbusiveConnection } from '#core/http/hop-by-hop.ts'
import { appendMember, countLoops, formatVia } from '#core/http/loop.ts'
import { formatTraceparent, parseTraceparent } from '#core/http/traceparent.ts'
import { parseVary } from '#core/http/vary.ts'

describe('hop-by-hop fields', () => {
  it('are what RFC 9110 §7.6.1 names, and what Connection names besides', () => {
    const fields = [
      'connection',
      'X-One, x-two',
      'x-one',
      '1',
      'x-two',
      '2',
      'x-three',
      '3',
      'te',
      'a',
    ]
    expect(endToEnd(fields)).toEqual(['x-three', '3'])
    for (const name of [
      'connection',
      'keep-alive',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
    ]) {
      expect(HOP_BY_HOP.has(name)).toBe(true)
    }
  })

  it('are named in any case, on any line', () => {
    expect([...connectionOptions('Close,, X-A ,keep-alive')]).toEqual([
      'close',
      'x-a',
      'keep-alive',
    ])
    const fields = ['connection', 'x-a', 'connection', 'X-B', 'x-a', '1', 'x-b', '2', 'x-c', '3']
    expect(endToEnd(fields)).toEqual(['x-c', '3'])
  })

  it.each(['host', 'Content-Length', 'cache-control', 'range', 'COOKIE', 'cdn-loop'])(
    'cannot be made of %s, on which the meaning of a message rests',
    (name) => {
      expect(isAbusiveConnection(connectionOptions(`close, ${name}`))).toBe(true)
      expect(isAbusiveConnection(connectionOptions('close, keep-alive, x-a'))).toBe(false)
    },
  )
})

describe('countLoops', () => {
  it.each([
    [undefined, 0],
    ['', 0],
    ['other', 0],
    ['sluice', 1],
    ['Sluice', 1],
    ['a, sluice;v="1, sluice", b;x=sluice, sluice ; a', 3],
    // An open quote hides nothing.
    ['", sluice', 1],
    ['a;b="c, sluice', 1],
    ['notsluice, sluice2', 0],
  ])('counts us in %j %i times (RFC 8586 §2)', (value, count) => {
    expect(countLoops(value, 'sluice')).toBe(count)
  })

  it('counts what appendMember adds, and removes nothing', () => {
    let value: string | undefined = 'first; a=b'
    for (let i = 1; i <= 3; i++) {
      value = appendMember(value, 'sluice')
      expect(countLoops(value, 'sluice')).toBe(i)
    }
    expect(value).toBe('first; a=b, sluice, sluice, sluice')
    expect(appendMember(undefined, formatVia('1.1', 'sluice'))).toBe('1.1 sluice')
  })
})

describe('parseVary', () => {
  it('gives names in lower case, sorted and once each (RFC 9110 §12.5.5)', () => {
    expect(parseVary('X-B, accept-encoding,,x-b , Accept')).toEqual([
      'accept',
      'accept-encoding',
      'x-b',
    ])
    expect(parseVary(undefined)).toEqual([])
    expect(parseVary('')).toEqual([])
  })

  it('gives a star wherever there is one', () => {
    expect(parseVary('*')).toBe('*')
    expect(parseVary('accept, *')).toBe('*')
  })
})

function hex(length: number): fc.Arbitrary<string> {
  const digit = fc.nat({ max: 15 }).map((value) => value.toString(16))
  return fc.string({ unit: digit, minLength: length, maxLength: length })
}

describe('parseTraceparent', () => {
  const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

  it('reads back what formatTraceparent writes', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
        fc.pre(!/^0+$/.test(traceId) && !/^0+$/.test(spanId))
        const trace = { traceId, spanId, sampled }
        expect(parseTraceparent(formatTraceparent(trace))).toEqual(trace)
      }),
    )
    expect(parseTraceparent(valid)?.sampled).toBe(true)
  })

  it.each([
    '',
    valid.toUpperCase(),
    `${valid} `,
    `${valid}-00`,
    valid.replace(/^00/, 'ff'),
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
  ])('refuses %j', (value) => {
    expect(parseTraceparent(value)).toBeUndefined()
  })
})
