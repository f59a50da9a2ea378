// Sites that key and forward in different ways, and what their settings mean, said once more.

import type { ConfigInput } from '#config'

import type { RequestParts } from './request-pairs.ts'
import { targetOf } from './request-pairs.ts'

type SiteInput = NonNullable<ConfigInput['sites']>[number]

export interface SiteModel {
  readonly config: SiteInput
  /** Names in lower case that reach the origin besides what each request has; `all`: all but the denied. */
  readonly forwards: ReadonlySet<string> | 'all'
  readonly keeps: ReadonlySet<string> | undefined
  readonly drops: ReadonlySet<string>
  readonly sorts: boolean
  /** Best first. */
  readonly codings: readonly string[]
}

const COOKIES_AND_TRACKERS = ['utm_source', 'utm_content', 'fbclid']
const LISTED = ['accept', 'accept-language', 'user-agent']
const ALL_CODINGS = ['zstd', 'br', 'gzip'] as const

function modelOf(name: string, settings: Partial<SiteInput>): SiteModel {
  const config: SiteInput = {
    name,
    origins: ['http://origin.test'],
    forward: 'all',
    host: 'origin',
    ...settings,
  }
  const { query = {}, codings = ALL_CODINGS, forwardFields = [] } = config
  return {
    config,
    forwards: config.forward === 'all' ? 'all' : new Set([...LISTED, ...forwardFields]),
    keeps: query.keep === undefined ? undefined : new Set(query.keep),
    drops: new Set(query.drop),
    sorts: query.sort === true,
    codings,
  }
}

export const SITE_MODELS: readonly SiteModel[] = [
  modelOf('all', {}),
  modelOf('listed', { forward: 'listed' }),
  modelOf('client-host', { host: 'client' }),
  modelOf('client-host-listed', {
    host: 'client',
    forward: 'listed',
    forwardFields: ['x-key', 'cookie'],
  }),
  modelOf('named-host', { host: 'bucket.example', authorization: 'strip' }),
  modelOf('dropping', { query: { drop: COOKIES_AND_TRACKERS } }),
  modelOf('keeping', { forward: 'listed', query: { keep: ['a', 'b'] }, host: 'client' }),
  modelOf('sorting', { query: { sort: true } }),
  modelOf('dropping-and-sorting', {
    forward: 'listed',
    query: { drop: COOKIES_AND_TRACKERS, sort: true },
    codings: ['gzip'],
  }),
  modelOf('lower-case-hook', {
    query: { drop: COOKIES_AND_TRACKERS },
    hooks: { key: (target) => target.toLowerCase() },
  }),
  modelOf('authority-hook', {
    forward: 'listed',
    hooks: {
      key: (target, authority) => `/${authority}${target}`,
      request: (fields, target) => [...fields, 'x-target', target],
    },
  }),
]

/** The target that the origin is sent, by the query rules. */
export function expectedTarget(parts: RequestParts, { keeps, drops, sorts }: SiteModel): string {
  const { path, parameters } = parts
  const isRuled = keeps !== undefined || drops.size > 0 || sorts
  if (parameters === undefined || !isRuled) return targetOf(parts)
  // A question mark with nothing behind it is followed by one empty parameter.
  const named = (parameters.length === 0 ? [''] : parameters).map((text, place) => {
    const [name = ''] = text.split('=')
    return { name, text, place }
  })
  const kept = named.filter(({ name }) => !drops.has(name) && keeps?.has(name) !== false)
  if (sorts) {
    kept.sort((a, b) => (a.name === b.name ? a.place - b.place : a.name < b.name ? -1 : 1))
  }
  return kept.length === 0 ? path : `${path}?${kept.map(({ text }) => text).join('&')}`
}

/** Never forwarded, or said by the flow itself: values of these make no difference to the origin. */
const NOT_FORWARDED =
  /^(?:range|if-.*|authorization|host|content-length|expect|max-forwards|forwarded|x-forwarded-.*|x-original-.*|x-rewrite-url|x-host|x-real-ip|x-http-method.*|x-method-override|x-sluice-.*|.*_.*|proxy-.*|keep-alive|te|trailer|upgrade|http2-settings|traceparent|tracestate|connection|x-hop)$/
/** What every forwarder has to pass on (RFC 9110 §7.6.3, RFC 8586 §2). */
const CHAINED = /^(?:via|cdn-loop)$/

/** What reaches the origin of a request besides its target: what two requests have to have in common. */
export function forwardedView(parts: RequestParts, model: SiteModel): string {
  const sent: (readonly [name: string, value: string])[] = []
  const { lines, accepting, hop } = parts
  for (let i = 0; i < lines.length; i += 2) {
    const name = (lines[i] ?? '').toLowerCase()
    const isListed = model.forwards === 'all' || model.forwards.has(name)
    const isHop = hop.toLowerCase().split(', ').includes(name)
    if (isHop || NOT_FORWARDED.test(name) || !(isListed || CHAINED.test(name))) continue
    sent.push([name, lines[i + 1] ?? ''])
  }
  // In which order fields of different names were sent means nothing (RFC 9110 §5.3).
  sent.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const coding = model.codings.find((name) => accepting.codings.includes(name))
  return JSON.stringify([coding, sent])
}
