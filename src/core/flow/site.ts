import type { Fields } from '../entry/fields.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { ForwardRules } from '../policy/forwarding.ts'
import type { PolicySettings } from '../policy/settings.ts'
import type { FillSettings } from './fill-settings.ts'

/** Which parts of the query belong to the key; the origin is sent the same reduced query. */
export interface QueryRules {
  /** Only these parameters stay; `undefined`: all. */
  readonly keep: ReadonlySet<string> | undefined
  readonly drop: ReadonlySet<string>
  /** Parameters are put in the order of their names. */
  readonly sort: boolean
}

/** Pure functions of the config, called at three named points; what they return the policies read. */
export interface Hooks {
  /** The target that is keyed and forwarded: path and query. */
  readonly key?: ((target: string, authority: string) => string) | undefined
  /** Fields of the request to the origin. */
  readonly request?: ((fields: Fields, target: string) => Fields) | undefined
  /** Fields of the response, before anything is decided on them. */
  readonly response?: ((fields: Fields, status: number, target: string) => Fields) | undefined
}

/** Response fields that the site sets or drops, by path. */
export interface ResponseRule {
  readonly pathPrefix: string | undefined
  readonly set: Fields
  readonly drop: ReadonlySet<string>
}

/** CORS answered at the edge (WHATWG Fetch §3.2). */
export interface CorsSettings {
  /** Exact origins, or `*`. */
  readonly origins: ReadonlySet<string>
  readonly exposeFields: readonly string[]
  readonly maxAgeSeconds: number
}

/** Which requests are a site's. */
export interface SiteMatch {
  /** Normalised authorities or, with `*.` before it, all below a name; empty matches every host. */
  readonly hosts: readonly string[]
  /** Raw path prefix. */
  readonly pathPrefix: string
}

/** One site, compiled from config; immutable. A request keeps the site it began with. */
export interface Site {
  readonly name: string
  readonly match: SiteMatch
  readonly upstream: Upstream
  readonly segmentBytes: number
  readonly policy: PolicySettings
  readonly forward: ForwardRules
  readonly query: QueryRules
  /** Obey No-Vary-Search of responses. */
  readonly usesNoVarySearch: boolean
  readonly methods: 'read' | 'all'
  /** Whose authority is sent as Host: the origin's own, the client's (then it is keyed), or this one. */
  readonly hostSent: 'origin' | 'client' | { readonly name: string }
  readonly fill: FillSettings
  readonly responseRules: readonly ResponseRule[]
  readonly cors: CorsSettings | undefined
  readonly hooks: Hooks
}
