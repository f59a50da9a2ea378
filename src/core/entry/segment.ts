// Segment arithmetic: segment `i` is bytes `[i * segmentBytes, (i + 1) * segmentBytes)` of a body.

/** Segment indexes of one body that a store holds: a hint for planning, not a promise. */
export interface SegmentSet {
  has(segmentIndex: number): boolean
}

export const NO_SEGMENTS: SegmentSet = { has: () => false }

export function segmentIndexOf(byte: number, segmentBytes: number): number {
  return Math.floor(byte / segmentBytes)
}

/** How many segments a body has; an empty body has none. */
export function segmentCountOf(completeLength: number, segmentBytes: number): number {
  return Math.ceil(completeLength / segmentBytes)
}

/** Length of one segment; the last one of a body may be shorter. */
export function segmentLengthOf(
  segmentIndex: number,
  completeLength: number,
  segmentBytes: number,
): number {
  return Math.min(segmentBytes, completeLength - segmentIndex * segmentBytes)
}

export function isSingleSegment(completeLength: number, segmentBytes: number): boolean {
  return completeLength <= segmentBytes
}

/** The first byte of `[startByte, endByte)` whose segment is not in the set. */
export function firstByteOutside(
  set: SegmentSet,
  startByte: number,
  endByte: number,
  segmentBytes: number,
): number | undefined {
  const endIndex = segmentCountOf(endByte, segmentBytes)
  for (let i = segmentIndexOf(startByte, segmentBytes); i < endIndex; i++) {
    if (!set.has(i)) return Math.max(startByte, i * segmentBytes)
  }
  return undefined
}

/** Whether all of `[startByte, endByte)` is in the set. */
export function covers(
  set: SegmentSet,
  startByte: number,
  endByte: number,
  segmentBytes: number,
): boolean {
  return firstByteOutside(set, startByte, endByte, segmentBytes) === undefined
}
