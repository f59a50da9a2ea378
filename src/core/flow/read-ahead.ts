// A client that asks for one range after the other is going to ask for the next: it is fetched before.

import { isSingleSegment } from '../entry/segment.ts'
import type { Variant } from '../entry/stored-response.ts'
import { ignoresRanges } from '../policy/origin-range.ts'
import type { Exchange } from './exchange.ts'
import { openFillOf } from './exchange.ts'
import type { Selection } from './respond.ts'

/** Begins to fetch what the client is likely to ask for next. */
export function readAhead(
  x: Exchange,
  variant: Pick<Variant, 'head' | 'logPosition'>,
  selection: Selection,
): void {
  const { head } = variant
  const { completeLength = 0, segmentBytes, joinable, body } = head
  const { readAheadBytes } = x.site.fill
  if (selection.kind !== 'part' || readAheadBytes === 0 || !joinable) return
  if (isSingleSegment(completeLength, segmentBytes) || ignoresRanges(head, x.nowMs)) return
  const ahead = x.core.rangeStreams.next(body, selection.span, segmentBytes, readAheadBytes)
  if (ahead === undefined || ahead.startByte >= completeLength) return
  openFillOf(x, variant)?.prefetch(ahead)
}
