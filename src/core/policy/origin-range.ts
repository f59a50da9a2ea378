import type { StoredResponse } from '../entry/stored-response.ts'
import type { RangeSpec } from '../http/byte-range.ts'
import { formatRange } from '../http/byte-range.ts'

/** What is asked of the origin when nothing is known of the object. */
export type OriginRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'span'; readonly startByte: number; readonly endByte: number }
  | { readonly kind: 'suffix'; readonly suffixBytes: number }

export const WHOLE: OriginRange = { kind: 'whole' }

/**
 * The covering aligned segments of what a client asked, so that what comes can be stored: `a-` up to a
 * window; `-n` with what may precede it in its first segment; of several the first.
 */
export function decideOriginRange(
  range: readonly RangeSpec[] | undefined,
  segmentBytes: number,
  windowBytes: number,
): OriginRange {
  const [spec] = range ?? []
  if (spec === undefined) return WHOLE
  if (spec.kind === 'suffix') {
    // Wherever the end lies within its segment, this holds every segment of the suffix whole. Zero bytes are
    // unsatisfiable, which takes the length to say.
    const suffixBytes = Math.max(1, spec.suffixBytes) + segmentBytes - 1
    return { kind: 'suffix', suffixBytes: Math.min(suffixBytes, Number.MAX_SAFE_INTEGER) }
  }
  const startByte = Math.floor(spec.firstPos / segmentBytes) * segmentBytes
  const lastPos = spec.lastPos ?? startByte + windowBytes - 1
  const endByte = (Math.floor(lastPos / segmentBytes) + 1) * segmentBytes
  if (!Number.isSafeInteger(endByte)) return toTheEnd(startByte)
  return { kind: 'span', startByte, endByte }
}

/** Saturated numerals: as far as a position can be written. */
function toTheEnd(startByte: number): OriginRange {
  return { kind: 'span', startByte, endByte: Number.MAX_SAFE_INTEGER }
}

/** The Range field value; `undefined` for a plain request. */
export function formatOriginRange(range: OriginRange): string | undefined {
  switch (range.kind) {
    case 'whole':
      return undefined
    case 'span':
      return formatRange(range.startByte, range.endByte)
    case 'suffix':
      return `bytes=-${range.suffixBytes}`
  }
}

/** Whether the origin is known to answer ranges of it with the whole. */
export function ignoresRanges(
  { rangesIgnoredUntilMs = 0 }: Pick<StoredResponse, 'rangesIgnoredUntilMs'>,
  nowMs: number,
): boolean {
  return rangesIgnoredUntilMs > nowMs
}
