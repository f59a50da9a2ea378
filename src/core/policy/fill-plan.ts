// Which bytes are asked of the origin, given what is stored and what is coming: pure arithmetic of segments.

import { segmentCountOf, segmentIndexOf, segmentLengthOf } from '../entry/segment.ts'
import type { ByteSpan } from '../http/byte-range.ts'

/** A body as a plan sees it. */
export interface SegmentFacts {
  readonly segmentBytes: number
  readonly completeLength: number
  /** Whether the segment has come. */
  isHere(segmentIndex: number): boolean
}

/** A transfer under way: it stands at `atByte` and will end at `endByte`. */
export interface RunFacts {
  readonly atByte: number
  readonly endByte: number
}

export interface RunBounds {
  /** Stored bytes between missing ones that are rather fetched again than left to a second request. */
  readonly gapBytes: number
  /** Of one transfer. */
  readonly maxBytes: number
}

/** Of one transfer: what is announced may be longer than can be looked at in one turn. */
const MAX_RUN_SEGMENT_COUNT = 1024

/**
 * Where a transfer that begins with a missing segment ends: at the last missing segment before `toByte` that no other
 * transfer brings, and that only short stretches of stored ones lie before.
 *
 * @param startByte The beginning of a segment.
 */
export function planRun(
  facts: SegmentFacts,
  runs: readonly RunFacts[],
  { startByte, endByte: toByte }: ByteSpan,
  { gapBytes, maxBytes }: RunBounds,
): number {
  const { segmentBytes, completeLength } = facts
  const limitByte = Math.min(toByte, completeLength, startByte + maxBytes)
  let endByte = startByte + segmentBytes
  for (let i = 1; i < MAX_RUN_SEGMENT_COUNT; i++) {
    const atByte = startByte + i * segmentBytes
    if (atByte >= limitByte || isBrought(facts, runs, atByte)) break
    if (!facts.isHere(segmentIndexOf(atByte, segmentBytes))) endByte = atByte + segmentBytes
    else if (atByte + segmentBytes - endByte > gapBytes) break
  }
  return Math.min(endByte, completeLength)
}

/** Whether a transfer brings the segment that begins at the byte, or is in the midst of it. */
export function isBrought(
  { segmentBytes, completeLength }: Pick<SegmentFacts, 'segmentBytes' | 'completeLength'>,
  runs: readonly RunFacts[],
  startByte: number,
): boolean {
  const lastByte = Math.min(startByte + segmentBytes, completeLength) - 1
  return runs.some((run) => run.atByte <= lastByte && lastByte < run.endByte)
}

export interface SpreadBounds {
  readonly windowBytes: number
  /** What one of several transfers at once brings; at least a segment. */
  readonly chunkBytes: number
  /** Transfers that may be begun now. */
  readonly maxCount: number
}

/**
 * What further transfers at once are to bring of the window before a reader: what nobody brings, and what a long
 * transfer would only bring after its next chunk. The farthest first where a long transfer serves the beginning, so
 * that it is cut late; else the nearest, so that the reader never waits for what was not begun.
 */
export function planSpread(
  facts: SegmentFacts,
  runs: readonly RunFacts[],
  { startByte: position, endByte: toByte }: ByteSpan,
  { windowBytes, chunkBytes, maxCount }: SpreadBounds,
): readonly ByteSpan[] {
  if (maxCount <= 0) return []
  const { segmentBytes } = facts
  const fromByte = segmentIndexOf(position, segmentBytes) * segmentBytes
  const limitByte = Math.min(toByte, facts.completeLength, position + windowBytes)
  const near = runs.map(({ atByte, endByte }) => ({
    atByte,
    endByte: Math.min(endByte, roundUp(atByte, segmentBytes) + chunkBytes),
  }))
  const hasLong = runs.some((run, i) => run.endByte > (near[i]?.endByte ?? run.endByte))
  const chunks: ByteSpan[] = []
  for (let atByte = fromByte; atByte < limitByte; atByte += segmentBytes) {
    if (isBrought(facts, near, atByte) || facts.isHere(segmentIndexOf(atByte, segmentBytes))) {
      continue
    }
    const endByte = Math.min(atByte + segmentBytes, facts.completeLength)
    const last = chunks.at(-1)
    if (last?.endByte === atByte && endByte - last.startByte <= chunkBytes) {
      chunks[chunks.length - 1] = { startByte: last.startByte, endByte }
    } else chunks.push({ startByte: atByte, endByte })
  }
  return hasLong ? chunks.toReversed().slice(0, maxCount) : chunks.slice(0, maxCount)
}

function roundUp(byte: number, segmentBytes: number): number {
  return segmentCountOf(byte, segmentBytes) * segmentBytes
}

/** How the missing bytes of one of several ranges are fetched. */
export interface SpanPlan {
  /** As they are asked for, without the rest of their segments: to be passed on and not stored. */
  readonly isExact: boolean
  /** How far a transfer that begins in this range may go on, for the ranges that follow. */
  readonly toByte: number
}

/**
 * Ranges of one request, in order. Many small ones far apart would fetch a segment each: beyond `maxExcessBytes` of
 * what nobody asked for, the others are fetched as they are.
 */
export function planSpans(
  facts: SegmentFacts,
  spans: readonly ByteSpan[],
  { gapBytes, maxExcessBytes }: { readonly gapBytes: number; readonly maxExcessBytes: number },
): readonly SpanPlan[] {
  let excessBytes = 0
  let countedIndex = -1
  const exact = spans.map((span) => {
    let spanExcessBytes = 0
    const endIndex = segmentCountOf(span.endByte, facts.segmentBytes)
    const firstIndex = segmentIndexOf(span.startByte, facts.segmentBytes)
    for (let i = Math.max(firstIndex, countedIndex + 1); i < endIndex; i++) {
      if (!facts.isHere(i)) spanExcessBytes += excessOf(facts, i, span)
    }
    if (excessBytes + spanExcessBytes > maxExcessBytes) return true
    excessBytes += spanExcessBytes
    countedIndex = endIndex - 1
    return false
  })
  return spans.map((span, i) => {
    let toByte = span.endByte
    for (let next = i + 1; next < spans.length && exact[next] !== true; next++) {
      const { startByte, endByte } = spans[next] ?? span
      const coveredToByte = roundUp(toByte, facts.segmentBytes)
      const coveredFromByte = segmentIndexOf(startByte, facts.segmentBytes) * facts.segmentBytes
      if (coveredFromByte - coveredToByte > gapBytes) break
      toByte = endByte
    }
    return { isExact: exact[i] === true, toByte }
  })
}

/** Bytes of a segment that lie outside of the span. */
function excessOf(
  { segmentBytes, completeLength }: SegmentFacts,
  segmentIndex: number,
  { startByte, endByte }: ByteSpan,
): number {
  const segmentStartByte = segmentIndex * segmentBytes
  const lengthBytes = segmentLengthOf(segmentIndex, completeLength, segmentBytes)
  const insideBytes =
    Math.min(endByte, segmentStartByte + lengthBytes) - Math.max(startByte, segmentStartByte)
  return lengthBytes - insideBytes
}
