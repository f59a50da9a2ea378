// An HTTP origin over undici: pooled keep-alive HTTP/1.1, bodies never decoded.

import { Readable } from 'node:stream'
import type { LookupFunction } from 'node:net'

import { Pool, buildConnector } from 'undici'
import type { Dispatcher } from 'undici'

import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { Upstream, UpstreamRequest } from '#core/ports/upstream.ts'
import { createOriginSockets } from './origin-sockets.ts'
import type { OriginTls } from './origin-tls.ts'
import type { ResponseLimits } from './undici-response.ts'
import { UndiciExchange } from './undici-response.ts'
import { createWarmSockets } from './warm-sockets.ts'

export interface UndiciUpstreamOptions {
  /** Scheme, host, port and, as its path, the prefix put before each target. */
  readonly origin: URL
  readonly clock: Clock
  readonly random: () => number
  readonly lookup: LookupFunction
  /** Of an origin over https; absent, the public authorities are believed, and the origin's host is looked for. */
  readonly tls?: OriginTls | undefined
  /** Of the TLS handshake as well. */
  readonly connectTimeoutMs: number
  /** How long an idle connection is kept for the next request, unless the origin says that it will not. */
  readonly keepAliveMs: number
  /**
   * After how long a connection is given up, up to a fifth sooner so that not all are at once: with its next request, or
   * with the end of the one under way. Load is spread anew, and a name that has moved is followed.
   */
  readonly connectionLifeMs: number
  /** Connections opened at once, ahead of any request. */
  readonly warmCount: number
  readonly maxConnectionCount: number
  /** Size of a response head. */
  readonly maxHeadBytes: number
  readonly limits: ResponseLimits
}

export interface UndiciUpstream extends Upstream {
  /** Ends the connections; running transfers with them. */
  close(): Promise<void>
}

/** The next address is tried after this long without an answer, besides the one under way (RFC 8305 §5). */
const NEXT_ADDRESS_MS = 250

/** Share of a connection's life in which it may end. */
const LIFE_SPREAD = 0.2

export function createUndiciUpstream(options: UndiciUpstreamOptions): UndiciUpstream {
  const { origin, clock, random, keepAliveMs, connectionLifeMs, maxConnectionCount } = options
  const sockets = createOriginSockets({
    connect: connectorOf(options),
    clock,
    timeoutMs: options.connectTimeoutMs,
  })
  const warm = createWarmSockets(sockets, clock)
  const prefix = origin.pathname.replace(/\/$/, '')
  const shared: Pool.Options = {
    // One transfer a connection: HTTP/2 would put all of them on one, behind one window.
    allowH2: false,
    connections: maxConnectionCount,
    maxHeaderSize: options.maxHeadBytes,
    // Both are coarse; the deadline around this upstream keeps the time.
    headersTimeout: 0,
    bodyTimeout: 0,
  }
  const pool = new Pool(origin.origin, {
    ...shared,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    // What the origin says of its own time is heeded, as far as it is shorter.
    keepAliveMaxTimeout: keepAliveMs,
    clientTtl: connectionLifeMs,
    connect: warm.connect,
  })
  pool.on('connect', (_origin, targets) => {
    // undici has noted the instant there, and compares it before each request.
    const ttl = Date.now() - LIFE_SPREAD * random() * connectionLifeMs
    Object.assign(targets.at(-1) ?? {}, { ttl })
  })
  if (options.warmCount > 0) warm.open(options.warmCount, whereOf(origin), keepAliveMs)
  /** Each request on a connection of its own. */
  const fresh = new Pool(origin.origin, {
    ...shared,
    pipelining: 0,
    connect: sockets.connect,
  })

  return {
    fetch(request, scope) {
      const via = request.needsFreshConnection === true ? fresh : pool
      const exchange = new UndiciExchange({
        request,
        scope,
        clock,
        address: origin.origin,
        limits: options.limits,
        wasReused: sockets.wasKept,
        endingError: sockets.endingError,
      })
      try {
        via.dispatch(dispatchOptions(request, prefix, origin.hostname), exchange)
      } catch (error) {
        exchange.onResponseError(undefined, error instanceof Error ? error : new Error('Unknown'))
      }
      return exchange.head
    },
    async close() {
      warm.close()
      await Promise.all([pool.destroy(), fresh.destroy()])
    },
  }
}

/** As undici tells its connector. */
function whereOf({ host, hostname, protocol, port }: URL): buildConnector.Options {
  return { host, hostname: hostname.replace(/^\[|\]$/g, ''), protocol, port }
}

/**
 * Verification is always on, whatever the environment says. The name looked for is the origin's own or the setting's;
 * undici would take it from the Host field, which may be the client's.
 */
function connectorOf({ tls, lookup, connectTimeoutMs }: UndiciUpstreamOptions) {
  const connect = buildConnector({
    lookup,
    timeout: connectTimeoutMs,
    allowH2: false,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(tls === undefined ? {} : { secureContext: tls.secureContext }),
    ...(tls?.servername === undefined ? {} : { servername: tls.servername }),
  })
  const named: buildConnector.connector = (asked, callback) => {
    const { servername: _, ...where } = asked
    return connect(where, callback)
  }
  return named
}

interface NamedOptions extends Dispatcher.DispatchOptions {
  /** Always the same, or undici would end the connection that was made for another. */
  readonly servername: string
}

function dispatchOptions(
  request: UpstreamRequest,
  prefix: string,
  servername: string,
): NamedOptions {
  const headers = [...request.fields]
  if (request.authority !== undefined) headers.push('host', request.authority)
  if (request.bodyBytes !== undefined) headers.push('content-length', String(request.bodyBytes))
  return {
    // Only ever origin-form: anything else would name another server.
    path: request.target.startsWith('/') ? prefix + request.target : `${prefix}/${request.target}`,
    method: request.method,
    headers,
    servername,
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
