// One way to answer: 200, 206, 304 and 416 from a head and a reader of its body, hit or miss alike.

import type { Answer } from '../entry/answer.ts'
import { NO_BODY } from '../entry/answer.ts'
import { asksModified } from '../entry/asked.ts'
import type { ByteSource } from '../entry/byte-source.ts'
import { sourceOf } from '../entry/byte-source.ts'
import type { Fields } from '../entry/fields.ts'
import { combined, first, has, without } from '../entry/fields.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { ByteSpan, RangeSpec, ResolvedRange } from '../http/byte-range.ts'
import { formatContentRange, formatUnsatisfiedRange, resolveRanges } from '../http/byte-range.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import { DIGESTS_OF_MESSAGE } from '../http/digest-fields.ts'
import { formatCacheStatus, isCacheStatus } from '../http/cache-status.ts'
import { appendMember, formatVia } from '../http/loop.ts'
import { frameParts, randomBoundary } from '../http/multipart.ts'
import { holdsIfRange, isNotModified } from '../http/preconditions.ts'
import type { Exchange } from './exchange.ts'
import { PartsSource } from './parts-source.ts'

/** How an answer came about, and where its bytes are. */
export interface Found {
  readonly head: StoredResponse
  /** Current age in seconds; `undefined` for a first answer, which keeps the origin's `originAge`. */
  readonly ageSeconds: number | undefined
  readonly originAge?: string | undefined
  /** Lines for this client alone. */
  readonly apart: Fields
  readonly status: CacheStatus
  /** All bytes of the body, where they are at hand in one piece. */
  readonly bytes: Uint8Array | undefined
  /** How to open each of these spans of the body, one after the other; `Infinity` reads to its end. */
  open(spans: readonly ByteSpan[]): readonly OpenSpan[]
}

export type OpenSpan = () => ByteSource

/** What of a head a request selects, decided before any byte is looked for. */
export type Selection =
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'unsatisfiable'; readonly completeLength: number }
  | {
      readonly kind: 'part'
      readonly span: ByteSpan
      readonly completeLength: number | undefined
    }
  | {
      readonly kind: 'parts'
      readonly spans: readonly ByteSpan[]
      readonly completeLength: number
    }
  | { readonly kind: 'whole' }

export const WHOLE_SELECTION: Selection = { kind: 'whole' }

/**
 * Evaluates preconditions, then Range with If-Range (RFC 9110 §13.2.2).
 *
 * @param reachedByte How much of a body of unknown length has come.
 */
export function select(x: Exchange, head: StoredResponse, reachedByte = 0): Selection {
  const { asked, nowMs } = x
  const { completeLength } = head
  if (asksModified(asked) && isConditionable(head.status)) {
    if (isNotModified(asked.preconditions, head.validators, nowMs)) return { kind: 'not-modified' }
  }
  if (asked.range === undefined || head.status !== 200) return WHOLE_SELECTION
  if (!holdsIfRange(asked.preconditions.ifRange, head.validators, nowMs)) return WHOLE_SELECTION
  if (completeLength === undefined) return selectArrived(asked.range, reachedByte)
  return selectRange(resolveRanges(asked.range, completeLength), completeLength)
}

/** Without a length only what has come can be named; else the whole is a right answer (RFC 9110 §14.2). */
function selectArrived([spec, ...others]: readonly RangeSpec[], reachedByte: number): Selection {
  if (spec?.kind !== 'from' || others.length > 0) return WHOLE_SELECTION
  const { firstPos, lastPos } = spec
  if (lastPos === undefined || lastPos >= reachedByte) return WHOLE_SELECTION
  const span = { startByte: firstPos, endByte: lastPos + 1 }
  return { kind: 'part', span, completeLength: undefined }
}

function selectRange(resolved: ResolvedRange, completeLength: number): Selection {
  switch (resolved.kind) {
    case 'whole':
      return WHOLE_SELECTION
    case 'spans':
      return { kind: 'parts', spans: resolved.spans, completeLength }
    case 'span':
      return { kind: 'part', span: resolved.span, completeLength }
    case 'unsatisfiable':
      return { kind: 'unsatisfiable', completeLength }
  }
}

/** Preconditions apply to what would be a success without them (RFC 9110 §13.2.1). */
function isConditionable(status: number): boolean {
  return status >= 200 && status < 300
}

/** The bytes of the body that a selection sends, in order; none where it sends none. */
export function selectedSpans(selection: Selection, head: StoredResponse): readonly ByteSpan[] {
  switch (selection.kind) {
    case 'part':
      return [selection.span]
    case 'parts':
      return selection.spans
    case 'whole':
      return head.completeLength === 0 ? [] : [wholeSpan(head)]
    case 'not-modified':
    case 'unsatisfiable':
      return []
  }
}

function wholeSpan({ completeLength = Number.POSITIVE_INFINITY }: StoredResponse): ByteSpan {
  return { startByte: 0, endByte: completeLength }
}

/** The status that a selection answers with. */
export function statusOf(selection: Selection, head: StoredResponse): number {
  switch (selection.kind) {
    case 'not-modified':
      return 304
    case 'unsatisfiable':
      return 416
    case 'part':
    case 'parts':
      return 206
    case 'whole':
      return head.status
  }
}

export function respond(x: Exchange, selection: Selection, found: Found): Answer {
  const { head } = found
  switch (selection.kind) {
    case 'not-modified':
      return {
        status: statusOf(selection, head),
        fields: complete(x, found, without(head.fields, NOT_IN_304)),
        body: NO_BODY,
        contentLength: undefined,
      }
    case 'unsatisfiable': {
      const contentRange = formatUnsatisfiedRange(selection.completeLength)
      const said = without(without(head.fields, OF_CONTENT), new Set(x.site.policy.targetedFields))
      const fields = [...said, 'content-range', contentRange]
      return {
        status: statusOf(selection, head),
        fields: complete(x, found, fields),
        body: NO_BODY,
        contentLength: 0,
      }
    }
    case 'part': {
      const { span, completeLength } = selection
      const contentRange = formatContentRange(span, completeLength)
      const fields = [...without(head.fields, OF_WHOLE), 'content-range', contentRange]
      return withBody(x, statusOf(selection, head), complete(x, found, fields), span, found)
    }
    case 'parts':
      return withParts(x, found, selection.spans, selection.completeLength)
    case 'whole': {
      const fields = complete(x, found, acceptingRanges(head))
      return withBody(x, statusOf(selection, head), fields, wholeSpan(head), found)
    }
  }
}

/** We serve ranges of whatever we hold, whether the origin does or not. */
function acceptingRanges(head: StoredResponse): Fields {
  const { fields } = head
  if (head.status !== 200 || head.completeLength === undefined) return fields
  const value = first(fields, 'accept-ranges')
  if (value === 'bytes') return fields
  return [
    ...(value === undefined ? fields : without(fields, ACCEPT_RANGES)),
    'accept-ranges',
    'bytes',
  ]
}

const ACCEPT_RANGES: ReadonlySet<string> = new Set(['accept-ranges'])

function withBody(
  x: Exchange,
  status: number,
  fields: Fields,
  span: ByteSpan,
  found: Found,
): Answer {
  const { startByte, endByte } = span
  const hasLength = endByte !== Number.POSITIVE_INFINITY
  const contentLength = hasLength ? endByte - startByte : undefined
  const isBare = x.asked.method === 'HEAD' || contentLength === 0 || status === 204
  return {
    status,
    fields,
    body: isBare ? NO_BODY : bodyOf(found, span),
    contentLength: status === 204 ? undefined : contentLength,
  }
}

function bodyOf(found: Found, span: ByteSpan): Answer['body'] {
  const { bytes } = found
  if (bytes !== undefined) {
    return { kind: 'bytes', bytes: bytes.subarray(span.startByte, span.endByte) }
  }
  const [open] = found.open([span])
  return open === undefined ? NO_BODY : { kind: 'source', source: open() }
}

/** Several ranges in one message (RFC 9110 §15.3.7.2). */
function withParts(
  x: Exchange,
  found: Found,
  spans: readonly ByteSpan[],
  completeLength: number,
): Answer {
  const { head, bytes } = found
  const type = first(head.fields, 'content-type')
  const frame = frameParts(spans, completeLength, type, randomBoundary())
  const fields = [...without(head.fields, OF_PARTS), 'content-type', frame.contentType]
  const opens =
    bytes === undefined
      ? found.open(spans)
      : spans.map((span) => () => sourceOf(bytes.subarray(span.startByte, span.endByte)))
  return {
    status: 206,
    fields: complete(x, found, fields),
    body: { kind: 'source', source: new PartsSource(frame, opens) },
    contentLength: frame.contentLength,
  }
}

/** A 304 needs no fields of the content it does not carry (RFC 9110 §15.4.5). */
const NOT_IN_304: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-language',
  'content-digest',
])

/** A 416 is about this range: it describes no content, and nobody is to keep it for others. */
const OF_CONTENT: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-md5',
  'etag',
  'expires',
  'last-modified',
  'content-type',
  'content-encoding',
  'content-language',
  'content-digest',
  'content-range',
  'repr-digest',
])

/**
 * What is said of the whole content and not of a part (RFC 9530 §2). Content-Range means nothing on a 200, and is
 * kept there as it came (RFC 9110 §14.4).
 */
const OF_WHOLE: ReadonlySet<string> = new Set(['content-range', ...DIGESTS_OF_MESSAGE])
/** Each part has its own type; that of the message is another. */
const OF_PARTS: ReadonlySet<string> = new Set([...OF_WHOLE, 'content-type'])

/** Adds what each answer gets anew: Age, Via, Cache-Status. */
function complete(x: Exchange, found: Found, fields: Fields): Fields {
  const age = found.ageSeconds === undefined ? found.originAge : String(found.ageSeconds)
  const own = found.apart.length === 0 ? fields : [...fields, ...found.apart]
  return withCacheStatus(x, age === undefined ? own : [...own, 'age', age], found.status)
}

/** Our Via and our member of Cache-Status behind those of the caches before us (RFC 9211 §2). */
export function withCacheStatus(x: Exchange, fields: Fields, status: CacheStatus): Fields {
  const via = formatVia('1.1', x.core.name)
  const member = formatCacheStatus(x.core.name, status)
  if (!has(fields, 'via') && !has(fields, 'cache-status')) {
    return [...fields, 'via', via, 'cache-status', member]
  }
  return [
    ...without(fields, CHAINED),
    'via',
    appendMember(combined(fields, 'via'), via),
    'cache-status',
    appendMember(readableStatus(combined(fields, 'cache-status')), member),
  ]
}

/** Of the caches before us; dropped where ours behind it could not be read. */
function readableStatus(value: string | undefined): string | undefined {
  return value !== undefined && isCacheStatus(value) ? value : undefined
}

const CHAINED: ReadonlySet<string> = new Set(['via', 'cache-status'])
