import type { Asked } from '../entry/asked.ts'
import type { Fields } from '../entry/fields.ts'
import type { StoredResponse, Variant } from '../entry/stored-response.ts'
import { forwardedFields } from '../policy/forwarding.ts'
import { ignoresRanges } from '../policy/origin-range.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import type { ForwardReason } from '../http/cache-status.ts'
import { appendMember, formatVia } from '../http/loop.ts'
import { combined, first } from '../entry/fields.ts'
import { formatTraceparent } from '../http/traceparent.ts'
import type { Clock } from '../ports/clock.ts'
import type { FillScopes, RequestScope } from '../ports/request-scope.ts'
import type { Store } from '../ports/store.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { BodyFill } from './body-fill.ts'
import type { BodyOrigin } from './body-origin.ts'
import { BodyGoneError } from './body-origin.ts'
import { BodyReader } from './body-reader.ts'
import type { Fills } from './fills.ts'
import type { Flights } from './flights.ts'
import { noteRangesIgnored, updateByPart } from './freshen.ts'
import type { RangeStreams } from './range-streams.ts'
import { forbidsStoring, receive } from './receive.ts'
import type { SearchVariances } from './search-variances.ts'
import type { Site } from './site.ts'

/** What outlives a request, made in a composition root. */
export interface Core {
  readonly store: Store
  readonly clock: Clock
  readonly fills: Fills
  readonly flights: Flights
  readonly searchVariances: SearchVariances
  readonly rangeStreams: RangeStreams
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
  /** The flight that began last before this request came: what a later one brings is newer than the request. */
  readonly lastFlight: number
  /** How often it began again because it could not share what came for others. */
  readonly againCount: number
}

/** Fields that every request to the origin carries: the client's, as far as they go, and our own. */
export function originFields(x: Exchange): Fields {
  const { asked, site, core, scope } = x
  const forwarded = forwardedFields(asked.fields, site.forward)
  const fields = byName(site.hooks.request?.(forwarded, asked.target) ?? forwarded)
  const own = [
    'via',
    appendMember(combined(asked.fields, 'via'), formatVia(asked.httpVersion, core.name)),
    'cdn-loop',
    appendMember(combined(asked.fields, 'cdn-loop'), core.name),
  ]
  if (scope.trace !== undefined) own.push('traceparent', formatTraceparent(scope.trace))
  return [...fields, ...own]
}

/** Lines of one name stay in order; that of the names means nothing (RFC 9110 §5.3), and is nobody's to choose. */
function byName(fields: Fields): Fields {
  const sorted: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    let at = sorted.length
    while (at > 0 && (sorted[at - 2] ?? '') > name) at -= 2
    sorted.splice(at, 0, name, fields[i + 1] ?? '')
  }
  return sorted
}

/** Authorization of the client, where the site passes it on. */
export function credentials(x: Exchange): Fields {
  const authorization = first(x.asked.fields, 'authorization')
  return x.site.forward.sendsAuthorization && authorization !== undefined
    ? ['authorization', authorization]
    : []
}

/** The Host that the origin is sent; `undefined` for its own. */
export function authoritySent({ asked, site }: Exchange): string | undefined {
  if (site.hostSent === 'origin') return undefined
  return site.hostSent === 'client' ? asked.authority : site.hostSent.name
}

/**
 * Where more of a body comes from. With credentials only where what they bring is for all (RFC 9111 §3.5): then the
 * origin may ask of the rest what it asked of the beginning.
 */
export function originOf(x: Exchange, { sharedWithCredentials }: StoredResponse): BodyOrigin {
  const { asked, site } = x
  return {
    upstream: site.upstream,
    target: asked.target,
    authority: authoritySent(x),
    fields: [...originFields(x), ...(sharedWithCredentials ? credentials(x) : [])],
    hasCredentials: asked.hasCredentials,
    receive: (response) => receive(x, response),
    update: (head, ticket, part) => updateByPart(x, ticket, head, part),
    forbidsStoring: (response) => forbidsStoring(x, response),
    noteRangesIgnored: (head, ticket) => noteRangesIgnored(x, ticket, head),
  }
}

/** A reader of what is stored, which fetches what has been evicted or never was there. */
export function readStored(
  x: Exchange,
  variant: Pick<Variant, 'head' | 'logPosition'>,
  { startByte, endByte }: ByteSpan,
  toByte: number,
): BodyReader {
  const { store, fills } = x.core
  return new BodyReader({
    head: variant.head,
    store,
    fills,
    startByte,
    endByte,
    toByte,
    openFill() {
      const fill = openFillOf(x, variant)
      if (fill === undefined) throw new BodyGoneError('Cannot continue body: purged')
      return fill
    },
  })
}

/** The fill that fetches more of a stored body; `undefined` when there may be other bytes now. */
export function openFillOf(
  x: Exchange,
  { head, logPosition }: Pick<Variant, 'head' | 'logPosition'>,
): BodyFill | undefined {
  const { core, site, scope } = x
  const ticket = core.store.ticket(head.key)
  // What there is now may be other bytes under the same validator.
  if (ticket.generation > logPosition) return undefined
  return core.fills.open({
    head,
    origin: originOf(x, head),
    ticket,
    scope: core.fillScopes(scope),
    settings: site.fill,
    ranges: ignoresRanges(head, x.nowMs) ? 'ignored' : 'taken',
  })
}

/** What was asked for this reason fails: the error says so, if no earlier one did. */
export async function forwarding<T>(because: ForwardReason, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof UpstreamError) error.forward ??= because
    throw error
  }
}
