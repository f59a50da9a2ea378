// The life of one request: all branching is here, on verdicts that others give.

import type { Answer } from '../entry/answer.ts'
import type { Asked } from '../entry/asked.ts'
import { asksModified, asksUnmodified } from '../entry/asked.ts'
import type { Maybe } from '../entry/byte-source.ts'
import type { Entry, StoredResponse, Variant } from '../entry/stored-response.ts'
import { NO_DIRECTIVES } from '../http/cache-control.ts'
import type { ForwardReason } from '../http/cache-status.ts'
import { holdsUnmodified } from '../http/preconditions.ts'
import { decideReuse } from '../policy/reuse.ts'
import { decideStaleOnError } from '../policy/stale-on-error.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import { UpstreamError } from '../ports/upstream.ts'
import { within } from '../ports/within.ts'
import { letGo, revalidateInBackground } from './background.ts'
import { BodyGoneError } from './body-origin.ts'
import { collapse } from './collapse.ts'
import type { Collapsed } from './collapse.ts'
import type { Core, Exchange } from './exchange.ts'
import { forwarding } from './exchange.ts'
import type { Fetched, Filling } from './fetch-head.ts'
import { partedFields } from './head-of.ts'
import { selectVariant } from './lookup.ts'
import { answerFromFill, answerFromStore, isAllStored, isBrought, primed } from './answer-from.ts'
import type { StoreFacts } from './answer-from.ts'
import { answerWith, relay, unaskedNotModified } from './relay.ts'
import { notStored, originFailed } from './refuse.ts'
import { standsFor } from './search-variances.ts'
import { isOfOurRange, isReusable, mayShare } from './share.ts'
import type { Site } from './site.ts'

export type Serve = (asked: Asked, site: Site, scope: RequestScope) => Maybe<Answer>

export function createServe(core: Core): Serve {
  /** A plain function: with everything at hand in memory there is nothing to wait for. */
  return function serve(asked, site, scope) {
    const x: Exchange = {
      core,
      asked,
      site,
      scope,
      nowMs: core.clock.nowMs(),
      lastFlight: core.flights.lastNumber,
      againCount: 0,
    }
    if (asked.method !== 'GET' && asked.method !== 'HEAD') return relay(x, 'method')
    const entry = core.store.peek(asked.key)
    return entry === 'ask' ? serveSlowly(x) : serveEntry(x, entry)
  }
}

async function serveSlowly(x: Exchange): Promise<Answer> {
  x.scope.record({ kind: 'lookup', outcome: 'slow' })
  return await serveEntry(x, await x.core.store.read(x.asked.key))
}

function serveEntry(x: Exchange, entry: Entry | undefined): Maybe<Answer> {
  const { asked, site, scope, nowMs, core } = x
  const variant = selectVariant(x, entry)
  if (variant === undefined) {
    return site.usesNoVarySearch ? serveEquivalent(x, entry) : serveMiss(x, entry)
  }
  const { head } = variant
  if (site.usesNoVarySearch) core.searchVariances.note(head, asked.target)
  const reuse = decideReuse(head, asked.directives, nowMs, site.policy.minValidationIntervalMs)
  if (asksUnmodified(asked)) {
    const holds = holdsUnmodified(asked.preconditions, head.validators, nowMs)
    if (reuse.action !== 'serve' || !holds) {
      return asked.directives.onlyIfCached ? notStored(x) : relayUnmodified(x, holds)
    }
  }
  switch (reuse.action) {
    case 'serve':
      scope.record({ kind: 'lookup', outcome: 'hit' })
      return fromStore(x, variant)
    case 'serve-and-revalidate':
      scope.record({ kind: 'lookup', outcome: 'stale' })
      scope.record({ kind: 'stale-served', because: 'revalidating' })
      revalidateInBackground(x, variant, entry)
      return fromStore(x, variant)
    case 'revalidate':
      scope.record({ kind: 'lookup', outcome: 'stale' })
      return revalidate(x, variant, entry, reuse.because)
  }
}

/** As if the request had been for the target that stands for its own, if that is fresh. */
async function serveEquivalent(x: Exchange, entry: Entry | undefined): Promise<Answer> {
  const { asked, core } = x
  if (asksUnmodified(asked)) return await serveMiss(x, entry)
  for (const { key, target } of core.searchVariances.equivalents(asked.key, asked.target)) {
    const as = { ...x, asked: { ...asked, key, target } }
    const variant = selectVariant(as, await core.store.read(key))
    if (variant === undefined || !standsFor(variant.head, target, asked.target)) continue
    // What was invalidated under its own name is so under the other.
    const isCurrent = variant.logPosition >= core.store.ticket(asked.key).position
    if (!isCurrent || !isReusable(as, variant.head)) continue
    x.scope.record({ kind: 'lookup', outcome: 'hit' })
    return await fromStore(as, variant)
  }
  return await serveMiss(x, entry)
}

function serveMiss(x: Exchange, entry: Entry | undefined): Maybe<Answer> {
  const { asked } = x
  x.scope.record({ kind: 'lookup', outcome: 'miss' })
  if (asked.directives.onlyIfCached) return notStored(x)
  const hasVariants = entry?.variants.some(({ head }) => head.nominated.names.length > 0) === true
  const because = hasVariants ? 'vary-miss' : 'uri-miss'
  // Its answer may be for this client alone, or is a verdict on its own condition.
  const isAlone = goesAlone(x, entry) || asksModified(asked)
  if (isMarked(x, entry) && entry?.mark?.kind === 'mismatch') {
    return relay(x, because, 'digest mismatch')
  }
  if (asksUnmodified(asked) || (isAlone && asked.range !== undefined)) {
    return relay(x, because)
  }
  return fetchAnswer(x, { entry, because, isAlone })
}

/** Its answer may be for this client alone, as those of the key were, or the client wants it to be. */
function goesAlone(x: Exchange, entry: Entry | undefined): boolean {
  return isMarked(x, entry) || x.asked.hasCredentials || x.asked.directives.noStore
}

function isMarked({ nowMs }: Exchange, entry: Entry | undefined): boolean {
  const isUsed = entry?.variants.some(({ head }) => isFresh(head, nowMs)) === true
  return !isUsed && entry?.mark !== undefined && entry.mark.expiresAtMs > nowMs
}

/** Of a key with a fresh variant not all answers are for one client alone. */
function isFresh(head: StoredResponse, nowMs: number): boolean {
  return decideReuse(head, NO_DIRECTIVES, nowMs).action === 'serve'
}

interface Miss {
  readonly entry: Entry | undefined
  readonly because: ForwardReason
  readonly isAlone: boolean
}

async function fetchAnswer(x: Exchange, miss: Miss): Promise<Answer> {
  const { entry, because, isAlone } = miss
  x.scope.record({ kind: 'forward', because })
  const collapsed = await forwarding(because, () =>
    collapse(x, { entry, selected: undefined, isAlone, hasFallback: false }),
  )
  try {
    return await answerCollapsed(x, collapsed, because)
  } finally {
    collapsed.leave()
  }
}

/** What a flight brought, as an answer for one of those who waited for it. */
async function answerCollapsed(
  x: Exchange,
  collapsed: Collapsed,
  because: ForwardReason,
): Promise<Answer> {
  const { fetched, leads, isMatch } = collapsed
  switch (fetched.kind) {
    case 'filling':
      if (!isMatch) return await relayOther(x, collapsed, because)
      if (!mayShare(x, collapsed, fetched.head, fetched.ticket.logPosition))
        return await serveAgain(x, collapsed, because)
      return await answerOfFill(x, fetched, collapsed, because)
    case 'bodiless':
      return await answerBodiless(x, collapsed, fetched, because)
    case 'not-modified':
      // To the client's own condition: nothing is stored here, so it is the client's answer.
      if (leads && asksModified(x.asked)) return answerWith(x, fetched.response, forwarded(because))
      if (leads) throw unaskedNotModified(fetched.response)
      return await relay(x, because)
    case 'unshareable':
      if (leads && !isOfOurRange(x, fetched.response.status)) {
        return answerWith(x, fetched.response, forwarded(because))
      }
      if (leads) fetched.response.body.cancel('asking again for the exact range')
      return await relay(x, because)
    case 'freshened': {
      if (!isMatch) return await relayOther(x, collapsed, because)
      if (!mayShare(x, collapsed, fetched.variant.head, fetched.variant.logPosition))
        return await serveAgain(x, collapsed, because)
      const now = { ...x, nowMs: x.core.clock.nowMs() }
      const facts = {
        because,
        forwardStatus: fetched.originStatus,
        isCollapsed: !leads,
        apart: leads ? fetched.apart : [],
      }
      return await fromStore(now, fetched.variant, facts)
    }
    case 'failed':
      if (leads) return answerWith(x, fetched.response, forwarded(because))
      return originFailed(x, fetched.response.status, because)
  }
}

/** What it asked may be elsewhere in the body than what came: it answers when that has begun to come. */
async function answerOfFill(
  x: Exchange,
  fetched: Filling,
  collapsed: Collapsed,
  because: ForwardReason,
): Promise<Answer> {
  try {
    const { leads } = collapsed
    const answer = answerFromFill(x, fetched, { because, isCollapsed: !leads })
    if (leads && isBrought(answer, fetched.brought)) return answer
    // The reader is there: what is held for it would hold up the transfer that it now waits for.
    collapsed.leave()
    return await primed(answer)
  } catch (error) {
    if (error instanceof BodyGoneError) return await serveAgain(x, collapsed, because)
    const isDenied = error instanceof UpstreamError && error.kind === 'http_request_denied'
    if (!isDenied) throw error
    return await relay(x, because)
  }
}

/** The head alone, which who waited may share as he might use a stored one. */
async function answerBodiless(
  x: Exchange,
  collapsed: Collapsed,
  { response, shared, logPosition }: Extract<Fetched, { kind: 'bodiless' }>,
  because: ForwardReason,
): Promise<Answer> {
  const { leads, isMatch } = collapsed
  if (!leads) {
    if (shared === undefined || !isMatch) return await relay(x, because)
    if (!mayShare(x, collapsed, shared, logPosition)) return await serveAgain(x, collapsed, because)
  }
  // What a qualified directive keeps apart is for the one who asked.
  const given = leads ? response : { ...response, fields: partedFields(x, response.fields).fields }
  return answerWith(x, given, { ...forwarded(because), collapsed: !leads })
}

async function relayOther(
  x: Exchange,
  collapsed: Collapsed,
  because: ForwardReason,
): Promise<Answer> {
  collapsed.leave()
  return await relay(x, because, 'other variant')
}

/** Anew, together with the others who waited: the next flight begins after they all came. */
async function serveAgain(
  x: Exchange,
  collapsed: Collapsed,
  because: ForwardReason,
): Promise<Answer> {
  const { core, asked, againCount } = x
  // What is held for this request would hold up those who read.
  collapsed.leave()
  // What comes for others is of no use, again and again.
  if (againCount >= MAX_AGAIN_COUNT) return await relay(x, because, 'asked alone')
  const entry = await core.store.read(asked.key)
  return await serveEntry({ ...x, nowMs: core.clock.nowMs(), againCount: againCount + 1 }, entry)
}

/** The second flight begins after all who waited for the first. A third is for a purge, or a version, between. */
const MAX_AGAIN_COUNT = 4

function forwarded(because: ForwardReason) {
  return { hit: false, forward: because } as const
}

/** From the store; what of the body is not there is fetched, and a changed version begins anew. */
function fromStore(x: Exchange, variant: Variant, facts?: StoreFacts): Maybe<Answer> {
  const { asked } = x
  if (asked.directives.onlyIfCached && !isAllStored(x, variant)) return notStored(x)
  const answer = answerFromStore(x, variant, facts)
  if (!(answer instanceof Promise)) return answer
  return answer.catch((error: unknown) => {
    if (!(error instanceof UpstreamError)) throw error
    // The origin answers the rest otherwise: who asked is to see how.
    if (error.kind === 'http_request_denied') return relay(x, 'partial')
    if (!(error instanceof BodyGoneError)) throw error
    // The condition held for the version that is gone.
    if (asksUnmodified(asked)) return relayUnmodified(x, true)
    return fetchAnswer(x, { entry: undefined, because: 'stale', isAlone: asked.hasCredentials })
  })
}

/**
 * If-Match or If-Unmodified-Since that we cannot judge: the origin's word, uncollapsed and unstored.
 *
 * @param held Whether it held for what is stored, which then is not what the origin has.
 */
async function relayUnmodified(x: Exchange, held: boolean): Promise<Answer> {
  const answer = await relay(x, 'request')
  if (answer.status === 412 && held) await x.core.store.invalidate(x.asked.key, 'validate')
  return answer
}

async function revalidate(
  x: Exchange,
  variant: Variant,
  entry: Entry | undefined,
  because: 'request' | 'stale',
): Promise<Answer> {
  if (x.asked.directives.onlyIfCached) return notStored(x)
  x.scope.record({ kind: 'forward', because })
  try {
    return await validated(x, variant, entry, because)
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    error.forward ??= because
    const stale = await staleInstead(x, variant, { because, detail: error.kind })
    if (stale === undefined) throw error
    return stale
  }
}

async function validated(
  x: Exchange,
  variant: Variant,
  entry: Entry | undefined,
  because: 'request' | 'stale',
): Promise<Answer> {
  const hasFallback = mayStandIn(x, variant, x.nowMs)
  const mayBeLate = hasFallback && because === 'stale'
  if (mayBeLate && x.core.flights.isResting(slowKey(x), x.nowMs)) {
    const stale = await slowInstead(x, variant)
    if (stale !== undefined) return stale
  }
  const isAlone = goesAlone(x, entry)
  const collapsing = collapse(x, { entry, selected: variant.head, isAlone, hasFallback })
  const late = mayBeLate ? await staleIfLate(x, variant, collapsing) : undefined
  return late ?? (await answerValidated(x, variant, await collapsing, because))
}

async function answerValidated(
  x: Exchange,
  variant: Variant,
  collapsed: Collapsed,
  because: 'request' | 'stale',
): Promise<Answer> {
  try {
    const { fetched } = collapsed
    if (fetched.kind === 'failed') {
      const { status } = fetched.response
      const facts = { because, forwardStatus: status, detail: String(status) }
      const stale = await staleInstead(x, variant, facts).catch(() => undefined)
      if (stale !== undefined) {
        if (collapsed.leads) fetched.response.body.cancel('stale is served instead')
        return stale
      }
    }
    return await answerCollapsed(x, collapsed, because)
  } finally {
    collapsed.leave()
  }
}

/** A key rests after its origin was too slow to validate it. */
const SLOW_REST_MS = 2000

/** The validation goes on; until it has had time for that, nobody else waits for it. */
async function staleIfLate(
  x: Exchange,
  variant: Variant,
  collapsing: Promise<Collapsed>,
): Promise<Answer | undefined> {
  const { core, scope, site } = x
  const isInTime = await within(collapsing, site.policy.staleAfterMs, core.clock)
  const stale = isInTime === undefined ? await slowInstead(x, variant) : undefined
  if (stale === undefined) return undefined
  core.flights.rest(slowKey(x), core.clock.nowMs() + SLOW_REST_MS)
  scope.background(letGo(collapsing))
  return stale
}

/** What rests for being slow is still validated behind a stale answer. */
function slowKey({ asked }: Exchange): string {
  return `slow ${asked.key}`
}

function slowInstead(x: Exchange, variant: Variant): Promise<Answer | undefined> {
  return staleInstead(x, variant, { because: 'stale', detail: 'slow' })
}

/** Step 7 of a request: the origin cannot answer; may what is stored stand in (RFC 5861 §4)? */
async function staleInstead(
  x: Exchange,
  variant: Variant,
  facts: StoreFacts,
): Promise<Answer | undefined> {
  const { scope, core } = x
  const nowMs = core.clock.nowMs()
  if (!mayStandIn(x, variant, nowMs)) return undefined
  scope.record({ kind: 'stale-served', because: 'error' })
  return await answerFromStore({ ...x, nowMs }, variant, facts)
}

/** Half a body would only break off later. */
function mayStandIn(x: Exchange, variant: Variant, nowMs: number): boolean {
  const { directives, hasCredentials } = x.asked
  const verdict = decideStaleOnError(variant.head, directives, hasCredentials, nowMs)
  return verdict.serve && isAllStored(x, variant)
}
