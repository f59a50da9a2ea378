import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { parseTargeted } from '#core/http/targeted.ts'

describe('parseTargeted', () => {
  it('reads lifetimes and prohibitions as a Dictionary (RFC 9213 §2.1)', () => {
    const directives = parseTargeted('max-age=60, stale-if-error=10, no-cache')
    expect(directives).toMatchObject({
      maxAgeSeconds: 60,
      staleIfErrorSeconds: 10,
      noCache: true,
      noStore: false,
      isPrivate: false,
      isPublic: false,
    })
  })

  it.each([
    '',
    '   ',
    'max-age=60,',
    'MAX-AGE=60',
    'max-age="',
    "max-age='60'",
    '=',
    'max-age=1.2.3',
  ])('counts %j as absent: it does not parse (RFC 9213 §2.1)', (value) => {
    expect(parseTargeted(value)).toBeUndefined()
  })

  it.each([
    'max-age="60"',
    'max-age=?1',
    'max-age=token',
    'max-age=6.5',
    'max-age=60.0',
    's-maxage=5, max-age=60.00',
    'max-age=()',
  ])('takes no lifetime from %j: it is of another type', (value) => {
    expect(parseTargeted(value)?.maxAgeSeconds).toBeUndefined()
  })

  it('takes a negative number for no lifetime (RFC 9111 §4.2.1)', () => {
    expect(parseTargeted('max-age=-1')?.maxAgeSeconds).toBe(0)
  })

  it('takes the last of repeated members, as Dictionaries do (RFC 8941 §3.2)', () => {
    expect(parseTargeted('max-age=60, max-age=5')?.maxAgeSeconds).toBe(5)
  })

  it('reads a prohibition with a list of fields as the whole, and false as none', () => {
    expect(parseTargeted('private=("set-cookie")')?.isPrivate).toBe(true)
    expect(parseTargeted('private=?0')?.isPrivate).toBe(false)
  })

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(() => parseTargeted(value)).not.toThrow()
      }),
    )
  })
})
