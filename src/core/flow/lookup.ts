import type { Fields } from '../entry/fields.ts'
import { covers, isSingleSegment } from '../entry/segment.ts'
import type { Entry, StoredResponse, Variant } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import { isSameNominated, nominatedValues, selectingFields } from '../policy/forwarding.ts'
import type { Store } from '../ports/store.ts'
import type { Exchange } from './exchange.ts'

/**
 * The stored response that the request selects: of those that match the most recent by Date (RFC 9111 §4), and one
 * without Vary only where none with Vary does, as some resources leave it out of their default response (§4.1).
 */
export function selectVariant(x: Exchange, entry: Entry | undefined): Variant | undefined {
  if (entry === undefined) return undefined
  let selecting: Fields | undefined
  let best: Variant | undefined
  for (const variant of entry.variants) {
    const { nominated } = variant.head
    if (nominated.names.length > 0) {
      selecting ??= selectingFields(x.asked.fields, x.site.forward)
      if (!isSameNominated(nominated, selecting)) continue
    }
    if ((best === undefined || isBetter(variant, best)) && isUsable(x.core.store, variant)) {
      best = variant
    }
  }
  return best
}

/** Whether a variant that was stored earlier goes before one that was stored later. */
function isBetter({ head: a }: Variant, { head: b }: Variant): boolean {
  const [hasVary, otherHasVary] = [a.nominated.names.length > 0, b.nominated.names.length > 0]
  if (hasVary !== otherHasVary) return hasVary
  return (a.validators.dateMs ?? 0) > (b.validators.dateMs ?? 0)
}

/** A body that cannot be fetched again in parts is of use only whole. */
function isUsable(store: Store, { head, onlySegment }: Variant): boolean {
  const { joinable, completeLength = 0, segmentBytes, body } = head
  if (joinable || completeLength === 0 || onlySegment !== undefined) return true
  const presence = store.presence(body)
  if (presence === undefined) return isSingleSegment(completeLength, segmentBytes)
  return covers(presence, 0, completeLength, segmentBytes)
}

/** How much of these spans is stored; `unknown` to a store that cannot tell cheaply. */
export function storedPartOf(
  store: Store,
  { body, segmentBytes }: StoredResponse,
  spans: readonly ByteSpan[],
): 'all' | 'part' | 'unknown' {
  const presence = store.presence(body)
  if (presence === undefined) return 'unknown'
  const isHere = spans.every((span) => covers(presence, span.startByte, span.endByte, segmentBytes))
  return isHere ? 'all' : 'part'
}

/**
 * Those who may share a head wait for one flight: same key, same values of the fields known to matter, and
 * no invalidation between them. What was asked of the origin before one is not for who comes after it.
 */
export function flightKeyOf(x: Exchange, nominatedNames: readonly string[]): string {
  const { key, fields, method } = x.asked
  const { position } = x.core.store.ticket(key)
  // A HEAD brings no body for a GET to read.
  const about = `${method} ${position}\n${key}`
  if (nominatedNames.length === 0) return about
  const values = nominatedValues(nominatedNames, selectingFields(fields, x.site.forward))
  return `${about}\n${values.join('\n')}`
}
