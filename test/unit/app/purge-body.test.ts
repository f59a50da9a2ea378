import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { parsePurge } from '#app/purge-body.ts'

const parse = (value: unknown) =>
  parsePurge(new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)))

const problem = (reason: string) => ({
  kind: 'problem',
  reason: `${reason}: send {"url": "http://host/path?query"} or {"all": true}, and "how": "soft" or "hard" beside it if it matters`,
})

describe('parsePurge', () => {
  it('takes a URL, to be dropped unless it says otherwise', () => {
    const url = 'http://a/b'
    expect(parse({ url })).toEqual({ kind: 'url', url, how: 'hard' })
    expect(parse({ url, how: 'hard' })).toEqual({ kind: 'url', url, how: 'hard' })
    expect(parse({ how: 'soft', url })).toEqual({ kind: 'url', url, how: 'soft' })
  })

  it('takes everything, to be validated unless it says otherwise (T-101)', () => {
    expect(parse({ all: true })).toEqual({ kind: 'all', how: 'soft' })
    expect(parse({ all: true, how: 'soft' })).toEqual({ kind: 'all', how: 'soft' })
    expect(parse({ all: true, how: 'hard' })).toEqual({ kind: 'all', how: 'hard' })
  })

  it.each([
    ['The body is not a JSON object', ['', 'all', '[]', 'null', '"x"', '1', '{"all":true', '{}{}']],
    ['Neither "url" nor "all"', [{}, { how: 'soft' }]],
    [
      'Both "url" and "all"',
      [
        { url: 'http://a/b', all: true },
        { url: '', all: false },
      ],
    ],
    ['"all" is not true', [{ all: false }, { all: 1 }, { all: 'true' }, { all: null }]],
    ['"url" is not a string', [{ url: 1 }, { url: null }, { url: ['http://a/'] }, { url: {} }]],
    [
      '"how" is neither "soft" nor "hard"',
      [
        { all: true, how: 'Soft' },
        { all: true, how: null },
      ],
    ],
    ['Unknown member "URL"', [{ URL: 'http://a/b' }, { all: true, URL: 1 }]],
    ['Unknown member "__proto__"', ['{"__proto__": {"all": true}}']],
  ])('says %s, and what to send', (reason, bodies) => {
    for (const body of bodies) expect(parse(body)).toEqual(problem(reason))
  })

  it('shows no more than 40 letters of a member that it does not know', () => {
    expect(parse({ ['x'.repeat(41)]: 1 })).toEqual(problem(`Unknown member "${'x'.repeat(40)}…"`))
    expect(parse({ ['x'.repeat(40)]: 1 })).toEqual(problem(`Unknown member "${'x'.repeat(40)}"`))
  })

  it('takes UTF-8 only, without a byte order mark (RFC 8259 §8.1)', () => {
    expect(parse('{"all":true}')).toMatchObject({ kind: 'all' })
    expect(parse('\ufeff{"all":true}')).toEqual(problem('The body is not a JSON object'))
    expect(parsePurge(Buffer.from('{"url":"http://a/\xe4"}', 'latin1'))).toEqual(
      problem('The body is not a JSON object'),
    )
    expect(parsePurge(Buffer.from('{"all":true}', 'utf16le'))).toEqual(
      problem('The body is not a JSON object'),
    )
  })

  it('never throws, and orders nothing that was not asked for', () => {
    const member = fc.constantFrom('url', 'all', 'how', 'x', '__proto__')
    const value = fc.oneof(fc.constantFrom('soft', 'hard', true, 'http://a/'), fc.jsonValue())
    fc.assert(
      fc.property(fc.dictionary(member, value), fc.uint8Array(), (members, noise) => {
        const parsed = parse(members)
        const isAll = parsed.kind === 'all'
        expect(isAll).toBe(isAll && members['all'] === true && members['url'] === undefined)
        parsePurge(noise)
      }),
    )
  })
})
