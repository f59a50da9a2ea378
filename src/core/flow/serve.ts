// The life of one request: all branching is here, on verdicts that others give.

import type { Answer } from '../entry/answer.ts'
import type { Asked } from '../entry/asked.ts'
import { asksModified, asksUnmodified } from '../entry/asked.ts'
import type { Maybe } from '../entry/byte-source.ts'
import type { Entry, Variant } from '../entry/stored-response.ts'
import type { ForwardReason } from '../http/cache-status.ts'
import { holdsUnmodified } from '../http/preconditions.ts'
import { decideReuse } from '../policy/reuse.ts'
import { decideStaleOnError } from '../policy/stale-on-error.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import { UpstreamError } from '../ports/upstream.ts'
import { collapse } from './collapse.ts'
import type { Collapsed } from './collapse.ts'
import type { Core, Exchange } from './exchange.ts'
import { selectVariant } from './lookup.ts'
import { answerFromFill, answerFromStore, isAllStored } from './answer-from.ts'
import type { StoreFacts } from './answer-from.ts'
import { answerWith, relay } from './relay.ts'
import { notStored, originFailed } from './refuse.ts'
import type { Site } from './site.ts'

export type Serve = (asked: Asked, site: Site, scope: RequestScope) => Maybe<Answer>

export function createServe(core: Core): Serve {
  /** A plain function: with everything at hand in memory there is nothing to wait for. */
  return function serve(asked, site, scope) {
    const x: Exchange = { core, asked, site, scope, nowMs: core.clock.nowMs() }
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
  const { asked, site, scope, nowMs } = x
  const variant = selectVariant(x, entry)
  if (variant === undefined) {
    scope.record({ kind: 'lookup', outcome: 'miss' })
    return serveMiss(x, entry)
  }
  const { head } = variant
  const reuse = decideReuse(head, asked.directives, nowMs, site.policy.minValidationIntervalMs)
  if (asksUnmodified(asked)) {
    const holds = holdsUnmodified(asked.preconditions, head.validators, nowMs)
    if (reuse.action !== 'serve' || !holds) return relayUnmodified(x)
  }
  switch (reuse.action) {
    case 'serve':
      scope.record({ kind: 'lookup', outcome: 'hit' })
      return fromStore(x, variant)
    case 'serve-and-revalidate':
      scope.record({ kind: 'lookup', outcome: 'stale' })
      scope.record({ kind: 'stale-served', because: 'revalidating' })
      scope.background(revalidateInBackground(x, variant, entry))
      return fromStore(x, variant)
    case 'revalidate':
      scope.record({ kind: 'lookup', outcome: 'stale' })
      return revalidate(x, variant, entry, reuse.because)
  }
}

function serveMiss(x: Exchange, entry: Entry | undefined): Maybe<Answer> {
  const { asked, nowMs } = x
  if (asked.directives.onlyIfCached) return notStored(x)
  const mark = entry?.mark
  const isMarked = mark !== undefined && mark.expiresAtMs > nowMs
  const hasVariants = entry !== undefined && entry.variants.length > 0
  const because = hasVariants ? 'vary-miss' : 'uri-miss'
  // Its answer may be for this client alone, or is a verdict on its own condition.
  const isAlone =
    isMarked || asked.hasCredentials || asked.directives.noStore || asksModified(asked)
  if (asked.method === 'HEAD' || asksUnmodified(asked) || (isAlone && asked.range !== undefined)) {
    return relay(x, because)
  }
  return fetchAnswer(x, { entry, because, isAlone })
}

interface Miss {
  readonly entry: Entry | undefined
  readonly because: ForwardReason
  readonly isAlone: boolean
}

async function fetchAnswer(x: Exchange, miss: Miss): Promise<Answer> {
  const { entry, because, isAlone } = miss
  x.scope.record({ kind: 'forward', because })
  const collapsed = await collapse(x, { entry, selected: undefined, isAlone })
  try {
    return await answerCollapsed(x, collapsed, because)
  } finally {
    collapsed.leave()
  }
}

/** What a flight brought, as an answer for one of those who waited for it. */
async function answerCollapsed(
  x: Exchange,
  { fetched, leads, isMatch }: Collapsed,
  because: ForwardReason,
): Promise<Answer> {
  switch (fetched.kind) {
    case 'filling':
      if (!isMatch) return await relay(x, because, 'other variant')
      return answerFromFill(x, fetched, { because, isCollapsed: !leads })
    case 'not-modified':
      // To the client's own condition: nothing is stored here, so it is the client's answer.
      if (leads && asksModified(x.asked)) return answerWith(x, fetched.response, forwarded(because))
      return await relay(x, because)
    case 'unshareable':
      if (leads && !isOfOurRange(x, fetched.response.status)) {
        return answerWith(x, fetched.response, forwarded(because))
      }
      if (leads) fetched.response.body.cancel('asking again for the exact range')
      return await relay(x, because)
    case 'freshened': {
      if (!isMatch) return await relay(x, because, 'other variant')
      const now = { ...x, nowMs: x.core.clock.nowMs() }
      const facts = { because, forwardStatus: 304, isCollapsed: !leads }
      return await fromStore(now, fetched.variant, facts)
    }
    case 'failed':
      if (leads) return answerWith(x, fetched.response, forwarded(because))
      return originFailed(x, fetched.response.status, because)
  }
}

/**
 * Whether an answer is to the range that we asked for, and perhaps not to the client's: a leader asks for
 * whole segments, of several ranges for the first, and without the client's If-Range.
 */
function isOfOurRange({ asked }: Exchange, status: number): boolean {
  if (status === 206) return true
  const isSimple = asked.preconditions.ifRange === undefined && asked.range?.length === 1
  return status === 416 && !isSimple
}

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
    const isOtherVersion =
      error instanceof UpstreamError && error.kind === 'http_response_incomplete'
    if (!isOtherVersion) throw error
    // The condition held for the version that is gone.
    if (asksUnmodified(asked)) return relayUnmodified(x)
    return fetchAnswer(x, { entry: undefined, because: 'stale', isAlone: asked.hasCredentials })
  })
}

/** If-Match or If-Unmodified-Since that we cannot judge: the origin's word, uncollapsed and unstored. */
async function relayUnmodified(x: Exchange): Promise<Answer> {
  const answer = await relay(x, 'request')
  if (answer.status === 412) await x.core.store.invalidate(x.asked.key, 'validate')
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
    const stale = await staleInstead(x, variant, error.kind)
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
  const selected = variant.head
  const collapsed = await collapse(x, { entry, selected, isAlone: x.asked.hasCredentials })
  try {
    const { fetched } = collapsed
    if (fetched.kind === 'failed') {
      const stale = await staleInstead(x, variant, String(fetched.response.status)).catch(
        () => undefined,
      )
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

/** Step 7 of a request: the origin cannot answer; may what is stored stand in (RFC 5861 §4)? */
async function staleInstead(
  x: Exchange,
  variant: Variant,
  detail: string,
): Promise<Answer | undefined> {
  const { asked, scope, core } = x
  const nowMs = core.clock.nowMs()
  const verdict = decideStaleOnError(variant.head, asked.directives, asked.hasCredentials, nowMs)
  if (!verdict.serve) return undefined
  scope.record({ kind: 'stale-served', because: 'error' })
  return await answerFromStore({ ...x, nowMs }, variant, { because: 'stale', detail })
}

async function revalidateInBackground(
  x: Exchange,
  variant: Variant,
  entry: Entry | undefined,
): Promise<void> {
  const collapsed = await collapse(x, { entry, selected: variant.head, isAlone: false }).catch(
    (error: unknown) => {
      // Told by the upstream already; the stale response has been served.
      if (!(error instanceof UpstreamError)) throw error
    },
  )
  if (collapsed === undefined) return
  const { fetched, leads } = collapsed
  if (leads && (fetched.kind === 'unshareable' || fetched.kind === 'failed')) {
    fetched.response.body.cancel('for the background only')
  }
  collapsed.leave()
}
