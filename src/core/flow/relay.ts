// Passes a request on as it came, and its answer back, without keeping anything.

import type { Answer } from '../entry/answer.ts'
import { NO_BODY } from '../entry/answer.ts'
import type { ByteSource } from '../entry/byte-source.ts'
import { isPromise } from '../entry/byte-source.ts'
import type { CacheKey } from '../entry/cache-key.ts'
import type { Fields } from '../entry/fields.ts'
import { all, first, without } from '../entry/fields.ts'
import type { CacheStatus, ForwardReason } from '../http/cache-status.ts'
import { normaliseHost } from '../http/target.ts'
import { decideInvalidation } from '../policy/invalidation.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import type { Exchange } from './exchange.ts'
import { authoritySent, originFields } from './exchange.ts'
import { credentials, receive } from './fetch-head.ts'
import { keyFor } from './read-request.ts'
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
  scope.record({ kind: 'forward', because })
  const response = receive(
    x,
    await site.upstream.fetch(
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
  if (decideInvalidation(asked.method, response.status)) {
    for (const key of changedKeys(x, response.fields)) await core.store.invalidate(key, 'validate')
  }
  return answerWith(x, response, { hit: false, forward: because, ...(detail && { detail }) })
}

/** The target, and what the answer names at the same origin: it may have changed too (RFC 9111 §4.4). */
function changedKeys({ asked, site }: Exchange, fields: Fields): ReadonlySet<CacheKey> {
  const keys = new Set([asked.key])
  for (const name of ['location', 'content-location']) {
    const value = first(fields, name)
    const url =
      value === undefined ? null : URL.parse(value, `http://${asked.authority}${asked.target}`)
    if (url === null || normaliseHost(url.host, DEFAULT_PORT) !== asked.authority) continue
    keys.add(keyFor(site, asked.authority, url.pathname + url.search))
  }
  return keys
}

/** Of the scheme in which the references above are resolved. */
const DEFAULT_PORT = 80

function relayedFields(x: Exchange): Fields {
  const { fields, body } = x.asked
  const names = new Set(body === undefined ? RELAYED : [...RELAYED, ...OF_BODY])
  const relayed = [...without(originFields(x), names), ...credentials(x)]
  for (const name of names) for (const value of all(fields, name)) relayed.push(name, value)
  return relayed
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
