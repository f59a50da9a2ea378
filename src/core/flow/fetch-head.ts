// Asks the origin for a head and says what came: a body that fills, a 304, or what is not for storing.

import type { Fields } from '../entry/fields.ts'
import { combined, endToEnd, first, has, replaced, without } from '../entry/fields.ts'
import { bodyIdOf, randomBodyId } from '../entry/body-id.ts'
import type { Maybe } from '../entry/byte-source.ts'
import { isPromise } from '../entry/byte-source.ts'
import type { Nominated, StoredResponse, Variant } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import { parseContentRange } from '../http/byte-range.ts'
import { formatHttpDate } from '../http/http-date.ts'
import { pathOf } from '../http/target.ts'
import { nominate, forwardedFields } from '../policy/forwarding.ts'
import type { FreshnessVerdict } from '../policy/freshness.ts'
import type { OriginRange } from '../policy/origin-range.ts'
import { WHOLE, formatOriginRange } from '../policy/origin-range.ts'
import { checkPartial } from '../policy/partial.ts'
import { isFailedStatus } from '../policy/stale-on-error.ts'
import type { Storable } from '../policy/storable.ts'
import { decideStorable, isRequestsOwnReason } from '../policy/storable.ts'
import { strongValidatorOf, validatorsOf } from '../policy/validation.ts'
import type { FillScope, RequestScope } from '../ports/request-scope.ts'
import type { WriteTicket } from '../ports/store.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { BodyFill, Cursor } from './body-fill.ts'
import type { Exchange } from './exchange.ts'
import { authoritySent, originFields, originOf } from './exchange.ts'

/** What the origin said to a request for a head. */
export type Fetched =
  /** A head that may be shared, and its body, which is coming. */
  | {
      readonly kind: 'filling'
      readonly head: StoredResponse
      readonly fill: BodyFill
      /** The origin's own Age, which a first answer passes on as it is. */
      readonly originAge: string | undefined
      readonly originStatus: number
      /** Whether it is in the store, or will be at its end. */
      readonly isStored: boolean
      /** Under which it was fetched: what the key's newer ticket differs from is no longer for new readers. */
      readonly ticket: WriteTicket
      /** Ends the hold that keeps the fill open until its first readers are there. */
      release(): void
    }
  | { readonly kind: 'not-modified'; readonly response: UpstreamResponse }
  /** A 304 to our own condition, laid over what was stored. */
  | {
      readonly kind: 'freshened'
      readonly variant: Variant
      /** Whether those who waited may have it too. */
      readonly isShared: boolean
    }
  /** For the one who asked: nobody else may have it. */
  | { readonly kind: 'unshareable'; readonly response: UpstreamResponse }
  /** The origin answered, and said that it cannot. */
  | { readonly kind: 'failed'; readonly response: UpstreamResponse }

export type Filling = Extract<Fetched, { kind: 'filling' }>

export interface HeadPlan {
  /** If-None-Match and its kin: ours, or the client's where nothing is stored. */
  readonly conditional: Fields
  readonly range: OriginRange
  /** Whether a 5xx that is explicitly fresh may be stored: never in place of something better. */
  readonly mayStoreFailure: boolean
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
      method: 'GET',
      target: asked.target,
      authority: authoritySent(x),
      key: asked.key,
      fields: [...originFields(x), ...credentials(x), ...plan.conditional, ...rangeFields],
      body: undefined,
    },
    scope,
  )
  return receive(x, response)
}

/** Authorization of the client, where the site passes it on. */
export function credentials(x: Exchange): Fields {
  const authorization = first(x.asked.fields, 'authorization')
  return x.site.forward.sendsAuthorization && authorization !== undefined
    ? ['authorization', authorization]
    : []
}

/** A response as the policies see it: end-to-end fields, a Date, and what the site's hook and rules say. */
export function receive(x: Exchange, response: UpstreamResponse): UpstreamResponse {
  const { site, asked } = x
  let fields = endToEnd(response.fields)
  // A cache with a clock gives a Date to what has none (RFC 9110 §6.6.1).
  if (!has(fields, 'date')) fields = [...fields, 'date', formatHttpDate(response.receivedAtMs)]
  if (site.policy.ignoresSetCookie) fields = without(fields, new Set(['set-cookie']))
  for (const rule of site.responseRules) {
    if (rule.pathPrefix !== undefined && !pathOf(asked.target).startsWith(rule.pathPrefix)) continue
    fields = without(fields, rule.drop)
    for (let i = 0; i < rule.set.length; i += 2) {
      fields = replaced(fields, rule.set[i] ?? '', rule.set[i + 1])
    }
  }
  fields = site.hooks.response?.(fields, response.status, asked.target) ?? fields
  return { ...response, fields }
}

async function interpret(
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
  const storable = decideStorable(
    { ...response, asked: x.asked, status: status === 206 ? 200 : status },
    x.site.policy,
  )
  if (isFailed && !isWorthKeeping(storable)) return { kind: 'failed', response }
  if (!storable.storable) {
    scope.record({ kind: 'not-stored', because: storable.because })
    if (status < 400 && !isRequestsOwnReason(storable.because)) await mark(x, ticket)
    return { kind: 'unshareable', response }
  }
  const head = await headOf(x, response, part, storable.freshness, ticket)
  // Parts of a body without a strong validator can never be put together.
  if (status === 206 && !head.joinable) return { kind: 'unshareable', response }
  return await fill({ x, ticket, scope, response, part, head })
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

/** Which bytes of the representation the response carries. */
function partOf(response: UpstreamResponse, range: OriginRange): Part {
  if (response.status === 206) {
    const partial = checkPartial(response.fields, range)
    if (partial.kind === 'wrong') {
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

/** Fields that each answer gets anew. */
const PER_ANSWER: ReadonlySet<string> = new Set(['age', 'content-length'])
/** Of a part also which part it is, which is not said of the whole that is stored. */
const PER_PART: ReadonlySet<string> = new Set([...PER_ANSWER, 'content-range'])

async function headOf(
  x: Exchange,
  response: UpstreamResponse,
  part: Part,
  freshness: FreshnessVerdict,
  ticket: WriteTicket,
): Promise<StoredResponse> {
  const { asked, site } = x
  const { isExplicit: _, ...times } = freshness
  const fields = without(response.fields, response.status === 206 ? PER_PART : PER_ANSWER)
  const validators = validatorsOf(fields, response.receivedAtMs)
  const validator = strongValidatorOf(validators)
  const { completeLength } = part
  const nominated = nominate(fields, forwardedFields(asked.fields, site.forward))
  const isJoinable =
    validator !== undefined && completeLength !== undefined && response.status <= 206
  const body = isJoinable
    ? await bodyIdOf({
        key: asked.key,
        // An entity tag tells variants apart, a date does not: all may be of the same second.
        validator: validators.etag === undefined ? varying(validator, nominated) : validator,
        codings: combined(fields, 'content-encoding') ?? '',
        completeLength,
        generation: ticket.generation,
      })
    : randomBodyId()
  return {
    ...times,
    key: asked.key,
    nominated,
    status: response.status === 206 ? 200 : response.status,
    fields,
    validators,
    body,
    joinable: isJoinable,
    segmentBytes: site.segmentBytes,
    completeLength,
    validatedAtMs: response.receivedAtMs,
    invalidated: false,
  }
}

function varying(validator: string, { names, values }: Nominated): string {
  return names.length === 0 ? validator : `${validator} ${JSON.stringify([names, values])}`
}

interface FillFacts {
  readonly x: Exchange
  readonly ticket: WriteTicket
  readonly scope: FillScope
  readonly response: UpstreamResponse
  readonly part: Part
  readonly head: StoredResponse
}

/** Begins the body's fill with this response, and stores the head as soon as that is safe. */
async function fill(facts: FillFacts): Promise<Fetched> {
  const { x, ticket, scope, response, part, head } = facts
  const { core, site } = x
  const takesRanges =
    response.status === 206 || first(response.fields, 'accept-ranges')?.toLowerCase() === 'bytes'
  const mayResume = head.joinable && takesRanges
  const settings = site.fill
  const bodyFill = core.fills.open({
    head,
    origin: originOf(x),
    ticket,
    scope,
    settings,
    mayResume,
  })
  // Held and begun before anything is awaited: a reader that comes meanwhile must find the fill and its run.
  const startByte = bodyFill.firstWholeSegment(part.startByte)
  const release = holdOpen(bodyFill, startByte)
  if (!head.joinable) {
    bodyFill.onComplete = (completeLength) =>
      scope.background(Promise.resolve(core.store.writeHead(ticket, { ...head, completeLength })))
  }
  // Segments of a joinable body are right whoever has the others; of any other body, only all together.
  const writing = head.joinable ? core.store.writeHead(ticket, head) : 'superseded'
  if (part.endByte === 0) {
    response.body.cancel('empty')
    bodyFill.onComplete?.(0)
  } else if (bodyFill.isComing(startByte) || bodyFill.view(startByte, part.endByte)) {
    // Another flight for the same bytes was first.
    response.body.cancel('already under way')
  } else bodyFill.adopt(response, part, isPromise(writing) ? writing : undefined)
  const written = await releasedIfFailed(writing, release)
  const isStored = written === 'stored' || !head.joinable
  scope.record(isStored ? { kind: 'stored', status: head.status } : { kind: 'superseded' })
  return {
    kind: 'filling',
    head,
    fill: bodyFill,
    originAge: first(response.fields, 'age'),
    originStatus: response.status,
    isStored,
    ticket,
    release,
  }
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
  const cursor: Cursor = { position, endByte: Number.POSITIVE_INFINITY, cut: () => undefined }
  bodyFill.attach(cursor)
  return () => bodyFill.detach(cursor)
}
