// What a Range field asks for (RFC 9110 §14), as slowly and plainly as possible: the reference that answers are
// compared with. It shares no code with what it judges.

/** Both ends included, as on the wire. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** What a GET with this field may be answered with, for a representation of a known length. */
export type RangeVerdict =
  /** 200, as if the field were not there. */
  | { readonly kind: 'whole' }
  /** 416. */
  | { readonly kind: 'unsatisfiable' }
  /** 206 with exactly this. */
  | { readonly kind: 'single'; readonly range: ByteRange }
  /** 206 with these, in one part or in many. */
  | {
      readonly kind: 'several'
      /** As asked, cut to the length, without those that there are no bytes for. */
      readonly ranges: readonly ByteRange[]
      /** As an attack, with 416 (RFC 9110 §14.2, §15.5.17). */
      readonly refusal: 'never' | 'allowed' | 'owed'
    }

type Spec = { first: bigint; last: bigint | undefined } | { suffix: bigint }

/** Members as sent; more are an attack. */
const MAX_MEMBER_COUNT = 200
/** As many as may overlap one another. */
const MAX_OVERLAPPING_COUNT = 2
/** What may lie between two ranges that are sent as one: sending it costs less than the head of a part. */
const MAX_MERGED_GAP_BYTES = 80

export function judgeRange(value: string | undefined, lengthBytes: number): RangeVerdict {
  const specs = value === undefined ? undefined : parse(value)
  if (specs === undefined) return { kind: 'whole' }
  if (specs.length > MAX_MEMBER_COUNT) return { kind: 'unsatisfiable' }
  // All of nothing is nothing, for which a part has no words.
  if (lengthBytes === 0) {
    const isOfAll = specs.some((spec) => 'suffix' in spec && spec.suffix > 0n)
    return { kind: isOfAll ? 'whole' : 'unsatisfiable' }
  }
  const ranges = specs.flatMap((spec) => resolve(spec, BigInt(lengthBytes)))
  const [range] = ranges
  if (range === undefined) return { kind: 'unsatisfiable' }
  if (ranges.length === 1) return { kind: 'single', range }
  return { kind: 'several', ranges, refusal: judgeRefusal(ranges, lengthBytes) }
}

/** The ranges in ascending order, those in one that overlap or have no more between them than a part costs. */
export function mergeRanges(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const merged: { first: number; last: number }[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = merged.at(-1)
    if (before !== undefined && range.first - before.last - 1 <= MAX_MERGED_GAP_BYTES) {
      before.last = Math.max(before.last, range.last)
    } else merged.push({ ...range })
  }
  return merged
}

/**
 * What is wrong with parts as an answer to several ranges: bytes that are lacking, that come twice, or that
 * nobody asked for.
 */
export function checkParts(
  parts: readonly ByteRange[],
  asked: readonly ByteRange[],
): string | undefined {
  const wanted = mergeRanges(asked)
  const sorted = parts.toSorted((a, b) => a.first - b.first)
  for (const [index, part] of sorted.entries()) {
    const next = sorted[index + 1]
    if (next !== undefined && next.first <= part.last) return `${show(part)} and ${show(next)}`
    const isAsked = wanted.some(({ first, last }) => part.first >= first && part.last <= last)
    if (!isAsked) return `${show(part)} is not of what was asked`
  }
  const missing = asked.find((range) => !isCovered(range, sorted))
  return missing === undefined ? undefined : `${show(missing)} is missing`
}

/** In parts that follow one another without a gap. */
function isCovered({ first, last }: ByteRange, sorted: readonly ByteRange[]): boolean {
  let next = first
  for (const part of sorted) if (part.first <= next && part.last >= next) next = part.last + 1
  return next > last
}

function show({ first, last }: ByteRange): string {
  return `${first}-${last}`
}

/** @returns `undefined` for what is to be ignored: another unit, or no ranges by the grammar. */
function parse(value: string): readonly Spec[] | undefined {
  const [, unit = '', set = ''] = /^([^=]*)=(.*)$/s.exec(value) ?? []
  if (unit.toLowerCase() !== 'bytes') return undefined
  const members = set.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  const specs: Spec[] = []
  for (const member of members) {
    if (member === '') continue
    const [, first = '', last = ''] = /^([0-9]*)-([0-9]*)$/.exec(member) ?? []
    if (first === '' && last === '') return undefined
    if (first === '') {
      specs.push({ suffix: BigInt(last) })
      continue
    }
    const spec = { first: BigInt(first), last: last === '' ? undefined : BigInt(last) }
    if (spec.last !== undefined && spec.last < spec.first) return undefined
    specs.push(spec)
  }
  return specs.length === 0 ? undefined : specs
}

function resolve(spec: Spec, length: bigint): readonly ByteRange[] {
  if ('suffix' in spec) {
    if (spec.suffix === 0n) return []
    const first = spec.suffix > length ? 0n : length - spec.suffix
    return [{ first: Number(first), last: Number(length - 1n) }]
  }
  if (spec.first >= length) return []
  const last = spec.last === undefined || spec.last >= length ? length - 1n : spec.last
  return [{ first: Number(spec.first), last: Number(last) }]
}

function judgeRefusal(
  ranges: readonly ByteRange[],
  lengthBytes: number,
): 'never' | 'allowed' | 'owed' {
  const sumBytes = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  if (sumBytes > lengthBytes) return 'owed'
  const overlapping = ranges.filter((range) =>
    ranges.some(
      (other) => other !== range && other.first <= range.last && range.first <= other.last,
    ),
  )
  return overlapping.length > MAX_OVERLAPPING_COUNT ? 'allowed' : 'never'
}
