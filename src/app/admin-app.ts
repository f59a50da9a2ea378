// The other listener: is it alive, is it ready, what has it counted; and purging what is stored.

import { Hono } from 'hono'

import { pathOf } from '#core/http/target.ts'
import type { AdminCall } from './admin-access.ts'
import type { OriginsEndpoint } from './origins-endpoint.ts'
import type { PurgeEndpoint } from './purge-endpoint.ts'

export interface AdminOptions {
  /** False while draining. */
  isReady(): boolean
  /** Prometheus text format. */
  metrics(): Promise<string>
  /** Answers all that is sent to `/purge`, and decides by itself who may. */
  readonly purge: PurgeEndpoint
  /** Answers `GET /origins`, and decides by itself who may. */
  readonly origins: OriginsEndpoint
}

export interface AdminEnv {
  Bindings: AdminCall
}

const NO_STORE = { 'cache-control': 'no-store' }

export function createAdminApp(options: AdminOptions): Hono<AdminEnv> {
  const { isReady, metrics, purge, origins } = options
  const app = new Hono<AdminEnv>()
  app.get('/healthz', (c) => c.text('ok\n', 200, NO_STORE))
  app.get('/readyz', (c) =>
    isReady() ? c.text('ready\n', 200, NO_STORE) : c.text('draining\n', 503, NO_STORE),
  )
  app.get('/metrics', async (c) =>
    c.text(await metrics(), 200, {
      ...NO_STORE,
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    }),
  )
  // The router decodes paths; what changes something has one spelling only.
  app.all('/purge', (c) =>
    pathOf(c.env.head.raw.target) === '/purge' ? purge(c.env) : c.notFound(),
  )
  app.get('/origins', (c) => origins(c.env))
  app.notFound((c) =>
    c.text('Try /healthz, /readyz, /metrics, /origins or /purge\n', 404, NO_STORE),
  )
  // Whoever called knows what a mistake of ours is answered with, and where it is told.
  app.onError((error) => {
    throw error
  })
  return app
}
