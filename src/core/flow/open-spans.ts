// How each of the spans that an answer sends is read: from its fill, or as it is.

import type { ByteSource } from '../entry/byte-source.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import { planSpans } from '../policy/fill-plan.ts'
import { ExactSource } from './exact-source.ts'
import type { Exchange } from './exchange.ts'
import type { OpenSpan } from './respond.ts'

/** @param open Opens a reader; a transfer begun for it may go on to `toByte`. */
export function openSpans(
  x: Exchange,
  head: StoredResponse,
  spans: readonly ByteSpan[],
  open: (span: ByteSpan, toByte: number) => ByteSource,
): readonly OpenSpan[] {
  const { segmentBytes, completeLength, joinable, body } = head
  if (!joinable) {
    // What has passed by cannot be fetched again: so it is kept for the later parts from the beginning.
    const readers = spans.map((span) => open(span, span.endByte))
    return readers.map((reader) => () => reader)
  }
  if (spans.length === 1 || completeLength === undefined) {
    return spans.map((span) => () => open(span, span.endByte))
  }
  const presence = x.core.store.presence(body)
  const isHere = (index: number) => presence?.has(index) === true
  const plans = planSpans({ segmentBytes, completeLength, isHere }, spans, x.site.fill)
  return spans.map((span, i) => () => {
    const plan = plans[i]
    if (plan?.isExact === true) return new ExactSource(x, head, span)
    return open(span, plan?.toByte ?? span.endByte)
  })
}
