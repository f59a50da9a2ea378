import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { ByteSpan, ResolvedRange } from '#core/http/byte-range.ts'
import {
  formatContentRange,
  formatRange,
  formatUnsatisfiedRange,
  parseContentRange,
  parseRange,
  resolveRanges,
} from '#core/http/byte-range.ts'

/** What a Range asks of so many bytes: every byte in a set, by the letter of RFC 9110 §14, with BigInt. */
function referenceBytes(value: string, completeLength: number): Set<number> | 'ignored' {
  const match = /^bytes=(.*)$/is.exec(value)
  if (match?.[1] === undefined) return 'ignored'
  const members = match[1].split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  const wanted = new Set<number>()
  let count = 0
  for (const member of members) {
    if (member === '') continue
    count++
    const parts = /^([0-9]*)-([0-9]*)$/.exec(member)
    if (parts === null || member === '-') return 'ignored'
    const [firstText = '', lastText = ''] = [parts[1], parts[2]]
    if (firstText !== '' && lastText !== '' && BigInt(lastText) < BigInt(firstText))
      return 'ignored'
    for (let byte = 0; byte < completeLength; byte++) {
      const at = BigInt(byte)
      const isWanted =
        firstText === ''
          ? at >= BigInt(completeLength) - BigInt(lastText)
          : at >= BigInt(firstText) && (lastText === '' || at <= BigInt(lastText))
      if (isWanted) wanted.add(byte)
    }
  }
  return count === 0 ? 'ignored' : wanted
}

function spansOf(resolved: ResolvedRange): readonly ByteSpan[] {
  if (resolved.kind === 'span') return [resolved.span]
  return resolved.kind === 'spans' ? resolved.spans : []
}

function bytesOf(spans: readonly ByteSpan[]): number[] {
  return spans.flatMap(({ startByte, endByte }) =>
    Array.from({ length: endByte - startByte }, (_, i) => startByte + i),
  )
}

function resolve(value: string, completeLength: number): ResolvedRange | 'ignored' {
  const specs = parseRange(value)
  return specs === undefined ? 'ignored' : resolveRanges(specs, completeLength)
}

/** What is wrong with an answer, given what the letter of the standard asks for. */
function findDifference(value: string, completeLength: number): string | undefined {
  const wanted = referenceBytes(value, completeLength)
  const resolved = resolve(value, completeLength)
  if (wanted === 'ignored' || resolved === 'ignored') {
    return wanted === resolved ? undefined : 'only one of the two ignores it'
  }
  if (resolved.kind === 'whole') return completeLength === 0 ? undefined : 'whole'
  const isSeveral = value.includes(',')
  // Nothing there is, or more than one range, and those suspect (RFC 9110 §14.2).
  if (resolved.kind === 'unsatisfiable') {
    return wanted.size === 0 || isSeveral ? undefined : 'refused'
  }
  const spans = spansOf(resolved)
  const given = bytesOf(spans)
  if (!wanted.isSubsetOf(new Set(given))) return 'a byte is missing'
  if (given.some((byte) => byte >= completeLength)) return 'beyond the end'
  if (!isSeveral && given.length !== wanted.size) return 'more than was asked'
  // No byte twice, none out of order, and what is not merged lies apart.
  const isApart = spans.every(({ startByte, endByte }, i) => {
    const nextByte = spans[i + 1]?.startByte ?? Infinity
    return startByte < endByte && nextByte > endByte + 80
  })
  return isApart ? undefined : 'spans that should have been one'
}

const position = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 320 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '0', '00', '007', '9007199254740993', '9'.repeat(40)),
  },
)
const member = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(position, position).map(([a, b]) => `${a}-${b}`) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', 'x', '1', '-', '1-2-3', '--1', '+1-2', '1 -2') },
)
const rangeValue = fc
  .tuple(fc.constantFrom('bytes=', 'Bytes=', 'BYTES=', 'items=', 'bytes'), fc.array(member))
  .map(([unit, members]) => unit + members.join(', '))

describe('parseRange and resolveRanges', () => {
  it('select what the letter of the standard selects, or more of it where ranges lie close', () => {
    fc.assert(
      fc.property(rangeValue, fc.nat({ max: 300 }), (value, completeLength) => {
        expect(findDifference(value, completeLength)).toBeUndefined()
      }),
      { numRuns: 3000 },
    )
  })

  it.each([
    ['bytes=0-0', [[0, 1]]],
    ['bytes=0-', [[0, 1000]]],
    ['bytes=999-', [[999, 1000]]],
    ['bytes=999-5000', [[999, 1000]]],
    ['bytes=-1', [[999, 1000]]],
    ['bytes=-1000', [[0, 1000]]],
    ['bytes=-1001', [[0, 1000]]],
    [`bytes=0-${'9'.repeat(400)}`, [[0, 1000]]],
    [`bytes=-${'9'.repeat(400)}`, [[0, 1000]]],
    ['bytes= 1-2', [[1, 3]]],
    ['bytes=1-2\t,\t', [[1, 3]]],
    ['BYTES=1-2', [[1, 3]]],
    ['bytes=0-9,90-99', [[0, 100]]],
    ['bytes=0-9,90-99,1000-', [[0, 100]]],
    [
      'bytes=0-9,91-99',
      [
        [0, 10],
        [91, 100],
      ],
    ],
    [
      'bytes=500-599,0-9',
      [
        [0, 10],
        [500, 600],
      ],
    ],
  ])('take %s of 1000 bytes (RFC 9110 §14.1.2)', (value, wanted) => {
    const resolved = resolve(value, 1000)
    const spans = resolved === 'ignored' ? [] : spansOf(resolved)
    expect(spans.map(({ startByte, endByte }) => [startByte, endByte])).toEqual(wanted)
  })

  it.each(['bytes=1000-', 'bytes=-0', `bytes=${'9'.repeat(20)}-`, 'bytes=1000-1001,-0'])(
    'cannot satisfy %s of 1000 bytes (RFC 9110 §15.5.17)',
    (value) => {
      expect(resolve(value, 1000)).toEqual({ kind: 'unsatisfiable' })
    },
  )

  it.each([
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=a-b',
    'bytes=2-1',
    'bytes=0-1,2-1',
    'bytes=1',
    'bytes=1-2-3',
    'bytes=--1',
    'bytes=0x1-2',
    'bytes=1.0-2',
    'lines=1-2',
    'bytes:0-1',
    'bytes=9007199254740993-9007199254740992',
    'bytes=\u06611-2',
    'bytes=0-1;2-3',
  ])('ignore %j (RFC 9110 §14.2)', (value) => {
    expect(parseRange(value)).toBeUndefined()
  })

  it('give all of an empty body for a suffix, and nothing for anything else', () => {
    expect(resolve('bytes=-1', 0)).toEqual({ kind: 'whole' })
    expect(resolve('bytes=-0', 0)).toEqual({ kind: 'unsatisfiable' })
    expect(resolve('bytes=0-', 0)).toEqual({ kind: 'unsatisfiable' })
    expect(resolve('bytes=0-0', 0)).toEqual({ kind: 'unsatisfiable' })
  })
})

/** Single bytes that lie far apart. */
function farApart(count: number): string {
  return Array.from({ length: count }, (_, i) => `${i * 200}-${i * 200}`).join(',')
}

describe('limits of resolveRanges', () => {
  it('takes 200 members and not 201 (RFC 9110 §14.2)', () => {
    expect(resolve(`bytes=${farApart(200)}`, 100_000)).toMatchObject({ kind: 'spans' })
    expect(resolve(`bytes=${farApart(201)}`, 100_000)).toEqual({ kind: 'unsatisfiable' })
  })

  it('refuses a sum above the complete length, at one byte more', () => {
    expect(resolve('bytes=0-499,500-999', 1000)).toEqual({
      kind: 'span',
      span: { startByte: 0, endByte: 1000 },
    })
    expect(resolve('bytes=0-499,499-999', 1000)).toEqual({ kind: 'unsatisfiable' })
  })

  it('takes two overlaps and not three', () => {
    expect(resolve('bytes=0-9,5-14,10-19', 1000)).toMatchObject({ kind: 'span' })
    expect(resolve('bytes=0-9,5-14,10-19,15-24', 1000)).toEqual({ kind: 'unsatisfiable' })
  })

  it('counts to 2^53 - 1 without rounding', () => {
    const length = Number.MAX_SAFE_INTEGER
    expect(resolve(`bytes=${length - 1}-`, length)).toEqual({
      kind: 'span',
      span: { startByte: length - 1, endByte: length },
    })
    expect(resolve(`bytes=${length}-`, length)).toEqual({ kind: 'unsatisfiable' })
  })
})

describe('Content-Range', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.nat(),
        (startByte, bytes, restBytes) => {
          const endByte = startByte + bytes
          fc.pre(Number.isSafeInteger(endByte + restBytes))
          const span = { startByte, endByte }
          const completeLength = endByte + restBytes
          const text = formatContentRange(span, completeLength)
          expect(parseContentRange(text)).toEqual({ span, completeLength })
          expect(parseRange(formatRange(startByte, endByte))).toEqual([
            { kind: 'from', firstPos: startByte, lastPos: endByte - 1 },
          ])
        },
      ),
    )
  })

  it('may lack its length, or its range (RFC 9110 §14.4)', () => {
    const span = { startByte: 0, endByte: 10 }
    expect(parseContentRange('bytes 0-9/*')).toEqual({ span, completeLength: undefined })
    const unsatisfied = { span: undefined, completeLength: 10 }
    expect(parseContentRange(formatUnsatisfiedRange(10))).toEqual(unsatisfied)
  })

  it.each([
    '',
    'bytes',
    'bytes */*',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes 0-9',
    'bytes=0-9/10',
    'items 0-9/10',
    'bytes 0-9/10, bytes 0-9/10',
    'bytes 0 - 9/10',
    'bytes -9/10',
    'bytes 0-/10',
    'bytes 0-9/10 x',
    'bytes 0-9/9007199254740993',
    'bytes 0-99999999999999999/*',
    'bytes +0-9/10',
  ])('is not to be had from %j', (value) => {
    expect(parseContentRange(value)).toBeUndefined()
  })

  it('is never more than it says, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `bytes ${text}`),
        ),
        (text) => {
          const parsed = parseContentRange(text)
          const { span = { startByte: 0, endByte: 1 }, completeLength = Infinity } = parsed ?? {}
          expect(span.endByte).toBeGreaterThan(span.startByte)
          expect(span.endByte <= completeLength || parsed?.span === undefined).toBe(true)
          parseRange(text)
        },
      ),
    )
  })
})
