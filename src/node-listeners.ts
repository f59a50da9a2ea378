// The listeners of the process: for clients in the clear and with TLS, and for operators.

import type { Clock } from '#core/ports/clock.ts'
import { connectionsWithin } from './adapters/node/file-limit.ts'
import type { HttpServer } from './adapters/node/http-server.ts'
import { listenHttp } from './adapters/node/http-server.ts'
import { createPlaces } from './adapters/node/places.ts'
import type { Certificates } from './adapters/node/tls-certificates.ts'
import type { HandshakeOutcome } from './adapters/node/tls-server.ts'
import type { Config } from './config.ts'
import { tlsListenOf } from './config.ts'
import { listenAdmin } from './node-admin.ts'
import type { AdminListenerOptions } from './node-admin.ts'
import type { Door } from './node-door.ts'

export interface EdgeOptions {
  readonly config: Config
  readonly door: Door
  /** None: no TLS. */
  readonly certificates: Certificates | undefined
  readonly clock: Clock
  onHandshake(outcome: HandshakeOutcome): void
}

export interface Listeners {
  /** Where clients connect. */
  readonly urls: readonly string[]
  readonly adminUrl: string | undefined
  /** From now on every answer to a client closes its connection. */
  drain(): void
  /** Clients first: operators may look until the end. */
  close(graceMs: number): Promise<void>
  closeAdmin(): Promise<void>
}

/** What an operator's tools have begun may take this long at the end. */
const ADMIN_CLOSE_MS = 1000

interface Edge {
  readonly scheme: 'http' | 'https'
  readonly server: HttpServer
}

/** Listens everywhere, or nowhere. */
export async function listenAll(
  options: EdgeOptions,
  adminOptions: AdminListenerOptions,
): Promise<Listeners> {
  const { config, certificates } = options
  const edges: Edge[] = []
  let admin: HttpServer | undefined
  async function close(graceMs: number): Promise<void> {
    certificates?.close()
    await Promise.all(edges.map(({ server }) => server.close(graceMs)))
  }
  try {
    for await (const edge of listenEdges(options)) edges.push(edge)
    if (config.admin !== undefined) admin = await listenAdmin(config.admin, adminOptions)
  } catch (error) {
    await close(0)
    throw error
  }
  return {
    urls: edges.map(({ scheme, server }) => urlOf(scheme, server)),
    adminUrl: admin === undefined ? undefined : urlOf('http', admin),
    drain() {
      for (const { server } of edges) server.drain()
    },
    close,
    async closeAdmin() {
      await admin?.close(ADMIN_CLOSE_MS)
    },
  }
}

/** One after the other, as they begin to listen. */
async function* listenEdges(options: EdgeOptions): AsyncGenerator<Edge> {
  const { config, door, certificates, clock, onHandshake } = options
  const { limits, listen } = config
  const common = {
    headTimeoutMs: limits.headTimeout,
    requestTimeoutMs: limits.requestTimeout,
    keepAliveMs: limits.keepAlive,
    stallMs: limits.stallTimeout,
    maxHeadBytes: limits.headSize,
    maxRequestsPerSocket: limits.requestsPerConnection,
    places: createPlaces(connectionsWithin(limits.connections)),
    handle: door,
  }
  if (listen !== undefined) {
    yield { scheme: 'http', server: await listenHttp({ ...common, ...listen }) }
  }
  const tlsListen = tlsListenOf(config)
  if (certificates === undefined || tlsListen === undefined) return
  const { handshakeTimeout: handshakeTimeoutMs } = limits
  const tls = { certificates, clock, handshakeTimeoutMs, onHandshake }
  yield { scheme: 'https', server: await listenHttp({ ...common, ...tlsListen, tls }) }
}

function urlOf(scheme: string, { host, port }: HttpServer): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
