import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { RunFacts, SegmentFacts } from '#core/policy/fill-plan.ts'
import { planRun, planSpans, planSpread } from '#core/policy/fill-plan.ts'

const SEGMENT_BYTES = 10

/** One letter a segment: `x` is here, `.` is missing. */
function bodyOf(text: string, lastBytes = SEGMENT_BYTES): SegmentFacts {
  return {
    segmentBytes: SEGMENT_BYTES,
    completeLength: (text.length - 1) * SEGMENT_BYTES + lastBytes,
    isHere: (index) => text[index] === 'x',
  }
}

const ALL = { startByte: 0, endByte: Number.POSITIVE_INFINITY }
const FREE = { gapBytes: 0, maxBytes: Number.POSITIVE_INFINITY }

const bodies = fc
  .tuple(
    fc.array(fc.constantFrom('x', '.'), { minLength: 1, maxLength: 30 }),
    fc.integer({ min: 1, max: SEGMENT_BYTES }),
  )
  .map(([letters, lastBytes]) => bodyOf(letters.join(''), lastBytes))
const run = fc
  .tuple(fc.nat(300), fc.nat(300))
  .map(([a, b]): RunFacts => ({ atByte: Math.min(a, b), endByte: Math.max(a, b) }))
const runs = fc.array(run, { maxLength: 3 })

function segmentsOf(startByte: number, endByte: number): number[] {
  const first = Math.floor(startByte / SEGMENT_BYTES)
  return Array.from({ length: Math.ceil(endByte / SEGMENT_BYTES) - first }, (_, i) => first + i)
}

describe('planRun', () => {
  it('ends before what is stored, what is under way, and what nobody wants', () => {
    expect(planRun(bodyOf('....x...'), [], ALL, FREE)).toBe(40)
    expect(planRun(bodyOf('........'), [{ atByte: 30, endByte: 60 }], ALL, FREE)).toBe(30)
    expect(planRun(bodyOf('........'), [], { startByte: 20, endByte: 41 }, FREE)).toBe(50)
    expect(planRun(bodyOf('........', 3), [], ALL, FREE)).toBe(73)
    expect(planRun(bodyOf('........'), [], ALL, { ...FREE, maxBytes: 20 })).toBe(20)
  })

  it('goes over short stretches that are stored, and ends at a missing segment', () => {
    const body = bodyOf('..x..xx..xx')
    const ends = [0, 9, 10, 19, 20, 50].map((gapBytes) =>
      planRun(body, [], ALL, { ...FREE, gapBytes }),
    )
    expect(ends).toEqual([20, 20, 50, 50, 90, 90])
  })

  it('never brings what another brings, and always the first segment', () => {
    fc.assert(
      fc.property(
        bodies,
        runs,
        fc.nat(29),
        fc.nat(40),
        fc.nat(300),
        (facts, others, i, gap, to) => {
          const startByte = Math.min(i * SEGMENT_BYTES, facts.completeLength - 1)
          const aligned = Math.floor(startByte / SEGMENT_BYTES) * SEGMENT_BYTES
          const span = { startByte: aligned, endByte: to }
          const endByte = planRun(facts, others, span, { ...FREE, gapBytes: gap })
          expect(endByte).toBeGreaterThan(aligned)
          expect(endByte).toBeLessThanOrEqual(facts.completeLength)
          expect(endByte % SEGMENT_BYTES === 0 || endByte === facts.completeLength).toBe(true)
          const [, ...rest] = segmentsOf(aligned, endByte)
          for (const index of rest) {
            const lastByte = Math.min((index + 1) * SEGMENT_BYTES, facts.completeLength) - 1
            expect(others.some((r) => r.atByte <= lastByte && lastByte < r.endByte)).toBe(false)
          }
          expect(rest.length > 0 && facts.isHere(rest.at(-1) ?? 0)).toBe(false)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('planSpread', () => {
  const BOUNDS = { windowBytes: 100, chunkBytes: 20, maxCount: 3 }

  it('takes the far end of the window from a long transfer, else the near end', () => {
    const long = [{ atByte: 5, endByte: 300 }]
    expect(planSpread(bodyOf('.'.repeat(30)), long, ALL, BOUNDS)).toEqual([
      { startByte: 90, endByte: 100 },
      { startByte: 70, endByte: 90 },
      { startByte: 50, endByte: 70 },
    ])
    const short = [{ atByte: 5, endByte: 20 }]
    expect(planSpread(bodyOf('.'.repeat(30)), short, ALL, BOUNDS)).toEqual([
      { startByte: 20, endByte: 40 },
      { startByte: 40, endByte: 60 },
      { startByte: 60, endByte: 80 },
    ])
  })

  it('brings nothing twice, nothing outside of the window, and no more than it may', () => {
    fc.assert(
      fc.property(bodies, runs, fc.nat(300), fc.nat(4), (facts, others, at, maxCount) => {
        const position = Math.min(at, facts.completeLength - 1)
        const chunks = planSpread(
          facts,
          others,
          { startByte: position, endByte: Number.POSITIVE_INFINITY },
          { windowBytes: 100, chunkBytes: 20, maxCount },
        )
        expect(chunks.length).toBeLessThanOrEqual(maxCount)
        const taken = chunks.flatMap(({ startByte, endByte }) => segmentsOf(startByte, endByte))
        expect(new Set(taken).size).toBe(taken.length)
        for (const { startByte, endByte } of chunks) {
          expect(endByte - startByte).toBeLessThanOrEqual(20)
          expect(startByte).toBeLessThan(position + 100)
          expect(endByte).toBeGreaterThan(position)
        }
        for (const index of taken) expect(facts.isHere(index)).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('planSpans', () => {
  it('counts what nobody asked for, each segment once', () => {
    const spans = [0, 12, 15, 40, 60, 80].map((startByte) => ({
      startByte,
      endByte: startByte + 2,
    }))
    const plan = planSpans(bodyOf('....x.....'), spans, { gapBytes: 0, maxExcessBytes: 20 })
    // 8 bytes of the first segment, 8 of the second; the fifth is here.
    expect(plan.map(({ isExact }) => isExact)).toEqual([false, false, false, false, true, true])
  })

  it('never exceeds the bound', () => {
    fc.assert(
      fc.property(
        bodies,
        fc.array(fc.tuple(fc.nat(12), fc.integer({ min: 1, max: 25 })), { maxLength: 12 }),
        fc.nat(60),
        (facts, shape, maxExcessBytes) => {
          const spans: { startByte: number; endByte: number }[] = []
          let at = 0
          for (const [gap, length] of shape) {
            const endByte = Math.min(at + gap + length, facts.completeLength)
            if (at + gap >= endByte) break
            spans.push({ startByte: at + gap, endByte })
            at = endByte
          }
          const plans = planSpans(facts, spans, { gapBytes: 0, maxExcessBytes })
          const covered = spans.filter((_, i) => plans[i]?.isExact === false)
          const fetched = new Set(
            covered.flatMap((span) => segmentsOf(span.startByte, span.endByte)),
          )
          let excessBytes = 0
          for (const index of fetched) {
            if (facts.isHere(index)) continue
            const endByte = Math.min((index + 1) * SEGMENT_BYTES, facts.completeLength)
            for (let byte = index * SEGMENT_BYTES; byte < endByte; byte++) {
              if (!covered.some((span) => span.startByte <= byte && byte < span.endByte)) {
                excessBytes++
              }
            }
          }
          expect(excessBytes).toBeLessThanOrEqual(maxExcessBytes)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
