// Of concurrent requests for one head, one asks the origin; the others wait for the head alone, and then
// each decides again.

import { asksModified } from '../entry/asked.ts'
import type { Fields } from '../entry/fields.ts'
import { first } from '../entry/fields.ts'
import { isSingleSegment, segmentIndexOf } from '../entry/segment.ts'
import type { Entry, Nominated, StoredResponse } from '../entry/stored-response.ts'
import { isSameNominated, selectingFields } from '../policy/forwarding.ts'
import type { OriginRange } from '../policy/origin-range.ts'
import { WHOLE, decideOriginRange, ignoresRanges } from '../policy/origin-range.ts'
import { decideReuse } from '../policy/reuse.ts'
import { conditionalFields } from '../policy/validation.ts'
import type { Exchange } from './exchange.ts'
import type { Fetched, Filling, HeadPlan } from './fetch-head.ts'
import { fetchHead, holdOpen } from './fetch-head.ts'
import type { Flight } from './flights.ts'
import { flightKeyOf } from './lookup.ts'
import { fetchValidated } from './revalidate.ts'

export interface CollapseFacts {
  readonly entry: Entry | undefined
  /** The stored response to validate; `undefined` when there is none. */
  readonly selected: StoredResponse | undefined
  /** Neither leads nor waits. */
  readonly isAlone: boolean
  /** Whether something stored may be sent instead of what would have to be waited for. */
  readonly hasFallback: boolean
}

export interface Collapsed {
  readonly fetched: Fetched
  readonly leads: boolean
  /** Whether the head that came is for this request too (RFC 9111 §4.1). */
  readonly isMatch: boolean
  /** Whether the origin was asked after this request came: as good as asked for it. */
  readonly isAfter: boolean
  /** To be called once the answer reads the body. */
  leave(): void
}

/** A head that came for others may name fields nobody knew of; then there is one more flight to try. */
const MAX_FLIGHT_COUNT = 2

export async function collapse(x: Exchange, facts: CollapseFacts): Promise<Collapsed> {
  let names =
    facts.selected?.nominated.names ?? facts.entry?.variants[0]?.head.nominated.names ?? []
  for (let flightCount = 1; ; flightCount++) {
    const collapsed = await joinOrLead(x, facts, names)
    if (collapsed.isMatch || flightCount >= MAX_FLIGHT_COUNT) return collapsed
    if (collapsed.fetched.kind !== 'filling') return collapsed
    names = collapsed.fetched.head.nominated.names
    collapsed.leave()
  }
}

async function joinOrLead(
  x: Exchange,
  facts: CollapseFacts,
  nominatedNames: readonly string[],
): Promise<Collapsed> {
  const { flights } = x.core
  const key = facts.isAlone ? undefined : flightKeyOf(x, nominatedNames)
  let passed: number | undefined
  // Who waited for the same flight in vain goes on together: one of them begins the next.
  while (key !== undefined && flights.numberOf(key) !== passed) {
    const existing = flights.join(key)
    if (existing === undefined) break
    const collapsed = await arrive(x, existing, false)
    if (!existing.isLate) {
      x.scope.record({ kind: 'collapsed' })
      return collapsed
    }
    if (mayJoinLate(x, collapsed.fetched)) {
      x.scope.record({ kind: 'collapsed' })
      return holding(collapsed, collapsed.fetched)
    }
    collapsed.leave()
    passed = existing.number
  }
  return await arrive(
    x,
    flights.begin(key, () => fetch(x, facts)),
    true,
  )
}

async function arrive(x: Exchange, flight: Flight, leads: boolean): Promise<Collapsed> {
  try {
    const fetched = await flight.verdict
    return {
      fetched,
      leads,
      isMatch: leads || isFor(x, fetched),
      isAfter: leads || flight.number > x.lastFlight,
      leave: () => flight.leave(),
    }
  } catch (error) {
    flight.leave()
    throw error
  }
}

function isFor(x: Exchange, fetched: Fetched): boolean {
  const nominated = nominatedOf(fetched)
  if (nominated === undefined) return true
  if (fetched.kind === 'freshened' && !fetched.isShared) return false
  if (nominated.names.length === 0) return true
  return isSameNominated(nominated, selectingFields(x.asked.fields, x.site.forward))
}

function nominatedOf(fetched: Fetched): Nominated | undefined {
  switch (fetched.kind) {
    case 'filling':
      return fetched.head.nominated
    case 'freshened':
      return fetched.variant.head.nominated
    case 'bodiless':
      return fetched.nominated
    case 'not-modified':
    case 'unshareable':
    case 'failed':
      return undefined
  }
}

/** Who comes after the head did not wait for it: it must be fresh, unpurged, and all there. */
function mayJoinLate(x: Exchange, fetched: Fetched): fetched is Filling {
  if (fetched.kind !== 'filling') return false
  const { head, fill, ticket } = fetched
  const isCurrent = x.core.store.ticket(head.key, head.groups).position <= ticket.logPosition
  const reuse = decideReuse(head, x.asked.directives, x.nowMs)
  return isCurrent && reuse.action === 'serve' && fill.canServeFrom(0)
}

/** What came so far must not be let go before this reader is there: it comes from nowhere else. */
function holding(collapsed: Collapsed, { fill }: Filling): Collapsed {
  const release = holdOpen(fill, 0)
  return {
    ...collapsed,
    leave() {
      release()
      collapsed.leave()
    },
  }
}

function fetch(x: Exchange, facts: CollapseFacts): Promise<Fetched> {
  const { selected, entry } = facts
  const plan = planOf(x, facts)
  return selected === undefined
    ? fetchHead(x, plan)
    : fetchValidated(x, plan, selected, entry?.variants ?? [])
}

function planOf(x: Exchange, facts: CollapseFacts): HeadPlan {
  const { selected, entry, isAlone, hasFallback } = facts
  const { asked, site } = x
  if (selected === undefined) {
    const isTheirs = isAlone && asksModified(asked)
    return {
      method: methodOf(x),
      conditional: isTheirs ? clientConditions(asked.fields) : [],
      range: decideOriginRange(asked.range, site.segmentBytes, site.fill.windowBytes),
      mayStoreFailure: true,
      hasFallback,
    }
  }
  const variants = entry?.variants.map((variant) => variant.head) ?? []
  return {
    method: methodOf(x),
    conditional: conditionalFields(selected, variants),
    range: asked.method === 'HEAD' ? WHOLE : rangeOfValidation(x, selected),
    mayStoreFailure: false,
    hasFallback,
  }
}

function methodOf({ asked }: Exchange): 'GET' | 'HEAD' {
  return asked.method === 'HEAD' ? 'HEAD' : 'GET'
}

function clientConditions(fields: Fields): Fields {
  const conditions: string[] = []
  for (const name of ['if-none-match', 'if-modified-since']) {
    const value = first(fields, name)
    if (value !== undefined) conditions.push(name, value)
  }
  return conditions
}

/** The segment asked first, so that a new version costs one segment and not a whole object for nobody. */
function rangeOfValidation(x: Exchange, selected: StoredResponse): OriginRange {
  const { completeLength = 0, segmentBytes, joinable, status } = selected
  if (
    ignoresRanges(selected, x.nowMs) ||
    !joinable ||
    status !== 200 ||
    isSingleSegment(completeLength, segmentBytes)
  )
    return WHOLE
  const [spec] = x.asked.range ?? []
  let byte = 0
  if (spec?.kind === 'from') byte = Math.min(spec.firstPos, completeLength - 1)
  if (spec?.kind === 'suffix') byte = Math.max(0, completeLength - Math.max(1, spec.suffixBytes))
  const startByte = segmentIndexOf(byte, segmentBytes) * segmentBytes
  return { kind: 'span', startByte, endByte: startByte + segmentBytes }
}
