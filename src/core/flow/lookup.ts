import type { Fields } from '../entry/fields.ts'
import { covers, isSingleSegment } from '../entry/segment.ts'
import type { Entry, StoredResponse, Variant } from '../entry/stored-response.ts'
import { forwardedFields, isSameNominated, nominatedValues } from '../policy/forwarding.ts'
import type { Store } from '../ports/store.ts'
import type { Exchange } from './exchange.ts'

/** The stored response that the request selects (RFC 9111 §4.1): the most recent that matches. */
export function selectVariant(x: Exchange, entry: Entry | undefined): Variant | undefined {
  if (entry === undefined) return undefined
  let forwarded: Fields | undefined
  for (const variant of entry.variants) {
    const { nominated } = variant.head
    if (nominated.names.length > 0) {
      forwarded ??= forwardedFields(x.asked.fields, x.site.forward)
      if (!isSameNominated(nominated, forwarded)) continue
    }
    if (isUsable(x.core.store, variant)) return variant
  }
  return undefined
}

/** A body that cannot be fetched again in parts is of use only whole. */
function isUsable(store: Store, { head, onlySegment }: Variant): boolean {
  const { joinable, completeLength = 0, segmentBytes, body } = head
  if (joinable || completeLength === 0 || onlySegment !== undefined) return true
  const presence = store.presence(body)
  if (presence === undefined) return isSingleSegment(completeLength, segmentBytes)
  return covers(presence, 0, completeLength, segmentBytes)
}

/** How much of `[startByte, endByte)` is stored; `unknown` to a store that cannot tell cheaply. */
export function storedPartOf(
  store: Store,
  head: StoredResponse,
  startByte: number,
  endByte: number,
): 'all' | 'part' | 'unknown' {
  const presence = store.presence(head.body)
  if (presence === undefined) return 'unknown'
  return covers(presence, startByte, endByte, head.segmentBytes) ? 'all' : 'part'
}

/**
 * Those who may share a head wait for one flight: same key, same values of the fields known to matter, and
 * no invalidation between them. What was asked of the origin before one is not for who comes after it.
 */
export function flightKeyOf(x: Exchange, nominatedNames: readonly string[]): string {
  const { key, fields } = x.asked
  const { position } = x.core.store.ticket(key)
  if (nominatedNames.length === 0) return `${position}\n${key}`
  const values = nominatedValues(nominatedNames, forwardedFields(fields, x.site.forward))
  return `${position}\n${key}\n${values.join('\n')}`
}
