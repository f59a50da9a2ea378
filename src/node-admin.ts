// The admin listener: read as strictly as the edge, answered by its app.

import { createAdminApp } from '#app/admin-app.ts'
import { toAnswer } from '#app/answer-response.ts'
import { answerOfError, answerOfRefusal } from '#app/error-response.ts'
import type { AdminCall } from '#app/admin-access.ts'
import type { OriginGroupStatus } from '#app/origins-endpoint.ts'
import { createOriginsEndpoint } from '#app/origins-endpoint.ts'
import type { PurgeEndpointOptions } from '#app/purge-endpoint.ts'
import { createPurgeEndpoint } from '#app/purge-endpoint.ts'
import type { Answer } from '#core/entry/answer.ts'
import type { ReadOptions, Refusal } from '#core/flow/read-request.ts'
import { readHead } from '#core/flow/read-request.ts'
import type { HttpServer } from './adapters/node/http-server.ts'
import { listenHttp } from './adapters/node/http-server.ts'
import { createPlaces } from './adapters/node/places.ts'
import type { HostPort } from './config.ts'
import { requestOf } from './node-door.ts'

/** Connections an operator's tools may hold; more is not theirs. */
const MAX_CONNECTION_COUNT = 100
const REQUEST_TIMEOUT_MS = 15_000
const KEEP_ALIVE_MS = 5000
const MAX_HEAD_BYTES = 16 * 1024
const NOT_ALLOWED: Refusal = { kind: 'refused', status: 405, reason: 'Method not allowed' }

export interface AdminListenerOptions {
  /** False while draining. */
  isReady(): boolean
  /** Prometheus text format. */
  metrics(): Promise<string>
  readonly purge: PurgeEndpointOptions
  originStatus(): readonly OriginGroupStatus[]
  readonly readOptions: ReadOptions
  /** Told of a mistake of ours, which the caller sees as a 500. */
  onError(error: unknown): void
}

export function listenAdmin(
  { host, port }: HostPort,
  options: AdminListenerOptions,
): Promise<HttpServer> {
  const { readOptions } = options
  const app = createAdminApp({
    ...options,
    purge: createPurgeEndpoint(options.purge),
    origins: createOriginsEndpoint({
      status: () => options.originStatus(),
      access: (peer, authorization) => options.purge.access(peer, authorization),
    }),
  })
  return listenHttp({
    host,
    port,
    headTimeoutMs: REQUEST_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    keepAliveMs: KEEP_ALIVE_MS,
    stallMs: REQUEST_TIMEOUT_MS,
    maxHeadBytes: MAX_HEAD_BYTES,
    maxRequestsPerSocket: 0,
    places: createPlaces(MAX_CONNECTION_COUNT),
    handle(raw, { socket }) {
      const head = readHead(raw, readOptions)
      if (head.kind === 'refused') return answerOfRefusal(head)
      // No Request can have this method (Fetch §2.2.1).
      if (raw.method === 'TRACE') return answerOfRefusal(NOT_ALLOWED)
      const call: AdminCall = { head, peer: socket.remoteAddress ?? '' }
      return answer(app, call).catch((error: unknown) => {
        // A mistake of ours is a 500, as on the edge.
        options.onError(error)
        return answerOfError(error, readOptions.name)
      })
    },
  })
}

async function answer(app: ReturnType<typeof createAdminApp>, call: AdminCall): Promise<Answer> {
  return toAnswer(await app.fetch(requestOf(call.head), call))
}
