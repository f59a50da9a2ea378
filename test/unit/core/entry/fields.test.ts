import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  admitFields,
  all,
  combined,
  first,
  has,
  pairs,
  replaced,
  without,
} from '#core/entry/fields.ts'

const FIELDS = ['a', '1', 'b', '', 'a', '2', 'c', '3']

describe('fields', () => {
  it('are read by name: the first, all, or all in one (RFC 9110 §5.3)', () => {
    expect(first(FIELDS, 'a')).toBe('1')
    expect(all(FIELDS, 'a')).toEqual(['1', '2'])
    expect(combined(FIELDS, 'a')).toBe('1, 2')
    expect([first(FIELDS, 'b'), combined(FIELDS, 'b'), has(FIELDS, 'b')]).toEqual(['', '', true])
    expect([first(FIELDS, 'x'), combined(FIELDS, 'x'), has(FIELDS, 'x')]).toEqual([
      undefined,
      undefined,
      false,
    ])
    expect(all(FIELDS, 'x')).toEqual([])
  })

  it('never take a value for a name', () => {
    expect(first(['a', 'b', 'c', 'd'], 'b')).toBeUndefined()
    expect(without(['a', 'b', 'b', 'x'], new Set(['b']))).toEqual(['a', 'b'])
  })

  it('are changed by name, the others as they were', () => {
    expect(without(FIELDS, new Set(['a', 'c']))).toEqual(['b', ''])
    expect(replaced(FIELDS, 'a', '9')).toEqual(['b', '', 'c', '3', 'a', '9'])
    expect(replaced(FIELDS, 'a', undefined)).toEqual(['b', '', 'c', '3'])
    expect(pairs(FIELDS)).toEqual([
      ['a', '1'],
      ['b', ''],
      ['a', '2'],
      ['c', '3'],
    ])
  })
})

describe('admitFields', () => {
  it('gives names in lower case and drops what could not be written, and tells it', () => {
    const dropped: string[] = []
    const lines = [
      'X-Good',
      'a\tb',
      'X Bad',
      '1',
      'x-bell',
      'a\u0007b',
      'x-é',
      '1',
      'x-high',
      'é',
      '',
      'x',
    ]
    const fields = admitFields(lines, (name) => dropped.push(name))
    expect(fields).toEqual(['x-good', 'a\tb', 'x-high', 'é'])
    expect(dropped).toEqual(['x bad', 'x-bell', 'x-é', ''])
  })

  it('lets nothing by that a strict writer would refuse', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (lines) => {
        const admitted = admitFields(lines)
        expect(admitted.length % 2).toBe(0)
        for (const [name, value] of pairs(admitted)) {
          expect(() => new Headers([[name, value]])).not.toThrow()
          expect(value).not.toMatch(/[\r\n\0]/)
        }
      }),
    )
  })
})
