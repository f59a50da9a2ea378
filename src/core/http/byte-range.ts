// The only file that knows both kinds of range: inclusive on the wire (`firstPos`, `lastPos`,
// RFC 9110 §14.1.2), half-open inside (`startByte`, `endByte`).

import { trimWhitespace } from './list.ts'

/** One member of a Range field as it was asked, before the complete length is known. */
export type RangeSpec =
  | { readonly kind: 'from'; readonly firstPos: number; readonly lastPos: number | undefined }
  | { readonly kind: 'suffix'; readonly suffixBytes: number }

/** Bytes `[startByte, endByte)` of a representation. */
export interface ByteSpan {
  readonly startByte: number
  readonly endByte: number
}

export type ResolvedRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'span'; readonly span: ByteSpan }
  | { readonly kind: 'spans'; readonly spans: readonly ByteSpan[] }
  | { readonly kind: 'unsatisfiable' }

/** Members of a Range field as sent; more is abuse (RFC 9110 §14.2). */
const MAX_RANGE_COUNT = 200
/** Ranges that lie this close are sent as one: a multipart part costs about as much. */
const MERGE_GAP_BYTES = 80

/**
 * Parses a Range field value.
 *
 * @returns `undefined` when the field is to be ignored: another unit, or a syntax error (RFC 9110 §14.2).
 */
export function parseRange(value: string): readonly RangeSpec[] | undefined {
  const equals = value.indexOf('=')
  if (equals < 0 || trimWhitespace(value.slice(0, equals)).toLowerCase() !== 'bytes')
    return undefined
  const specs: RangeSpec[] = []
  for (const member of value.slice(equals + 1).split(',')) {
    const text = trimWhitespace(member)
    if (text === '') continue
    const spec = parseRangeSpec(text)
    if (spec === undefined) return undefined
    specs.push(spec)
  }
  return specs.length > 0 ? specs : undefined
}

function parseRangeSpec(text: string): RangeSpec | undefined {
  const dash = text.indexOf('-')
  if (dash < 0) return undefined
  const before = text.slice(0, dash)
  const after = text.slice(dash + 1)
  if (before === '') {
    const suffixBytes = parsePosition(after)
    return suffixBytes === undefined ? undefined : { kind: 'suffix', suffixBytes }
  }
  const firstPos = parsePosition(before)
  if (firstPos === undefined) return undefined
  if (after === '') return { kind: 'from', firstPos, lastPos: undefined }
  const lastPos = parsePosition(after)
  if (lastPos === undefined || isBelow(after, before)) return undefined
  return { kind: 'from', firstPos, lastPos }
}

const DIGITS = /^[0-9]+$/

/** Digits of any length; beyond 2^53 - 1 they saturate, which asks for "to the end" or for nothing there is. */
function parsePosition(digits: string): number | undefined {
  if (!DIGITS.test(digits)) return undefined
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
}

/** Compares digits as numbers without rounding, so that `9007199254740993-9007199254740992` is invalid. */
function isBelow(a: string, b: string): boolean {
  const left = a.replace(/^0+/, '')
  const right = b.replace(/^0+/, '')
  return left.length === right.length ? left < right : left.length < right.length
}

/**
 * Resolves parsed ranges against the complete length (RFC 9110 §14.1.2, §15.5.17).
 *
 * Overlapping and nearly adjacent ranges are merged. More than two overlapping ranges, more than 200
 * members, or a sum above the complete length are unsatisfiable, as an attack (RFC 9110 §14.2).
 */
export function resolveRanges(specs: readonly RangeSpec[], completeLength: number): ResolvedRange {
  if (specs.length > MAX_RANGE_COUNT) return { kind: 'unsatisfiable' }
  // An empty representation has no bytes to select, but a suffix of it is all of it (RFC 9110 §14.1.2).
  if (completeLength === 0) {
    const wholeAsked = specs.some((spec) => spec.kind === 'suffix' && spec.suffixBytes > 0)
    return wholeAsked ? { kind: 'whole' } : { kind: 'unsatisfiable' }
  }
  const spans: ByteSpan[] = []
  for (const spec of specs) {
    const span = resolveSpec(spec, completeLength)
    if (span !== undefined) spans.push(span)
  }
  const [only] = spans
  if (only === undefined) return { kind: 'unsatisfiable' }
  if (spans.length === 1) return { kind: 'span', span: only }
  if (isAbusive(spans, completeLength)) return { kind: 'unsatisfiable' }
  const merged = mergeSpans(spans)
  const [firstSpan] = merged
  return merged.length === 1 && firstSpan !== undefined
    ? { kind: 'span', span: firstSpan }
    : { kind: 'spans', spans: merged }
}

function resolveSpec(spec: RangeSpec, completeLength: number): ByteSpan | undefined {
  if (spec.kind === 'suffix') {
    if (spec.suffixBytes === 0) return undefined
    return { startByte: Math.max(0, completeLength - spec.suffixBytes), endByte: completeLength }
  }
  if (spec.firstPos >= completeLength) return undefined
  const lastPos = Math.min(spec.lastPos ?? completeLength - 1, completeLength - 1)
  return { startByte: spec.firstPos, endByte: lastPos + 1 }
}

function isAbusive(spans: readonly ByteSpan[], completeLength: number): boolean {
  let sumBytes = 0
  for (const span of spans) sumBytes += span.endByte - span.startByte
  if (sumBytes > completeLength) return true
  const sorted = spans.toSorted((a, b) => a.startByte - b.startByte)
  let overlapCount = 0
  let reachedByte = -1
  for (const span of sorted) {
    if (span.startByte < reachedByte) overlapCount++
    reachedByte = Math.max(reachedByte, span.endByte)
  }
  return overlapCount > 2
}

function mergeSpans(spans: readonly ByteSpan[]): ByteSpan[] {
  const merged: ByteSpan[] = []
  for (const span of spans.toSorted((a, b) => a.startByte - b.startByte)) {
    const last = merged.at(-1)
    if (last !== undefined && span.startByte <= last.endByte + MERGE_GAP_BYTES) {
      merged[merged.length - 1] = {
        startByte: last.startByte,
        endByte: Math.max(last.endByte, span.endByte),
      }
    } else merged.push(span)
  }
  return merged
}

/** A Range field for one half-open span; `endByte` undefined asks for the rest. */
export function formatRange(startByte: number, endByte: number | undefined): string {
  return endByte === undefined ? `bytes=${startByte}-` : `bytes=${startByte}-${endByte - 1}`
}

/** What a Content-Range field says: a span and perhaps the complete length (RFC 9110 §14.4). */
export interface ContentRange {
  /** Absent in the form of a 416, `bytes * / length`. */
  readonly span: ByteSpan | undefined
  /** Absent when sent as `*`. */
  readonly completeLength: number | undefined
}

const CONTENT_RANGE = /^bytes[ \t]+(?:(\d{1,16})-(\d{1,16})|\*)\/(?:(\d{1,16})|\*)$/i

/** @returns `undefined` for anything but one well-formed and consistent value. */
export function parseContentRange(value: string): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(trimWhitespace(value))
  if (match === null) return undefined
  const completeLength = match[3] === undefined ? undefined : Number(match[3])
  if (completeLength !== undefined && !Number.isSafeInteger(completeLength)) return undefined
  if (match[1] === undefined || match[2] === undefined) {
    return completeLength === undefined ? undefined : { span: undefined, completeLength }
  }
  const span = { startByte: Number(match[1]), endByte: Number(match[2]) + 1 }
  if (!Number.isSafeInteger(span.endByte) || span.endByte <= span.startByte) return undefined
  if (completeLength !== undefined && span.endByte > completeLength) return undefined
  return { span, completeLength }
}

/** @param completeLength `undefined` while nobody knows it. */
export function formatContentRange(span: ByteSpan, completeLength: number | undefined): string {
  return `bytes ${span.startByte}-${span.endByte - 1}/${completeLength ?? '*'}`
}

/** The Content-Range of a 416 (RFC 9110 §15.5.17). */
export function formatUnsatisfiedRange(completeLength: number): string {
  return `bytes */${completeLength}`
}
