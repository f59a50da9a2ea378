// Which 206 may be taken for a part of what is stored (RFC 9110 §15.3.7, RFC 9111 §3.3, §3.4).

import type { Fields } from '../entry/fields.ts'
import { combined, first } from '../entry/fields.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import { parseContentRange } from '../http/byte-range.ts'
import type { OriginRange } from './origin-range.ts'
import { strongValidatorOf, validatorsOf } from './validation.ts'

export type Partial =
  | { readonly kind: 'part'; readonly span: ByteSpan; readonly completeLength: number }
  | { readonly kind: 'wrong'; readonly because: string }

/** Checks that a 206 is exactly the part asked for; anything else is an origin not to be believed. */
export function checkPartial(fields: Fields, asked: OriginRange): Partial {
  if (asked.kind === 'whole') return { kind: 'wrong', because: '206 to a request without Range' }
  const type = first(fields, 'content-type') ?? ''
  if (/^multipart\/byteranges/i.test(type)) return { kind: 'wrong', because: 'multipart' }
  const contentRange = parseContentRange(combined(fields, 'content-range') ?? '')
  const span = contentRange?.span
  const completeLength = contentRange?.completeLength
  if (span === undefined || completeLength === undefined) {
    return { kind: 'wrong', because: 'Content-Range without a range and a complete length' }
  }
  const expected = expectedSpan(asked, completeLength)
  if (span.startByte !== expected.startByte || span.endByte !== expected.endByte) {
    return { kind: 'wrong', because: 'Content-Range is not what was asked' }
  }
  const contentLength = first(fields, 'content-length')
  if (contentLength !== undefined && Number(contentLength) !== span.endByte - span.startByte) {
    return { kind: 'wrong', because: 'Content-Length does not fit Content-Range' }
  }
  return { kind: 'part', span, completeLength }
}

function expectedSpan(
  asked: Exclude<OriginRange, { kind: 'whole' }>,
  completeLength: number,
): ByteSpan {
  if (asked.kind === 'suffix') {
    return { startByte: Math.max(0, completeLength - asked.suffixBytes), endByte: completeLength }
  }
  return { startByte: asked.startByte, endByte: Math.min(asked.endByte, completeLength) }
}

/** Whether fetched fields describe the very version that is stored: validator, coding and length. */
export function isSameVersion(
  stored: StoredResponse,
  fetched: Fields,
  completeLength: number | undefined,
  nowMs: number,
): boolean {
  const validator = strongValidatorOf(stored.validators)
  return (
    validator !== undefined &&
    validator === strongValidatorOf(validatorsOf(fetched, nowMs)) &&
    combined(stored.fields, 'content-encoding') === combined(fetched, 'content-encoding') &&
    completeLength === stored.completeLength
  )
}
