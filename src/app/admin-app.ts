// The other listener: is it alive, is it ready, what has it counted.

import { Hono } from 'hono'

export interface AdminOptions {
  /** False while draining. */
  isReady(): boolean
  /** Prometheus text format. */
  metrics(): Promise<string>
}

const NO_STORE = { 'cache-control': 'no-store' }

export function createAdminApp({ isReady, metrics }: AdminOptions): Hono {
  const app = new Hono()
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
  app.notFound((c) => c.text('Try /healthz, /readyz or /metrics\n', 404, NO_STORE))
  return app
}
