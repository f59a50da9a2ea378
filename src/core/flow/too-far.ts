// Of an origin without ranges a part comes with all that is before it.

import { firstByteOutside } from '../entry/segment.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import { ignoresRanges } from '../policy/origin-range.ts'
import type { BodyFill } from './body-fill.ts'
import type { Exchange } from './exchange.ts'
import type { Selection } from './respond.ts'
import { WHOLE_SELECTION, selectedSpans } from './respond.ts'

/**
 * The selection, unless its bytes are too far behind those that are coming: then the whole as the origin sends it,
 * which may ignore Range as well as the origin does (RFC 9110 §14.2), rather than silence.
 */
export function unlessTooFar(
  x: Exchange,
  head: StoredResponse,
  selection: Selection,
  fill = x.core.fills.get(head.body),
): Selection {
  if (selection.kind !== 'part' && selection.kind !== 'parts') return selection
  const isIgnoring = fill === undefined ? ignoresRanges(head, x.nowMs) : fill.ranges !== 'taken'
  if (!isIgnoring) return selection
  for (const span of selectedSpans(selection, head)) {
    const byte = firstMissing(x, head, span, fill)
    if (byte === undefined) continue
    const reachedByte = fill?.reachedByte ?? 0
    // What has passed by without being kept comes again with all that is before it.
    const distanceBytes = byte < reachedByte ? byte : byte - reachedByte
    if (distanceBytes > x.site.fill.maxWaitBytes) return WHOLE_SELECTION
  }
  return selection
}

function firstMissing(
  x: Exchange,
  { body, segmentBytes }: StoredResponse,
  { startByte, endByte }: ByteSpan,
  fill: BodyFill | undefined,
): number | undefined {
  const presence = x.core.store.presence(body)
  const has = (i: number) => {
    const byte = Math.max(startByte, i * segmentBytes)
    return presence?.has(i) === true || fill?.view(byte, byte + 1) !== undefined
  }
  return firstByteOutside({ has }, startByte, endByte, segmentBytes)
}
