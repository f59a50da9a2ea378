import { describe, expect, it } from 'vitest'

import { checkParts, judgeRange, mergeRanges } from '../../support/range-model.ts'

const single = (first: number, last: number) => ({ kind: 'single', range: { first, last } })
const WHOLE = { kind: 'whole' }
const NOTHING = { kind: 'unsatisfiable' }

describe('judgeRange', () => {
  it.each([
    ['bytes=0-499', 10_000, single(0, 499)],
    ['bytes=9500-', 10_000, single(9500, 9999)],
    ['bytes=-500', 10_000, single(9500, 9999)],
    ['bytes=0-0,10000-', 10_000, single(0, 0)],
    ['bytes=-20000', 10_000, single(0, 9999)],
    ['bytes=5-18446744073709551616', 10, single(5, 9)],
    ['BYTES=0-1', 10, single(0, 1)],
    ['bytes= 0-1 , ', 10, single(0, 1)],
    ['bytes=10-', 10, NOTHING],
    ['bytes=-0', 10, NOTHING],
    ['bytes=9007199254740993-', 10, NOTHING],
    [undefined, 10, WHOLE],
    ['bytes=', 10, WHOLE],
    ['bytes=,', 10, WHOLE],
    ['bytes=-', 10, WHOLE],
    ['bytes=5-2', 10, WHOLE],
    ['bytes=0-9-', 10, WHOLE],
    ['bytes=0-1,5-2', 10, WHOLE],
    ['octets=0-1', 10, WHOLE],
    ['bytes=0-', 0, NOTHING],
    ['bytes=-1', 0, WHOLE],
    ['bytes=-0', 0, NOTHING],
  ])('reads %s of %i bytes (RFC 9110 §14.1)', (value, lengthBytes, verdict) => {
    expect(judgeRange(value, lengthBytes)).toEqual(verdict)
  })

  it.each([
    ['bytes=0-9,20-29', 'never'],
    ['bytes=0-19,10-29', 'never'],
    ['bytes=0-19,10-29,15-35', 'allowed'],
    ['bytes=0-,0-', 'owed'],
    ['bytes=0-98,0-98', 'owed'],
  ])('knows what of %s is an attack (RFC 9110 §14.2)', (value, refusal) => {
    expect(judgeRange(value, 100)).toMatchObject({ kind: 'several', refusal })
  })

  it('refuses more than 200 members, whatever they are', () => {
    const members = Array.from({ length: 201 }, (_, i) => `${i}-${i}`)
    expect(judgeRange(`bytes=${members.slice(1).join()}`, 1000).kind).toBe('several')
    expect(judgeRange(`bytes=${members.join()}`, 1000)).toEqual(NOTHING)
  })
})

describe('mergeRanges', () => {
  it('joins what overlaps or lies no more than 80 bytes apart, in order', () => {
    const ranges = [
      { first: 300, last: 309 },
      { first: 0, last: 9 },
      { first: 90, last: 99 },
      { first: 181, last: 190 },
    ]
    expect(mergeRanges(ranges)).toEqual([
      { first: 0, last: 99 },
      { first: 181, last: 190 },
      { first: 300, last: 309 },
    ])
  })
})

describe('checkParts', () => {
  const asked = [
    { first: 1000, last: 1099 },
    { first: 0, last: 99 },
    { first: 50, last: 149 },
  ]

  it.each([
    ['in their order', [1000, 1099, 0, 149]],
    ['in ascending order, one in two parts', [0, 99, 100, 149, 1000, 1099]],
  ])('takes the parts %s', (_, edges) => {
    expect(checkParts(partsOf(edges), asked)).toBeUndefined()
  })

  it.each([
    ['lacks a byte', [0, 148, 1000, 1099]],
    ['lacks a range', [0, 149]],
    ['repeats a byte', [0, 99, 99, 149, 1000, 1099]],
    ['has a byte nobody asked for', [0, 150, 1000, 1099]],
    ['spans a gap that a part would be cheaper for', [0, 1099]],
  ])('says when an answer %s', (_, edges) => {
    expect(checkParts(partsOf(edges), asked)).toBeDefined()
  })
})

function partsOf(edges: readonly number[]) {
  return Array.from({ length: edges.length / 2 }, (_, i) => ({
    first: edges[2 * i] ?? 0,
    last: edges[2 * i + 1] ?? 0,
  }))
}
