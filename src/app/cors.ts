import type { MiddlewareHandler } from 'hono'

import type { CorsSettings } from '#core/flow/site.ts'
import type { EdgeEnv } from './app.ts'

/** What of an answer a script may read without being told (Fetch §3.2.6), and what ranges need besides. */
const EXPOSED = ['accept-ranges', 'content-range', 'content-length', 'etag', 'age', 'cache-status']
const REQUEST_FIELDS = 'range, if-range, if-none-match, if-modified-since'

/** Answers cross-origin questions at the edge (Fetch §3.2); the origin is never asked. */
export const cors: MiddlewareHandler<EdgeEnv> = async (c, next) => {
  const settings = c.env.site?.cors
  const origin = c.req.header('origin')
  if (settings === undefined) return next()
  const allowed = allowedOrigin(settings, origin)
  const isPreflight =
    c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined
  if (isPreflight) {
    if (allowed === undefined) return c.body(null, 403)
    return c.body(null, 204, {
      'access-control-allow-origin': allowed,
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': REQUEST_FIELDS,
      'access-control-max-age': String(settings.maxAgeSeconds),
      vary: 'origin',
    })
  }
  await next()
  // A cache behind us must tell requesting origins apart, whether this one is allowed or not.
  if (!settings.origins.has('*')) c.res.headers.append('vary', 'origin')
  if (allowed === undefined) return undefined
  c.res.headers.set('access-control-allow-origin', allowed)
  const exposed = [...EXPOSED, ...settings.exposeFields]
  c.res.headers.set('access-control-expose-headers', exposed.join(', '))
  return undefined
}

function allowedOrigin(settings: CorsSettings, origin: string | undefined): string | undefined {
  if (settings.origins.has('*')) return '*'
  return origin !== undefined && settings.origins.has(origin) ? origin : undefined
}
