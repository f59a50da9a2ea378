import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Fields } from '#core/entry/fields.ts'
import { all, combined, first } from '#core/entry/fields.ts'
import type { ForwardRules } from '#core/policy/forwarding.ts'
import { forwardedFields, isForwarded, isSameNominated, nominate } from '#core/policy/forwarding.ts'

const LISTED: ForwardRules = {
  mode: 'listed',
  fields: new Set(['x-listed']),
  codings: ['br', 'gzip'],
  ignoresLanguageOrder: false,
  sendsAuthorization: false,
}
const ALL: ForwardRules = { ...LISTED, mode: 'all' }

const NAMES = [
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'cookie',
  'forwarded',
  'host',
  'if-match',
  'if-none-match',
  'if-range',
  'origin',
  'range',
  'user-agent',
  'via',
  'x-any',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-http-method-override',
  'x-listed',
  'x-original-url',
  'x-sluice-peer',
  'x_any',
]
const VALUES = ['', 'a', 'b', 'a, b', 'a,b', 'gzip', 'br', 'gzip, br', '*', 'bytes=0-9']
const requestFields = fc
  .array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES)), { maxLength: 8 })
  .map((lines): Fields => lines.flat())
const rules = fc.constantFrom(
  LISTED,
  ALL,
  { ...ALL, codings: [] },
  { ...ALL, sendsAuthorization: true },
)

describe('forwardedFields', () => {
  it('sends only what is listed, under `listed`', () => {
    const fields = NAMES.flatMap((name) => [name, 'a'])
    const names = forwardedFields(fields, LISTED).filter((_, i) => i % 2 === 0)
    expect(names).toEqual([
      'accept',
      'accept-language',
      'user-agent',
      'x-listed',
      'accept-encoding',
    ])
  })

  it('sends all but what would speak for us, under `all`', () => {
    const fields = NAMES.flatMap((name) => [name, 'a'])
    const names = forwardedFields(fields, ALL).filter((_, i) => i % 2 === 0)
    expect(names).toEqual([
      'accept',
      'accept-language',
      'cookie',
      'origin',
      'user-agent',
      'x-any',
      'x-listed',
      'accept-encoding',
    ])
  })

  it('lets no client choose the digests of an answer that is for all, not even where they are listed', () => {
    const names = ['want-repr-digest', 'want-content-digest', 'want-digest']
    const fields = names.flatMap((name) => [name, 'md5=10'])
    const listing = { ...LISTED, fields: new Set(names) }
    for (const rule of [ALL, LISTED, listing]) {
      expect(forwardedFields(fields, rule)).toEqual(['accept-encoding', 'identity'])
      expect(names.filter((name) => isForwarded(name, rule))).toEqual([])
    }
  })

  it('keeps lines apart and in order', () => {
    const fields = ['x-any', '1', 'accept', 'a', 'x-any', '2']
    expect(all(forwardedFields(fields, ALL), 'x-any')).toEqual(['1', '2'])
  })

  it('asks for one coding, the best that the client takes', () => {
    const codingOf = (value: string): string | undefined =>
      first(forwardedFields(['accept-encoding', value], LISTED), 'accept-encoding')
    expect(codingOf('gzip, deflate, br')).toBe('br')
    expect(codingOf('gzip')).toBe('gzip')
    expect(codingOf('zstd')).toBe('identity')
    expect(first(forwardedFields([], LISTED), 'accept-encoding')).toBe('identity')
  })

  it('sends Authorization by its own rule', () => {
    expect(isForwarded('authorization', ALL)).toBe(false)
    expect(isForwarded('authorization', { ...ALL, sendsAuthorization: true })).toBe(true)
    expect(isForwarded('cookie', ALL)).toBe(true)
    expect(isForwarded('cookie', LISTED)).toBe(false)
  })

  it('lets no way of writing a name around the list', () => {
    fc.assert(
      fc.property(requestFields, rules, (fields, rule) => {
        const names = forwardedFields(fields, rule).filter((_, i) => i % 2 === 0)
        const odd = names.filter((name) => name.includes('_') || name.startsWith('x-forwarded'))
        expect(odd).toEqual([])
      }),
    )
  })
})

/** A field's members, without the whitespace that means nothing. */
function plain(fields: Fields, name: string): string | undefined {
  return combined(fields, name)
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join(',')
}

describe('nominate', () => {
  it('takes the values that were forwarded, not those that were sent', () => {
    const fields = ['accept-encoding', 'gzip;q=0.9, br, deflate', 'x-any', 'a']
    const nominated = nominate(['vary', 'Accept-Encoding, X-Any'], forwardedFields(fields, ALL))
    expect(nominated).toEqual({ names: ['accept-encoding', 'x-any'], values: ['=br', '=a'] })
    const hidden = nominate(['vary', 'x-any'], forwardedFields(fields, LISTED))
    expect(hidden.values).toEqual([''])
  })

  it('takes a coded response to vary on the coding, said or not', () => {
    const forwarded = forwardedFields(['accept-encoding', 'gzip'], LISTED)
    const nominated = nominate(['content-encoding', 'gzip'], forwarded)
    expect(nominated).toEqual({ names: ['accept-encoding'], values: ['=gzip'] })
    expect(nominate([], forwarded).names).toEqual([])
    const said = nominate(['content-encoding', 'gzip', 'vary', 'accept-encoding'], forwarded)
    expect(said.names).toEqual(['accept-encoding'])
  })

  it('tells an empty field from an absent one (RFC 9111 §4.1)', () => {
    expect(isSameNominated(nominate(['vary', 'x-any'], []), ['x-any', ''])).toBe(false)
    expect(isSameNominated(nominate(['vary', 'x-any'], ['x-any', '']), ['x-any', ''])).toBe(true)
  })

  it('does not mind whitespace between the members of a field, and minds all else', () => {
    const nominated = nominate(['vary', 'x-any'], ['x-any', 'a, b'])
    expect(isSameNominated(nominated, ['x-any', 'a ,\tb'])).toBe(true)
    expect(isSameNominated(nominated, ['x-any', 'a', 'x-any', 'b'])).toBe(true)
    expect(isSameNominated(nominated, ['x-any', 'b, a'])).toBe(false)
    expect(isSameNominated(nominated, ['x-any', 'A, b'])).toBe(false)
    expect(isSameNominated(nominated, [])).toBe(false)
    const quoted = nominate(['vary', 'x-any'], ['x-any', '"a, b"'])
    expect(isSameNominated(quoted, ['x-any', '"a,b"'])).toBe(false)
  })

  it('matches a request exactly when the nominated fields are forwarded alike (RFC 9111 §4.1)', () => {
    const vary = fc.subarray(NAMES).map((names) => ['vary', names.join(', ')])
    fc.assert(
      fc.property(requestFields, requestFields, vary, rules, (a, b, response, rule) => {
        const [sentByA, sentByB] = [forwardedFields(a, rule), forwardedFields(b, rule)]
        const nominated = nominate(response, sentByA)
        const isAlike = nominated.names.every(
          (name) => plain(sentByA, name) === plain(sentByB, name),
        )
        expect(isSameNominated(nominated, sentByB)).toBe(isAlike)
        expect(isSameNominated(nominated, sentByA)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
