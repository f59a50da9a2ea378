// From a head to an answer: of the store, or of a fill that has just begun.

import type { Answer } from '../entry/answer.ts'
import type { Maybe } from '../entry/byte-source.ts'
import type { Fields } from '../entry/fields.ts'
import { NO_FIELDS } from '../entry/fields.ts'
import { isSingleSegment } from '../entry/segment.ts'
import type { StoredResponse, Variant } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import type { CacheStatus, ForwardReason } from '../http/cache-status.ts'
import { BodyReader } from './body-reader.ts'
import type { Exchange } from './exchange.ts'
import { readStored } from './exchange.ts'
import type { Filling } from './fetch-head.ts'
import { storedPartOf } from './lookup.ts'
import { openSpans } from './open-spans.ts'
import { PartsSource } from './parts-source.ts'
import { readAhead } from './read-ahead.ts'
import type { Found } from './respond.ts'
import { respond, select, selectedSpans, statusOf } from './respond.ts'
import { unlessTooFar } from './too-far.ts'

/** Why an answer from the store is no plain hit. */
export interface StoreFacts {
  readonly because?: ForwardReason | undefined
  readonly forwardStatus?: number | undefined
  readonly isCollapsed?: boolean | undefined
  readonly detail?: string | undefined
  /** Lines for this client alone. */
  readonly apart?: Fields
}

/** At once when memory has what is selected; else as soon as the first bytes are there. */
export function answerFromStore(
  x: Exchange,
  variant: Variant,
  facts: StoreFacts = {},
): Maybe<Answer> {
  const { head } = variant
  const selection = unlessTooFar(x, head, select(x, head))
  const spans = selectedSpans(selection, head)
  const needsNoBody = x.asked.method === 'HEAD' || spans.length === 0
  const bytes = needsNoBody ? undefined : bytesAtHand(x, variant)
  const isAtHand = needsNoBody || bytes !== undefined
  const part = isAtHand ? 'all' : storedPartOf(x.core.store, head, spans)
  const found: Found = {
    head,
    ageSeconds: ageSecondsOf(x, head, facts),
    status: cacheStatusOf(x, head, part !== 'part', facts),
    apart: facts.apart ?? NO_FIELDS,
    bytes,
    open: (asked) => openSpans(x, head, asked, (span, to) => readStored(x, variant, span, to)),
  }
  const answer = respond(x, selection, found)
  if (!isAtHand) readAhead(x, variant, selection)
  // A store that cannot tell what it has may have none of it.
  if (part === 'all' || answer.body.kind !== 'source') return answer
  return primed(answer)
}

/** Just validated, and not old when it was: then the origin answered, and no Age says otherwise (RFC 9111 §5.1). */
function ageSecondsOf(x: Exchange, head: StoredResponse, facts: StoreFacts): number | undefined {
  const ageSeconds = Math.max(0, Math.floor((x.nowMs - head.bornAtMs) / 1000))
  const isValidated = facts.isCollapsed === false && facts.because !== undefined
  return isValidated && head.validatedAtMs >= x.nowMs - 1000 && ageSeconds === 0
    ? undefined
    : ageSeconds
}

/** Whether the store has all that the request selects, as far as it can tell. */
export function isAllStored(x: Exchange, { head, onlySegment }: Variant): boolean {
  if (x.asked.method === 'HEAD' || onlySegment !== undefined) return true
  const spans = selectedSpans(select(x, head), head)
  return spans.length === 0 || storedPartOf(x.core.store, head, spans) !== 'part'
}

/** Until the first bytes are there, what fails can still be answered otherwise. */
export async function primed(answer: Answer): Promise<Answer> {
  const { body } = answer
  if (body.kind !== 'source') return answer
  const { source } = body
  if (source instanceof BodyReader || source instanceof PartsSource) await source.prime()
  return answer
}

/** Whether the answer begins with bytes that the response itself brings. */
export function isBrought({ body }: Answer, { startByte, endByte }: ByteSpan): boolean {
  if (body.kind !== 'source') return true
  const { source } = body
  if (!(source instanceof BodyReader)) return !(source instanceof PartsSource)
  return startByte <= source.position && source.position < endByte
}

function bytesAtHand(x: Exchange, { head, onlySegment }: Variant): Uint8Array | undefined {
  if (onlySegment !== undefined) return onlySegment
  const { completeLength = 0, segmentBytes, body } = head
  if (!isSingleSegment(completeLength, segmentBytes)) return undefined
  const bytes = x.core.store.readSegment(body, 0, 0, completeLength)
  if (bytes instanceof Promise) {
    // Read again by the reader, which can wait.
    bytes.catch(() => undefined)
    return undefined
  }
  return bytes?.byteLength === completeLength ? bytes : undefined
}

function cacheStatusOf(
  x: Exchange,
  head: StoredResponse,
  isWhole: boolean,
  facts: StoreFacts,
): CacheStatus {
  const ageMs = x.nowMs - head.bornAtMs
  const ttlSeconds = Math.floor((head.freshnessLifetimeMs - ageMs) / 1000)
  const forward = facts.because ?? (isWhole ? undefined : 'partial')
  return {
    hit: forward === undefined,
    ...(forward !== undefined && { forward }),
    ...(facts.forwardStatus !== undefined && { forwardStatus: facts.forwardStatus }),
    ttlSeconds,
    ...(facts.isCollapsed === true && { collapsed: true }),
    ...(facts.detail !== undefined && { detail: facts.detail }),
  }
}

export interface FillFacts {
  readonly because: ForwardReason
  readonly isCollapsed: boolean
}

/** From a body that is coming: the reader takes part from its beginning. */
export function answerFromFill(x: Exchange, fetched: Filling, facts: FillFacts): Answer {
  const { fill, originAge, originStatus, isStored: stored, apart, ticket } = fetched
  const head = withLength(fetched.head, fill.completeLength)
  const selection = unlessTooFar(x, head, select(x, head, fill.reachedByte), fill)
  const isOtherStatus = originStatus !== statusOf(selection, head)
  const answer = respond(x, selection, {
    head,
    // Who comes later is given what was answered to another, and is told how old it is (RFC 9111 §4).
    ageSeconds: isOlder(x, head) ? Math.floor((x.nowMs - head.bornAtMs) / 1000) : undefined,
    originAge,
    apart: facts.isCollapsed ? NO_FIELDS : apart,
    bytes: undefined,
    status: {
      hit: false,
      forward: facts.because,
      ...(isOtherStatus && { forwardStatus: originStatus }),
      stored,
      ...(facts.isCollapsed && { collapsed: true }),
    },
    open: (asked) =>
      openSpans(x, head, asked, ({ startByte, endByte }, toByte) => {
        const { store, fills } = x.core
        const options = { head, store, fills, startByte, endByte, toByte, openFill: () => fill }
        const reader = new BodyReader(options)
        reader.attach(fill)
        return reader
      }),
  })
  readAhead(x, { head, logPosition: ticket.logPosition }, selection)
  return answer
}

/** By now its end may have come. */
function withLength(head: StoredResponse, completeLength: number | undefined): StoredResponse {
  return head.completeLength === completeLength ? head : { ...head, completeLength }
}

function isOlder(x: Exchange, head: StoredResponse): boolean {
  return x.nowMs - head.validatedAtMs >= 1000
}
