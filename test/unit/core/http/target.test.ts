import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { findTargetProblem, normaliseHost, pathOf, queryOf } from '#core/http/target.ts'

describe('findTargetProblem', () => {
  it.each([
    '/',
    '/a',
    '//a',
    '/a//b',
    '/a;x/b',
    '/a%zz',
    '/a%2fb',
    '/a|b^c{d}',
    '/a%23',
    '/...',
    '/..a/b',
    '/a..',
    '/.well-known/x',
    '/a?x=../..',
    '/a?x=%00',
    '/a?\\',
    '/%c0%ae',
    '/a?b?c',
    '/a%20b',
  ])('lets %s by, as it came', (target) => {
    expect(findTargetProblem(target)).toBeUndefined()
  })

  it.each(['', '*', 'a', 'http://evil/x', 'http://a@evil/', 'evil:80', '?x', '\\a', ' /a'])(
    'refuses %j, which is not in origin-form (T-09; RFC 9112 §3.2.1)',
    (target) => {
      expect(findTargetProblem(target)).toBe('form')
    },
  )

  it.each(['/a b', '/a#b', '/a?b#c', '/a\u0000', '/a\r\nX: y', '/a\t', '/\u007f', '/é', '/a?é'])(
    'refuses %j for a character that no target has',
    (target) => {
      expect(findTargetProblem(target)).toBe('character')
    },
  )

  it.each([
    '/a/../b',
    '/a/..',
    '/..',
    '/.',
    '/./a',
    '/a/.',
    '/a/%2e%2e/b',
    '/a/%2E%2e',
    '/a/.%2e/b',
    '/%2e',
    '/a/%2e.',
    '/a\\b',
    '/a%00b',
    '/a%0ab',
    '/a%0D',
    '/..?x',
  ])('refuses the path of %s (T-34)', (target) => {
    expect(findTargetProblem(target)).toBe('path')
  })

  it('lets only visible ASCII by, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const isAllowed = findTargetProblem(`/${text}`) === undefined
        expect(!isAllowed || /^[!-~]*$/.test(text)).toBe(true)
      }),
    )
  })
})

describe('pathOf and queryOf', () => {
  it('part at the first question mark', () => {
    expect([pathOf('/a?b?c'), queryOf('/a?b?c')]).toEqual(['/a', 'b?c'])
    expect([pathOf('/a?'), queryOf('/a?')]).toEqual(['/a', ''])
    expect([pathOf('/a'), queryOf('/a')]).toEqual(['/a', undefined])
  })
})

describe('normaliseHost', () => {
  it.each([
    ['a.example', 'a.example'],
    ['A.Example.:80', 'a.example'],
    ['a.example.', 'a.example'],
    ['a.example:80', 'a.example'],
    ['a.example:080', 'a.example'],
    ['a.example:', 'a.example'],
    ['a.example:8080', 'a.example:8080'],
    ['a.example.:8080', 'a.example:8080'],
    ['a.example:65535', 'a.example:65535'],
    ['localhost', 'localhost'],
    ['127.0.0.1:81', '127.0.0.1:81'],
    ['[::1]', '[::1]'],
    ['[2001:DB8::1]:80', '[2001:db8::1]'],
    ['my_bucket.s3.example', 'my_bucket.s3.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ])('makes %s of %s (T-08)', (value, host) => {
    expect(normaliseHost(value, 80)).toBe(host)
  })

  it.each([
    '',
    ' ',
    ':80',
    '.',
    '..',
    'a..b',
    '.a',
    'a,b',
    'a, b',
    'u@a',
    'u:p@a',
    'a/x',
    'a?x',
    'a#x',
    'a:99999',
    'a:65536',
    'a:x',
    'a:-1',
    'a:80:80',
    'a b',
    'a\t',
    'a\u0000',
    'é.example',
    'a%20b',
    '[::1',
    '::1',
    '[::1]x',
    '[zz]',
    '[]',
    '-a',
    'a-',
    'a.-b',
    'a..',
    'http://a',
    'a\\b',
  ])('refuses %j (RFC 9110 §7.2)', (value) => {
    expect(normaliseHost(value, 80)).toBeUndefined()
  })

  it('changes nothing the second time, and ends soon', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.domain(), fc.string(), fc.ipV4()),
        fc.option(fc.nat()),
        (name, port) => {
          const host = normaliseHost(port === null ? name : `${name}:${port}`, 80)
          expect(host === undefined ? undefined : normaliseHost(host, 80)).toBe(host)
        },
      ),
    )
    const startedAtMs = performance.now()
    normaliseHost(`${'a-'.repeat(30_000)}!`, 80)
    normaliseHost(`${'a.'.repeat(30_000)}!`, 80)
    expect(performance.now() - startedAtMs).toBeLessThan(1000)
  })
})
