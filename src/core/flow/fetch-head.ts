// Asks the origin for a head and says what came: a body that fills, a 304, or what is not for storing.

import type { Asked } from '../entry/asked.ts'
import type { Fields } from '../entry/fields.ts'
import { combined, first } from '../entry/fields.ts'
import type { Maybe } from '../entry/byte-source.ts'
import { isPromise } from '../entry/byte-source.ts'
import type { Nominated, StoredResponse } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import { parseContentRange } from '../http/byte-range.ts'
import { nominate, selectingFields } from '../policy/forwarding.ts'
import type { OriginRange } from '../policy/origin-range.ts'
import { WHOLE, formatOriginRange } from '../policy/origin-range.ts'
import { checkPartial } from '../policy/partial.ts'
import { isFailedStatus } from '../policy/stale-on-error.ts'
import type { ReuseFacts } from '../policy/reuse.ts'
import type { Storable } from '../policy/storable.ts'
import { decideStorable, isRequestsOwnReason } from '../policy/storable.ts'
import type { FillScope, RequestScope } from '../ports/request-scope.ts'
import type { WriteTicket } from '../ports/store.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { BodyFill } from './body-fill.ts'
import type { Cursor } from './pace.ts'
import type { RangeSupport } from './body-origin.ts'
import type { Exchange } from './exchange.ts'
import { authoritySent, credentials, originFields, originOf } from './exchange.ts'
import type { Freshened } from './freshen.ts'
import { groupsHere, headOf } from './head-of.ts'
import { receive } from './receive.ts'
import { writeUnlessOutrun } from './write-head.ts'

/** What the origin said to a request for a head. */
export type Fetched =
  /** A head that may be shared, and its body, which is coming. */
  | {
      readonly kind: 'filling'
      readonly head: StoredResponse
      readonly fill: BodyFill
      /** The bytes that this response brings of it. */
      readonly brought: ByteSpan
      /** The origin's own Age, which a first answer passes on as it is. */
      readonly originAge: string | undefined
      readonly originStatus: number
      /** Whether it is in the store, or will be at its end. */
      readonly isStored: boolean
      /** Under which it was fetched: what the key's newer ticket differs from is no longer for new readers. */
      readonly ticket: WriteTicket
      /** Ends the hold that keeps the fill open until its first readers are there. */
      release(): void
      /** Lines for the one who asked first, and for nobody else. */
      readonly apart: Fields
    }
  /** The head alone, to a HEAD. */
  | {
      readonly kind: 'bodiless'
      readonly response: UpstreamResponse
      readonly nominated: Nominated
      /** How those who waited may use it; `undefined`: not at all. */
      readonly shared: (ReuseFacts & Pick<StoredResponse, 'groups'>) | undefined
      readonly logPosition: number
    }
  | { readonly kind: 'not-modified'; readonly response: UpstreamResponse }
  /** A 304 to our own condition, or the head of the same version, laid over what was stored. */
  | ({ readonly kind: 'freshened' } & Freshened)
  /** For the one who asked: nobody else may have it. */
  | {
      readonly kind: 'unshareable'
      readonly response: UpstreamResponse
      /** Whether that lies in the request alone, and says nothing of what is stored. */
      readonly isRequests: boolean
    }
  /** The origin answered, and said that it cannot. */
  | { readonly kind: 'failed'; readonly response: UpstreamResponse }

export type Filling = Extract<Fetched, { kind: 'filling' }>

export interface HeadPlan {
  readonly method: 'GET' | 'HEAD'
  /** If-None-Match and its kin: ours, or the client's where nothing is stored. */
  readonly conditional: Fields
  readonly range: OriginRange
  /** Whether a 5xx that is explicitly fresh may be stored: never in place of something better. */
  readonly mayStoreFailure: boolean
  /** Whether something stored may be sent instead. */
  readonly hasFallback: boolean
}

/** Asks for a head in a scope of its own, so that it does not end with who began it. */
export async function fetchHead(x: Exchange, plan: HeadPlan): Promise<Fetched> {
  const scope = x.core.fillScopes(x.scope)
  const ticket = x.core.store.ticket(x.asked.key)
  const response = await forward(x, plan, scope)
  try {
    const isEmpty = response.status === 416 && isEmptyRange(response.fields)
    if (isEmpty && plan.range.kind !== 'whole') {
      response.body.cancel('asking for the whole')
      return await fetchHead(x, { ...plan, range: WHOLE })
    }
    return await interpret(x, plan, ticket, scope, response)
  } catch (error) {
    response.body.cancel(error)
    throw error
  }
}

/** An empty object has no ranges: its 416 says so, and a plain request gets its head. */
function isEmptyRange(fields: Fields): boolean {
  return parseContentRange(combined(fields, 'content-range') ?? '')?.completeLength === 0
}

async function forward(
  x: Exchange,
  plan: HeadPlan,
  scope: RequestScope,
): Promise<UpstreamResponse> {
  const { asked, site } = x
  const range = formatOriginRange(plan.range)
  const rangeFields = range === undefined ? [] : ['range', range]
  const response = await site.upstream.fetch(
    {
      method: plan.method,
      target: asked.target,
      authority: authoritySent(x),
      key: asked.key,
      fields: [...originFields(x), ...credentials(x), ...plan.conditional, ...rangeFields],
      body: undefined,
      hasFallback: plan.hasFallback,
    },
    scope,
  )
  return receive(x, response)
}

/**
 * What a response is to this cache. Of a body that is to be stored the fill begins.
 *
 * @param ticket Taken before the origin was asked.
 */
export async function interpret(
  x: Exchange,
  plan: HeadPlan,
  ticket: WriteTicket,
  scope: FillScope,
  response: UpstreamResponse,
): Promise<Fetched> {
  const { status } = response
  if (status === 304) {
    response.body.cancel('no content')
    return { kind: 'not-modified', response }
  }
  const isFailed = isFailedStatus(status)
  if (isFailed && !plan.mayStoreFailure) return { kind: 'failed', response }
  const part = partOf(response, plan.range)
  // Not the part we asked for: who asked is to see for himself what the origin makes of his range.
  if (part === undefined) return { kind: 'unshareable', response, isRequests: true }
  const storable = decideStorable(
    { ...response, asked: storedAs(x.asked, plan.method), status: status === 206 ? 200 : status },
    x.site.policy,
  )
  if (isFailed && !isWorthKeeping(storable)) return { kind: 'failed', response }
  if (plan.method === 'HEAD') {
    response.body.cancel('no content')
    const nominated = nominate(response.fields, selectingFields(x.asked.fields, x.site.forward))
    const shared = storable.storable
      ? {
          ...storable.freshness,
          validatedAtMs: response.receivedAtMs,
          invalidated: false,
          groups: groupsHere(x, response.fields),
        }
      : undefined
    return { kind: 'bodiless', response, nominated, shared, logPosition: ticket.logPosition }
  }
  if (!storable.storable) {
    const { because } = storable
    scope.record({ kind: 'not-stored', because })
    const isRequests = x.asked.hasCredentials || isRequestsOwnReason(because)
    if (status < 400 && !isRequests && x.asked.method === 'GET') await mark(x, ticket)
    return { kind: 'unshareable', response, isRequests }
  }
  const { head: received, apart } = await headOf(
    x,
    { response, ...part },
    storable.freshness,
    ticket,
  )
  const head = withRanges(x, received, plan.range, status)
  // Parts of a body without a strong validator can never be put together.
  if (status === 206 && !head.joinable) {
    return { kind: 'unshareable', response, isRequests: true }
  }
  return await fill({ x, ticket, scope, response, part, head, apart })
}

/** The whole in answer to a range says that ranges are ignored (RFC 9110 §14.2). */
function withRanges(
  { core, site }: Exchange,
  head: StoredResponse,
  range: OriginRange,
  status: number,
): StoredResponse {
  if (range.kind === 'whole' || status !== 200) return head
  return { ...head, rangesIgnoredUntilMs: core.clock.nowMs() + site.fill.rangesIgnoredMs }
}

/** The head that answers a HEAD is the one that a GET would have had (RFC 9110 §9.3.2). */
function storedAs(asked: Asked, method: HeadPlan['method']): Asked {
  return method === 'HEAD' ? { ...asked, method: 'GET' } : asked
}

/** An error is kept only for as long as its origin has said. */
function isWorthKeeping(storable: Storable): boolean {
  if (!storable.storable) return false
  const { isExplicit, freshnessLifetimeMs } = storable.freshness
  return isExplicit && freshnessLifetimeMs > 0
}

interface Part extends ByteSpan {
  /** `undefined` when only the end will tell. */
  readonly completeLength: number | undefined
}

/**
 * Which bytes of the representation the response carries; `undefined` for others than we asked for.
 *
 * @throws UpstreamError for a part that nobody asked for.
 */
function partOf(response: UpstreamResponse, range: OriginRange): Part | undefined {
  if (response.status === 206) {
    const partial = checkPartial(response.fields, range)
    if (partial.kind === 'wrong') {
      if (range.kind !== 'whole') return undefined
      throw new UpstreamError('http_protocol_error', `Cannot take 206: ${partial.because}`, {
        retryable: false,
      })
    }
    return { ...partial.span, completeLength: partial.completeLength }
  }
  const contentLength = first(response.fields, 'content-length')
  const hasNoContent = response.status === 204
  const completeLength = hasNoContent
    ? 0
    : contentLength === undefined
      ? undefined
      : Number(contentLength)
  return { startByte: 0, endByte: completeLength ?? Number.POSITIVE_INFINITY, completeLength }
}

/** So that nothing waits for what turned out to be for one client only. */
async function mark(x: Exchange, ticket: WriteTicket): Promise<void> {
  const expiresAtMs = x.core.clock.nowMs() + x.site.policy.hitForMissMs
  await x.core.store.writeMark(ticket, { kind: 'hit-for-miss', expiresAtMs })
}

interface FillFacts {
  readonly x: Exchange
  readonly ticket: WriteTicket
  readonly scope: FillScope
  readonly response: UpstreamResponse
  readonly part: Part
  readonly head: StoredResponse
  readonly apart: Fields
}

/** Begins the body's fill with this response, and stores the head as soon as that is safe. */
async function fill(facts: FillFacts): Promise<Fetched> {
  const { x, ticket, scope, response, part, head, apart } = facts
  const { core, site } = x
  const settings = site.fill
  const bodyFill = core.fills.open({
    head,
    origin: originOf(x, head),
    ticket,
    scope,
    settings,
    ranges: rangesOf(head, response),
  })
  // Held and begun before anything is awaited: a reader that comes meanwhile must find the fill and its run.
  const startByte = bodyFill.firstWholeSegment(part.startByte)
  const release = holdOpen(bodyFill, startByte)
  if (!head.joinable) {
    bodyFill.onComplete = (completeLength) => {
      const written = writeUnlessOutrun(x, ticket, { ...head, completeLength }, response.sentAtMs)
      scope.background(Promise.resolve(written))
    }
  }
  // Segments of a joinable body are right whoever has the others; of any other body, only all together.
  const writing = head.joinable
    ? writeUnlessOutrun(x, ticket, head, response.sentAtMs)
    : 'superseded'
  if (part.endByte === 0) {
    response.body.cancel('empty')
    bodyFill.onComplete?.(0)
  } else if (bodyFill.isComing(startByte) || bodyFill.view(startByte, part.endByte)) {
    // Another flight for the same bytes was first.
    response.body.cancel('already under way')
  } else bodyFill.adopt(response, part, isPromise(writing) ? writing : undefined)
  const written = await releasedIfFailed(writing, release)
  if (site.usesNoVarySearch) core.searchVariances.note(head, x.asked.target)
  const isStored = written === 'stored' || !head.joinable
  scope.record(isStored ? { kind: 'stored', status: head.status } : { kind: 'superseded' })
  return {
    kind: 'filling',
    head,
    fill: bodyFill,
    brought: { startByte, endByte: part.endByte },
    originAge: first(response.fields, 'age'),
    originStatus: response.status,
    isStored,
    ticket,
    release,
    apart,
  }
}

/** What a response says of whether more of its body may be asked for by range. */
function rangesOf(head: StoredResponse, { status, fields }: UpstreamResponse): RangeSupport {
  if (head.rangesIgnoredUntilMs !== undefined) return 'ignored'
  const accepted = first(fields, 'accept-ranges')?.toLowerCase()
  if (!head.joinable || accepted === 'none') return 'unknown'
  return status === 206 || accepted === 'bytes' ? 'taken' : 'unknown'
}

async function releasedIfFailed<T>(writing: Maybe<T>, release: () => void): Promise<T> {
  try {
    return await writing
  } catch (error) {
    release()
    throw error
  }
}

/**
 * Keeps a fill open, and what came of it from `position` on, until those who waited for its head have begun
 * to read.
 */
export function holdOpen(bodyFill: BodyFill, position: number): () => void {
  const cursor: Cursor = {
    position,
    endByte: Number.POSITIVE_INFINITY,
    hasBegun: false,
    cut: () => undefined,
  }
  bodyFill.attach(cursor)
  return () => bodyFill.detach(cursor)
}
