// Fields that the origin sends of what is stored, laid over it.

import type { Fields } from '../entry/fields.ts'
import { first, pairs, without } from '../entry/fields.ts'
import type { StoredResponse, Variant } from '../entry/stored-response.ts'
import { isSameSelection } from '../entry/stored-response.ts'
import { pathOf } from '../http/target.ts'
import { controlOf } from '../policy/control.ts'
import { nominate, selectingFields } from '../policy/forwarding.ts'
import { decideFreshness } from '../policy/freshness.ts'
import type { PolicySettings } from '../policy/settings.ts'
import type { Storable } from '../policy/storable.ts'
import { decideStorable, isRequestsOwnReason } from '../policy/storable.ts'
import { disowned, freshenedFields, validatorsOf } from '../policy/validation.ts'
import type { WriteTicket } from '../ports/store.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import type { Exchange } from './exchange.ts'
import { OF_PART, digestsOf, groupsHere, partedFields } from './head-of.ts'
import { writeUnlessOutrun } from './write-head.ts'

export interface Freshened {
  readonly variant: Variant
  readonly originStatus: number
  /** Lines for the one who asked, and for nobody else. */
  readonly apart: Fields
  /** Whether those who waited may have it too. */
  readonly isShared: boolean
}

/**
 * Lays the fields of a 304, or of the head of the same version, over the stored head; the bytes stay as they are
 * (RFC 9111 §4.3.4, §4.3.5). They may be for the one who asked, as those of a 200 may: then they are neither
 * stored nor shared (RFC 9111 §3).
 *
 * @returns `undefined` when both together are more than a response may have.
 */
export async function freshen(
  x: Exchange,
  ticket: WriteTicket,
  { head: stored, onlySegment }: Pick<Variant, 'head' | 'onlySegment'>,
  response: UpstreamResponse,
): Promise<Freshened | undefined> {
  const updated = update(x, stored, response)
  if (updated === undefined) return undefined
  const { head, apart, storable } = updated
  await writeFreshened(x, ticket, stored, updated)
  return {
    variant: { head, onlySegment, logPosition: ticket.logPosition },
    originStatus: response.status,
    apart,
    isShared: storable.storable,
  }
}

interface Updated {
  readonly head: StoredResponse
  readonly apart: Fields
  readonly storable: Storable
  readonly sentAtMs: number
}

function update(
  x: Exchange,
  stored: StoredResponse,
  response: UpstreamResponse,
): Updated | undefined {
  const { asked, site } = x
  const whole = freshenedFields(stored.fields, response.fields, stored.joinable)
  if (!fits(whole, site.policy)) return undefined
  const { fields, apart } = partedFields(x, whole)
  const age = first(response.fields, 'age')
  const { sentAtMs, receivedAtMs } = response
  const { isExplicit: _, ...times } = decideFreshness(
    {
      status: stored.status,
      fields: age === undefined ? fields : [...fields, 'age', age],
      control: controlOf(fields, site.policy),
      sentAtMs,
      receivedAtMs,
      path: pathOf(asked.target),
    },
    site.policy,
  )
  const head: StoredResponse = {
    // What the whole must be may be told later than a part of it.
    ...digestsOf(response),
    ...stored,
    ...times,
    // Of this request, as the response is now its answer; and Vary may be another (RFC 9111 §4.1).
    nominated: nominate(fields, selectingFields(asked.fields, site.forward)),
    fields,
    validators: validatorsOf(fields, receivedAtMs),
    validatedAtMs: receivedAtMs,
    invalidated: false,
    groups: groupsHere(x, fields),
  }
  const facts = { ...response, asked: { ...asked, method: 'GET' }, status: stored.status, fields }
  return { head, apart, storable: decideStorable(facts, site.policy), sentAtMs }
}

function fits(
  fields: Fields,
  { maxFieldCount, maxFieldsBytes }: Pick<PolicySettings, 'maxFieldCount' | 'maxFieldsBytes'>,
): boolean {
  let bytes = 0
  for (const text of fields) bytes += text.length
  return fields.length / 2 <= maxFieldCount && bytes <= maxFieldsBytes
}

async function writeFreshened(
  x: Exchange,
  ticket: WriteTicket,
  stored: StoredResponse,
  { head, storable, sentAtMs }: Updated,
): Promise<void> {
  const { asked } = x
  const { store } = x.core
  if (!storable.storable) {
    // The origin no longer wants it shared; what one client may not have says nothing of the others.
    const isRequests = asked.hasCredentials || isRequestsOwnReason(storable.because)
    if (!isRequests) await store.invalidate(head.key, 'validate')
    return
  }
  const isSameVary = stored.nominated.names.join() === head.nominated.names.join()
  // What was selected as before the new Vary is no longer to be used as it is.
  if (!isSameVary) await store.writeHead(ticket, disowned(stored))
  await writeUnlessOutrun(x, ticket, head, sentAtMs)
}

const TIMES: ReadonlySet<string> = new Set(['date', 'expires'])

/**
 * Lays the fields of a part that is joined over the stored head (RFC 9111 §3.4), unless they say nothing new but that
 * it is fresh for longer: to leave that out makes it older than it is, and spares a write for each part.
 */
export async function updateByPart(
  x: Exchange,
  ticket: WriteTicket,
  { key, body, nominated }: StoredResponse,
  part: UpstreamResponse,
): Promise<void> {
  const entry = await x.core.store.read(key)
  const stored = entry?.variants.find(
    ({ head }) => head.body === body && isSameSelection(head, { nominated }),
  )?.head
  if (stored === undefined) return
  const updated = update(x, stored, { ...part, fields: without(part.fields, OF_PART) })
  if (updated === undefined) return
  const { head, storable } = updated
  const isSame = storable.storable && linesOf(head.fields) === linesOf(stored.fields)
  if (!isSame || freshUntilMs(head) < freshUntilMs(stored)) {
    await writeFreshened(x, ticket, stored, updated)
  }
}

/** For a while its ranges are not asked for any more: each would cost the whole. */
export async function noteRangesIgnored(
  { core, site }: Exchange,
  ticket: WriteTicket,
  { key, body }: StoredResponse,
): Promise<void> {
  const rangesIgnoredUntilMs = core.clock.nowMs() + site.fill.rangesIgnoredMs
  const entry = await core.store.read(key)
  for (const { head } of entry?.variants ?? []) {
    if (head.body === body) await core.store.writeHead(ticket, { ...head, rangesIgnoredUntilMs })
  }
}

function freshUntilMs({ bornAtMs, freshnessLifetimeMs }: StoredResponse): number {
  return bornAtMs + freshnessLifetimeMs
}

/** As text, in any order of names, without the times. */
function linesOf(fields: Fields): string {
  return pairs(without(fields, TIMES))
    .map(([name, value]) => `${name}: ${value}`)
    .toSorted()
    .join('\n')
}
