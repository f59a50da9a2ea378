import type { Asked } from '../entry/asked.ts'
import type { Fields } from '../entry/fields.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import { forwardedFields } from '../policy/forwarding.ts'
import { appendMember, formatVia } from '../http/loop.ts'
import { combined } from '../entry/fields.ts'
import { formatTraceparent } from '../http/traceparent.ts'
import type { Clock } from '../ports/clock.ts'
import type { FillScopes, RequestScope } from '../ports/request-scope.ts'
import type { Store } from '../ports/store.ts'
import type { BodyOrigin } from './body-fill.ts'
import { BodyReader } from './body-reader.ts'
import type { Fills } from './fills.ts'
import type { Flights } from './flights.ts'
import type { Site } from './site.ts'

/** What outlives a request, made in a composition root. */
export interface Core {
  readonly store: Store
  readonly clock: Clock
  readonly fills: Fills
  readonly flights: Flights
  readonly fillScopes: FillScopes
  /** This cache's name in Cache-Status, Via and CDN-Loop. */
  readonly name: string
}

/** One request on its way through the flow. */
export interface Exchange {
  readonly core: Core
  readonly asked: Asked
  readonly site: Site
  readonly scope: RequestScope
  /** The clock, read once for all decisions on what is stored. */
  readonly nowMs: number
}

/** Fields that every request to the origin carries: the client's, as far as they go, and our own. */
export function originFields(x: Exchange): Fields {
  const { asked, site, core, scope } = x
  const forwarded = forwardedFields(asked.fields, site.forward)
  const fields = site.hooks.request?.(forwarded, asked.target) ?? forwarded
  const own = [
    'via',
    appendMember(combined(asked.fields, 'via'), formatVia(asked.httpVersion, core.name)),
    'cdn-loop',
    appendMember(combined(asked.fields, 'cdn-loop'), core.name),
  ]
  if (scope.trace !== undefined) own.push('traceparent', formatTraceparent(scope.trace))
  return [...fields, ...own]
}

/** The Host that the origin is sent; `undefined` for its own. */
export function authoritySent({ asked, site }: Exchange): string | undefined {
  if (site.hostSent === 'origin') return undefined
  return site.hostSent === 'client' ? asked.authority : site.hostSent.name
}

export function originOf(x: Exchange): BodyOrigin {
  const { asked, site } = x
  return {
    upstream: site.upstream,
    target: asked.target,
    authority: authoritySent(x),
    fields: originFields(x),
  }
}

/** A reader of what is stored, which fetches what has been evicted or never was there. */
export function readStored(
  x: Exchange,
  head: StoredResponse,
  startByte: number,
  endByte: number,
): BodyReader {
  const { core, site, scope } = x
  return new BodyReader({
    head,
    store: core.store,
    fills: core.fills,
    startByte,
    endByte,
    openFill: () =>
      core.fills.open({
        head,
        origin: originOf(x),
        ticket: core.store.ticket(head.key),
        scope: core.fillScopes(scope),
        settings: site.fill,
        mayResume: head.joinable,
      }),
  })
}
