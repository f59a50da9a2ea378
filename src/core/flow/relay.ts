// Passes a request on as it came, and its answer back, without keeping anything.

import type { Answer } from '../entry/answer.ts'
import { NO_BODY } from '../entry/answer.ts'
import type { Asked } from '../entry/asked.ts'
import { asksModified } from '../entry/asked.ts'
import type { ByteSource } from '../entry/byte-source.ts'
import { isPromise } from '../entry/byte-source.ts'
import type { CacheKey } from '../entry/cache-key.ts'
import type { Fields } from '../entry/fields.ts'
import { all, combined, first, has, without } from '../entry/fields.ts'
import type { InvalidationScope } from '../entry/invalidation-scope.ts'
import type { CacheStatus, ForwardReason } from '../http/cache-status.ts'
import { parseContentRange } from '../http/byte-range.ts'
import { DEFAULT_PORTS, normaliseHost } from '../http/target.ts'
import { decideInvalidation, groupsOf } from '../policy/invalidation.ts'
import { WHOLE } from '../policy/origin-range.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { Exchange } from './exchange.ts'
import { authoritySent, credentials, forwarding, originFields } from './exchange.ts'
import { answerFromFill } from './answer-from.ts'
import type { HeadPlan } from './fetch-head.ts'
import { interpret } from './fetch-head.ts'
import { receive } from './receive.ts'
import { authorityKeyed, keyFor } from './read-request.ts'
import { withCacheStatus } from './respond.ts'

/** Conditions and ranges are the client's own business in a relayed request. */
const RELAYED = [
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
]
/** Without these a request body means nothing. */
const OF_BODY = ['content-type', 'content-encoding', 'content-language']

export async function relay(x: Exchange, because: ForwardReason, detail?: string): Promise<Answer> {
  const { asked, site, core, scope } = x
  if (isLastHop(asked)) return ownOptions(x)
  scope.record({ kind: 'forward', because })
  const before = core.store.ticket(asked.key)
  const sent = await forwarding(because, () =>
    site.upstream.fetch(
      {
        method: asked.method,
        target: asked.target,
        authority: authoritySent(x),
        key: asked.key,
        fields: relayedFields(x),
        body: asked.body,
        bodyBytes: asked.bodyBytes,
      },
      scope,
    ),
  )
  const response = receive(x, sent)
  if (response.status === 304 && !asksModified(asked)) throw unaskedNotModified(response)
  if (response.status === 206) refuseWrongPart(asked, response)
  if (decideInvalidation(asked.method, response.status)) {
    const isCurrent = core.store.ticket(asked.key).position === before.position
    await invalidateChanged(x, response.fields)
    if (asked.method === 'POST' && response.status === 200 && isCurrent)
      return await answerOfPost(x, response, because)
  }
  return answerWith(x, response, { hit: false, forward: because, ...(detail && { detail }) })
}

/** Who has nothing can do nothing with it (RFC 9110 §15.4.5). */
export function unaskedNotModified(response: UpstreamResponse): UpstreamError {
  response.body.cancel('not asked for')
  const message = 'Cannot take response: 304 to a request without condition'
  return new UpstreamError('http_protocol_error', message, { retryable: false })
}

/** What a client would take for everything, or for more bytes than there are in it (RFC 9110 §14.4, §15.3.7). */
function refuseWrongPart(asked: Asked, response: UpstreamResponse): void {
  const { fields, body } = response
  const span = parseContentRange(combined(fields, 'content-range') ?? '')?.span
  const length = first(fields, 'content-length')
  const isUnasked = !has(asked.fields, 'range')
  const isFitting =
    span === undefined || length === undefined || Number(length) === span.endByte - span.startByte
  if (!isUnasked && isFitting) return
  body.cancel('not the part it says')
  const because = isUnasked ? 'no Range was sent' : 'Content-Length does not fit Content-Range'
  throw new UpstreamError('http_protocol_error', `Cannot take 206: ${because}`, {
    retryable: false,
  })
}

const OF_POST: HeadPlan = {
  method: 'GET',
  conditional: [],
  range: WHOLE,
  mayStoreFailure: false,
  hasFallback: false,
}

/** What a POST gives may be what a GET would give from now on (RFC 9110 §9.3.3). */
async function answerOfPost(
  x: Exchange,
  response: UpstreamResponse,
  because: ForwardReason,
): Promise<Answer> {
  const { core, asked, scope, site } = x
  if (!site.policy.storesPost) return answerWith(x, response, { hit: false, forward: because })
  const ticket = core.store.ticket(asked.key)
  const fetched = await interpret(x, OF_POST, ticket, core.fillScopes(scope), response)
  if (fetched.kind !== 'filling') {
    return answerWith(x, response, { hit: false, forward: because })
  }
  try {
    return answerFromFill(x, fetched, { because, isCollapsed: false })
  } finally {
    fetched.release()
  }
}

/**
 * The target and what the answer names at the same origin may have changed (RFC 9111 §4.4), and with them the
 * groups they are in, and those that it names (RFC 9875 §2.2.1, §3).
 */
async function invalidateChanged(x: Exchange, fields: Fields): Promise<void> {
  const { asked, site, core } = x
  const scopes = new Set<InvalidationScope>(
    groupsOf(fields, 'cache-group-invalidation', site.name, authorityKeyed(site, asked.authority)),
  )
  for (const key of changedKeys(x, fields)) {
    scopes.add(key)
    const entry = await core.store.read(key)
    for (const { head } of entry?.variants ?? []) for (const group of head.groups) scopes.add(group)
  }
  for (const changed of scopes) await core.store.invalidate(changed, 'validate')
}

/** The target, and what the answer names at the same origin; each with what stands for it. */
function changedKeys({ asked, site, core }: Exchange, fields: Fields): ReadonlySet<CacheKey> {
  const { scheme } = asked
  const changed = [{ key: asked.key, target: asked.target }]
  for (const name of ['location', 'content-location']) {
    const value = first(fields, name)
    const url =
      value === undefined ? null : URL.parse(value, `${scheme}://${asked.authority}${asked.target}`)
    if (url?.protocol !== `${scheme}:`) continue
    if (normaliseHost(url.host, DEFAULT_PORTS[scheme]) !== asked.authority) continue
    changed.push(keyFor(site, asked.authority, url.pathname + url.search))
  }
  const others = changed.flatMap(({ key, target }) => core.searchVariances.equivalents(key, target))
  return new Set([...changed, ...others].map(({ key }) => key))
}

function relayedFields(x: Exchange): Fields {
  const { fields, body } = x.asked
  const names = new Set(body === undefined ? RELAYED : [...RELAYED, ...OF_BODY])
  const relayed = [...without(originFields(x), names), ...credentials(x)]
  for (const name of names) for (const value of all(fields, name)) relayed.push(name, value)
  const maxForwards = maxForwardsOf(x.asked)
  if (maxForwards !== undefined) relayed.push(MAX_FORWARDS, String(maxForwards - 1))
  return relayed
}

const MAX_FORWARDS = 'max-forwards'
/** More hops than there are between any two. */
const MOST_FORWARDS = 1_000_000

/** How often an OPTIONS may still be forwarded (RFC 9110 §7.6.2). */
function maxForwardsOf({ method, fields }: Asked): number | undefined {
  const value = method === 'OPTIONS' ? first(fields, MAX_FORWARDS) : undefined
  return value !== undefined && /^[0-9]+$/.test(value)
    ? Math.min(Number(value), MOST_FORWARDS)
    : undefined
}

function isLastHop(asked: Asked): boolean {
  return maxForwardsOf(asked) === 0
}

/** The final recipient of an OPTIONS answers it (RFC 9110 §7.6.2, §9.3.7). */
function ownOptions(x: Exchange): Answer {
  const fields = ['allow', 'GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE']
  return {
    status: 200,
    fields: withCacheStatus(x, fields, { hit: false, detail: 'max-forwards' }),
    body: NO_BODY,
    contentLength: 0,
  }
}

const FRAMING: ReadonlySet<string> = new Set(['content-length'])

/** The origin's response as the answer, with nothing changed but what a proxy must. */
export function answerWith(x: Exchange, response: UpstreamResponse, status: CacheStatus): Answer {
  const fields = withCacheStatus(x, without(response.fields, FRAMING), status)
  const contentLength = first(response.fields, 'content-length')
  const hasNoContent =
    x.asked.method === 'HEAD' || response.status === 204 || response.status === 304
  if (hasNoContent) response.body.cancel('no content')
  return {
    status: response.status,
    fields,
    body: hasNoContent ? NO_BODY : { kind: 'source', source: counted(response.body, x) },
    contentLength:
      contentLength === undefined || response.status === 204 || response.status === 304
        ? undefined
        : Number(contentLength),
    // A cut cannot be told from the end; a last chunk of ours would say that this was all.
    ...(response.isDelimited || hasNoContent ? {} : { closes: true }),
  }
}

/** Tells of the bytes once, when no more are read. */
function counted(inner: ByteSource, { scope }: Exchange): ByteSource {
  let bytes = 0
  function end(): void {
    if (bytes > 0) scope.record({ kind: 'origin-bytes', bytes })
    bytes = 0
  }
  function count(chunk: Uint8Array | undefined): Uint8Array | undefined {
    if (chunk === undefined) end()
    else bytes += chunk.byteLength
    return chunk
  }
  return {
    read() {
      const chunk = inner.read()
      return isPromise(chunk) ? chunk.then(count) : count(chunk)
    },
    cancel(why) {
      end()
      inner.cancel(why)
    },
  }
}
