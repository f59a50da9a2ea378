import { createServer } from 'node:http'

import { getRequestListener } from '@hono/node-server'

import { listen } from './listen.ts'

export interface AdminServer {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** Connections an operator's tools may hold; more is not theirs. */
const MAX_CONNECTION_COUNT = 100
const REQUEST_TIMEOUT_MS = 15_000

/** The other listener: everything on it goes through its Hono app. */
export async function listenAdmin(
  host: string,
  port: number,
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<AdminServer> {
  const listener = getRequestListener(fetch, { overrideGlobalObjects: false })
  const server = createServer(
    {
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
    },
    (req, res) => void listener(req, res),
  )
  server.maxConnections = MAX_CONNECTION_COUNT
  const address = await listen(server, host, port)
  return {
    host: address.address,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
