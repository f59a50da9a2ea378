// The Hono app: the door for what has opinions. Start reading here.

import { Hono } from 'hono'

import type { ReadHead } from '#core/flow/read-request.ts'
import type { Site } from '#core/flow/site.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import { toResponse } from './answer-response.ts'
import { cors } from './cors.ts'
import type { Handle } from './handle.ts'

/** What a root hands in beside the Request, whose URL has lost what the raw target still has. */
export interface EdgeBindings {
  readonly head: ReadHead
  readonly site: Site | undefined
  readonly scope: RequestScope
}

export interface EdgeEnv {
  Bindings: EdgeBindings
}

export function createApp(handle: Handle): Hono<EdgeEnv> {
  const app = new Hono<EdgeEnv>()
  app.use(cors)
  app.all('*', async (c) => {
    const { head, site, scope } = c.env
    return toResponse(await handle(head, site, scope))
  })
  return app
}

/** Whether a request needs the app, or may be handled without it: plain reads of a site without middleware. */
export function needsApp(head: ReadHead, site: Site | undefined): boolean {
  const { method } = head.raw
  // No Request can have these methods (Fetch §2.2.1), and no site relays them.
  if (method === 'TRACE' || method === 'CONNECT') return false
  return (method !== 'GET' && method !== 'HEAD') || site?.cors !== undefined
}
