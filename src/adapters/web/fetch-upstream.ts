// An HTTP origin over the platform's own `fetch`: what Workers have in place of sockets.

import type { Clock } from '#core/ports/clock.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Fields } from '#core/entry/fields.ts'
import { admitFields, first, has } from '#core/entry/fields.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import type { Upstream, UpstreamRequest, UpstreamResponse } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import { abortReason, isDelimited, protocolError } from '#core/ports/upstream-response.ts'
import { FetchedBody } from './fetched-body.ts'
import { toFetchFailure } from './fetch-error.ts'

export interface FetchUpstreamOptions {
  /** Scheme, host, port and, as its path, the prefix put before each target. */
  readonly origin: URL
  readonly clock: Clock
}

/**
 * Fetches from one origin. What is lost against a socket of our own:
 *
 * - The target goes through the URL parser: `"`, `<`, `>`, `` ` ``, `^`, `{` and `}` are percent-encoded in a
 *   path, `"`, `'`, `<` and `>` in a query; `|`, `%zz` and `%2e` within a segment stay. Dot segments would be
 *   resolved: the core refuses them at the door, and here they are refused again.
 * - Host is the URL's; `authority` cannot be sent, so a site that wants the client's Host is not for Workers.
 * - Lines of one name come as one combined value, in alphabetical order (`Set-Cookie` stays apart), interim
 *   responses and hop-by-hop details do not come at all.
 * - Without Content-Length or Transfer-Encoding (HTTP/2 needs neither) a body counts as not delimited.
 *
 * Content codings are left as they are where the runtime knows `encodeResponseBody` (workerd); elsewhere `fetch`
 * decodes, so an origin must not be asked for any. Without an Accept-Encoding in the request, identity is asked for.
 */
export function createFetchUpstream({ origin, clock }: FetchUpstreamOptions): Upstream {
  const prefix = origin.pathname.replace(/\/$/, '')
  const address = origin.origin
  return {
    async fetch(request, scope) {
      if (scope.signal.aborted) throw abortReason(scope.signal)
      const abort = new AbortController()
      const onAbort = () => abort.abort(abortReason(scope.signal))
      scope.signal.addEventListener('abort', onAbort)
      const sentAtMs = clock.nowMs()
      const beganAtMs = clock.monotonicMs()
      const elapsedMs = () => clock.monotonicMs() - beganAtMs
      try {
        const url = urlOf(origin, prefix, request.target)
        const response = await fetch(url, initOf(request, scope, abort.signal))
        const facts = { address, sentAtMs, receivedAtMs: clock.nowMs() }
        const taken = take(response, request.method, scope, facts)
        const { status } = response
        scope.record({ kind: 'fetch', address, status, durationMs: elapsedMs() })
        return taken
      } catch (error) {
        const failure = scope.signal.aborted
          ? abortReason(scope.signal)
          : toFetchFailure(error, { address, hadHead: false })
        if (failure instanceof UpstreamError) {
          scope.record({ kind: 'fetch-failed', error: failure.kind, durationMs: elapsedMs() })
        }
        throw failure
      } finally {
        // A body is ended by its reader, not by the scope it began in.
        scope.signal.removeEventListener('abort', onAbort)
      }
    },
  }
}

interface HeadFacts {
  readonly address: string
  readonly sentAtMs: number
  readonly receivedAtMs: number
}

function take(
  { status, headers, body: stream }: Response,
  method: string,
  scope: RequestScope,
  { address, sentAtMs, receivedAtMs }: HeadFacts,
): UpstreamResponse {
  const body = new FetchedBody(stream, (error) => toFetchFailure(error, { address, hadHead: true }))
  try {
    const fields = fieldsOf(headers, scope)
    checkHead(status, fields)
    return {
      status,
      fields,
      sentAtMs,
      receivedAtMs,
      from: { kind: 'origin', address },
      isDelimited: isDelimited(method, status, fields),
      body,
      settled: body.settled,
    }
  } catch (error) {
    body.cancel(error)
    throw error
  }
}

/** A request as the platforms take it; each ignores what the others know. */
interface PlainInit extends RequestInit {
  readonly duplex?: 'half'
  /** Workers: bytes as they came, whatever Content-Encoding says. */
  encodeResponseBody?: 'manual'
}

function initOf(request: UpstreamRequest, scope: RequestScope, signal: AbortSignal): PlainInit {
  const { method, fields, body } = request
  const headers = new Headers()
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i] ?? '', fields[i + 1] ?? '')
  // Left out, a runtime would ask for codings of its own choice.
  if (!has(fields, 'accept-encoding')) headers.set('accept-encoding', 'identity')
  if (request.bodyBytes !== undefined) headers.set('content-length', String(request.bodyBytes))
  return {
    method,
    headers,
    redirect: 'manual',
    // This is the cache; one below would answer with what we could not tell from the origin's word.
    cache: 'no-store',
    encodeResponseBody: 'manual',
    signal,
    ...(body !== undefined && { body: streamOf(body, scope), duplex: 'half' }),
  }
}

function streamOf(source: ByteSource, scope: RequestScope): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = scope.signal.aborted ? undefined : await source.read()
        if (chunk === undefined) controller.close()
        else controller.enqueue(chunk.slice())
      },
      cancel: (why) => source.cancel(why),
    },
    { highWaterMark: 0 },
  )
}

const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?=\/|$)/i

/** Only ever below the origin's prefix: anything else would name another resource than the key does. */
function urlOf(origin: URL, prefix: string, target: string): URL {
  const [path = ''] = target.split('?', 1)
  if (!target.startsWith('/') || DOT_SEGMENT.test(path) || /[\\#]/.test(path)) {
    const message = `Cannot ask "${origin.origin}" for "${target}": a URL would change it`
    throw new UpstreamError('http_protocol_error', message, { retryable: false })
  }
  return new URL(origin.origin + prefix + target)
}

function fieldsOf(headers: Headers, scope: RequestScope): Fields {
  const lines: string[] = []
  for (const [name, value] of headers) if (name !== 'set-cookie') lines.push(name, value)
  for (const cookie of headers.getSetCookie()) lines.push('set-cookie', cookie)
  return admitFields(lines, (name) => scope.record({ kind: 'field-dropped', name }))
}

/** What a runtime lets by and a cache must not (RFC 9112 §6.1). */
function checkHead(status: number, fields: Fields): void {
  if (status < 200 || status > 599) throw protocolError(`status ${status}`)
  const coding = first(fields, 'transfer-encoding')
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw protocolError('unknown transfer coding')
  }
  const contentLength = first(fields, 'content-length')
  if (contentLength === undefined) return
  if (coding !== undefined) throw protocolError('two framings')
  if (!/^[0-9]+$/.test(contentLength) || !Number.isSafeInteger(Number(contentLength))) {
    throw protocolError('impossible length')
  }
}
