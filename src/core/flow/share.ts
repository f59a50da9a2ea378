// What of an answer that came for one request is for another that waited, and for the one who asked.

import type { StoredResponse } from '../entry/stored-response.ts'
import type { ReuseFacts } from '../policy/reuse.ts'
import { decideReuse } from '../policy/reuse.ts'
import type { Collapsed } from './collapse.ts'
import type { Exchange } from './exchange.ts'

/**
 * Whether who waited may have what came: an answer to a question asked after it came, or one that could be used
 * from the store as well. What is to be validated for each use is not (RFC 9111 §4, §5.2.2.4), nor what has been
 * invalidated since by its groups (RFC 9875 §2.2).
 */
export function mayShare(
  x: Exchange,
  { isAfter }: Collapsed,
  head: ReuseFacts & Pick<StoredResponse, 'groups'>,
  logPosition: number,
): boolean {
  if (isAfter) return true
  const { position } = x.core.store.ticket(x.asked.key, head.groups)
  return position <= logPosition && isReusable(x, head)
}

export function isReusable({ asked, site, core }: Exchange, head: ReuseFacts): boolean {
  const { minValidationIntervalMs } = site.policy
  const nowMs = core.clock.nowMs()
  return decideReuse(head, asked.directives, nowMs, minValidationIntervalMs).action === 'serve'
}

/**
 * Whether an answer is to the range that we asked for, and perhaps not to the client's: a leader asks for
 * whole segments, of several ranges for the first, and without the client's If-Range.
 */
export function isOfOurRange({ asked }: Exchange, status: number): boolean {
  if (status === 206) return true
  const isSimple =
    asked.range === undefined ||
    (asked.preconditions.ifRange === undefined && asked.range.length === 1)
  return status === 416 && !isSimple
}
