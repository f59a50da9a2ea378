// A file as a representation: its validators, and which part of it answers a request.

import { NO_FIELDS, combined, first } from '#core/entry/fields.ts'
import type { Fields } from '#core/entry/fields.ts'
import { formatContentRange, parseRange, resolveRanges } from '#core/http/byte-range.ts'
import type { ByteSpan, ResolvedRange } from '#core/http/byte-range.ts'
import { parseEntityTag } from '#core/http/entity-tag.ts'
import { formatHttpDate } from '#core/http/http-date.ts'
import { holdsIfRange, holdsUnmodified, isNotModified } from '#core/http/preconditions.ts'
import type { Preconditions, Validators } from '#core/http/preconditions.ts'
import type { UpstreamRequest } from '#core/ports/upstream.ts'
import { contentTypeOf } from './content-type.ts'
import type { FileStamp } from './file-source.ts'

export interface Representation {
  readonly stamp: FileStamp
  readonly completeLength: number
  readonly validators: Validators
  /** Validators and type, as fields. */
  readonly fields: Fields
}

/** What of a representation answers a request. */
export type Selection =
  | { readonly kind: 'span'; readonly status: 200 | 206; readonly span: ByteSpan }
  | { readonly kind: 'not-modified'; readonly status: 304 }
  | { readonly kind: 'refused'; readonly status: 412 | 416 }

/** A file younger than this may change again without its time changing: file times are coarse. */
const SETTLED_AFTER_MS = 2000

/** @param name Decides the type. */
export function describeFile(stamp: FileStamp, name: string, nowMs: number): Representation {
  const modifiedAtMs = Number(stamp.mtimeNs / 1_000_000n)
  const opaque = [stamp.ino, stamp.size, stamp.mtimeNs].map((part) => part.toString(36)).join('-')
  const isSettled = nowMs - modifiedAtMs >= SETTLED_AFTER_MS
  // A young file gets a tag that no other answer has: whatever is read of it is never joined to anything,
  // nor validated later. It gets no Last-Modified, which would be a second way to do so.
  const tag = isSettled ? `"${opaque}"` : `W/"${opaque}-${Math.floor(nowMs * 1000).toString(36)}"`
  const fields = ['etag', tag, 'content-type', contentTypeOf(name)]
  if (isSettled) fields.push('last-modified', formatHttpDate(modifiedAtMs))
  return {
    stamp,
    completeLength: Number(stamp.size),
    validators: {
      etag: parseEntityTag(tag),
      // In whole seconds, as the field tells it.
      lastModifiedMs: isSettled ? Math.floor(modifiedAtMs / 1000) * 1000 : undefined,
      dateMs: nowMs,
    },
    fields,
  }
}

/** In the order of RFC 9110 §13.2.2. */
export function selectPart(
  request: UpstreamRequest,
  file: Representation,
  nowMs: number,
): Selection {
  const asked = preconditionsOf(request.fields)
  const { completeLength, validators } = file
  if (!holdsUnmodified(asked, validators, nowMs)) return { kind: 'refused', status: 412 }
  if (isNotModified(asked, validators, nowMs)) return { kind: 'not-modified', status: 304 }
  // Range is for GET alone (RFC 9110 §14.2).
  const mayRange = request.method === 'GET' && holdsIfRange(asked.ifRange, validators, nowMs)
  const range = mayRange ? rangeOf(request.fields, completeLength) : undefined
  if (range?.kind === 'unsatisfiable') return { kind: 'refused', status: 416 }
  if (range?.kind === 'span') return { kind: 'span', status: 206, span: range.span }
  return { kind: 'span', status: 200, span: { startByte: 0, endByte: completeLength } }
}

/** Several ranges are answered with the whole, as a server may (RFC 9110 §14.2): the flow asks for one. */
function rangeOf(fields: Fields, completeLength: number): ResolvedRange | undefined {
  const value = combined(fields, 'range')
  const specs = value === undefined ? undefined : parseRange(value)
  return specs?.length === 1 ? resolveRanges(specs, completeLength) : undefined
}

function preconditionsOf(fields: Fields): Preconditions {
  return {
    ifMatch: combined(fields, 'if-match'),
    ifNoneMatch: combined(fields, 'if-none-match'),
    ifModifiedSince: first(fields, 'if-modified-since'),
    ifUnmodifiedSince: first(fields, 'if-unmodified-since'),
    ifRange: first(fields, 'if-range'),
  }
}

export function spanFields(selected: Selection, completeLength: number): Fields {
  if (selected.kind !== 'span') return NO_FIELDS
  const { span } = selected
  const fields = ['accept-ranges', 'bytes', 'content-length', String(span.endByte - span.startByte)]
  if (selected.status === 206)
    fields.push('content-range', formatContentRange(span, completeLength))
  return fields
}
