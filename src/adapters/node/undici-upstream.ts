// An HTTP origin over undici: pooled keep-alive HTTP/1.1, bodies never decoded.

import { Readable } from 'node:stream'
import type { LookupFunction } from 'node:net'

import { Pool, buildConnector } from 'undici'
import type { Dispatcher } from 'undici'

import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { Upstream, UpstreamRequest } from '#core/ports/upstream.ts'
import { filterResponses } from './response-filter.ts'
import type { ResponseLimits } from './undici-response.ts'
import { UndiciExchange } from './undici-response.ts'

export interface UndiciUpstreamOptions {
  /** Scheme, host, port and, as its path, the prefix put before each target. */
  readonly origin: URL
  readonly clock: Clock
  readonly lookup: LookupFunction
  readonly connectTimeoutMs: number
  /** How long an idle connection is kept for the next request. */
  readonly keepAliveMs: number
  readonly maxConnectionCount: number
  /** Size of a response head. */
  readonly maxHeadBytes: number
  readonly limits: ResponseLimits
}

export interface UndiciUpstream extends Upstream {
  /** Ends the connections; running transfers with them. */
  close(): Promise<void>
}

export function createUndiciUpstream(options: UndiciUpstreamOptions): UndiciUpstream {
  const { origin, clock, connectTimeoutMs, keepAliveMs, maxConnectionCount } = options
  const sockets: Sockets = { reused: new WeakSet(), endingError: undefined }
  const prefix = origin.pathname.replace(/\/$/, '')
  const pool = new Pool(origin.origin, {
    // One transfer a connection: HTTP/2 would put all of them on one, behind one window.
    allowH2: false,
    pipelining: 1,
    connections: maxConnectionCount,
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: options.maxHeadBytes,
    // Both are coarse; the deadline around this upstream keeps the time.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: telling(
      buildConnector({ lookup: options.lookup, timeout: connectTimeoutMs, allowH2: false }),
      sockets,
    ),
  })
  return {
    fetch(request, scope) {
      const exchange = new UndiciExchange({
        request,
        scope,
        clock,
        address: origin.origin,
        limits: options.limits,
        wasReused: (error) => isReused(error, sockets.reused),
        endingError: () => sockets.endingError,
      })
      try {
        pool.dispatch(dispatchOptions(request, prefix), exchange)
      } catch (error) {
        exchange.onResponseError(undefined, error instanceof Error ? error : new Error('Unknown'))
      }
      return exchange.head
    },
    close: () => pool.destroy(),
  }
}

function dispatchOptions(request: UpstreamRequest, prefix: string): Dispatcher.DispatchOptions {
  const headers = [...request.fields]
  if (request.authority !== undefined) headers.push('host', request.authority)
  if (request.bodyBytes !== undefined) headers.push('content-length', String(request.bodyBytes))
  return {
    // Only ever origin-form: anything else would name another server.
    path: request.target.startsWith('/') ? prefix + request.target : `${prefix}/${request.target}`,
    method: request.method,
    headers,
    body: request.body === undefined ? null : Readable.from(chunksOf(request.body)),
  }
}

async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const chunk = await source.read()
      if (chunk === undefined) return
      yield chunk
    }
  } finally {
    source.cancel('request is over')
  }
}

/** What the sockets of a pool tell besides what undici does. */
interface Sockets {
  /** Errors of connections that had answered before. */
  readonly reused: WeakSet<object>
  /** The error that a socket is telling now: undici is told right after us, in the same turn. */
  endingError: Error | undefined
}

function telling(connect: buildConnector.connector, sockets: Sockets): buildConnector.connector {
  return (connectOptions, callback) => {
    connect(connectOptions, (error, socket) => {
      if (error !== null) return callback(error, null)
      filterResponses(socket)
      const { bytesRead: atStart } = socket
      socket.prependListener('error', (failure) => {
        if (socket.bytesRead > atStart) sockets.reused.add(failure)
        sockets.endingError = failure
        process.nextTick(() => {
          sockets.endingError = undefined
        })
      })
      return callback(null, socket)
    })
  }
}

function isReused(error: unknown, reused: WeakSet<object>): boolean {
  if (!(error instanceof Error)) return false
  if (reused.has(error)) return true
  // undici's own "other side closed" carries the numbers itself.
  if (!('socket' in error) || typeof error.socket !== 'object' || error.socket === null)
    return false
  return 'bytesRead' in error.socket && Number(error.socket.bytesRead) > 0
}
