// From a site's configuration to the immutable value that requests are served by; for both roots.

import type { CodingClass } from '#core/http/accept-encoding.ts'
import type { FillSettings } from '#core/flow/fill-settings.ts'
import type { Site } from '#core/flow/site.ts'
import type { ForwardRules } from '#core/policy/forwarding.ts'
import type { PolicySettings } from '#core/policy/settings.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import type { Config, Limits, SiteConfig } from './config.ts'

/** RFC 9111 §1.2.2 lets a cache take anything longer for this. */
const MAX_TTL_MS = 365 * 86_400_000

export function compileSite(config: Config, site: SiteConfig, upstream: Upstream): Site {
  const isHttp = site.origins.every(({ origin }) => origin.kind === 'http')
  return {
    name: site.name,
    match: { hosts: site.hosts, pathPrefix: site.pathPrefix },
    upstream,
    segmentBytes: config.segment,
    policy: policyOf(config, site, isHttp),
    forward: forwardOf(config, site, isHttp),
    query: {
      keep: site.query.keep === undefined ? undefined : new Set(site.query.keep),
      drop: new Set(site.query.drop),
      sort: site.query.sort,
    },
    usesNoVarySearch: site.noVarySearch,
    methods: isHttp ? (site.methods ?? config.methods) : 'read',
    hostSent: site.host === 'origin' || site.host === 'client' ? site.host : { name: site.host },
    fill: fillOf(config.limits, site.hitForMiss),
    responseRules: site.response.map((rule) => ({
      pathPrefix: rule.path,
      set: Object.entries(rule.set).flat(),
      drop: new Set(rule.drop),
    })),
    cors:
      site.cors === undefined
        ? undefined
        : {
            origins: new Set(site.cors.origins),
            exposeFields: site.cors.exposeFields,
            maxAgeSeconds: Math.floor(site.cors.maxAge / 1000),
          },
    hooks: site.hooks,
  }
}

/** What a policy by name decides; each may be set otherwise on a site. */
interface Preset {
  readonly heuristicFraction: number
  readonly storesAnyStatus: boolean
  readonly storesSetCookie: boolean
  readonly storesPost: boolean
  readonly storesUndelimited: boolean
  readonly honoursQualified: boolean
  readonly staleNeedsPermission: boolean
  readonly negativeTtlMs: ReadonlyMap<number, number>
  readonly minValidationIntervalMs: number
  readonly ignoresLanguageOrder: boolean
  readonly forward: 'listed' | 'all'
}

const PRESETS: Readonly<Record<Config['policy'], Preset>> = {
  /** Nothing that an origin has not clearly allowed. */
  careful: {
    heuristicFraction: 0,
    storesAnyStatus: false,
    storesSetCookie: false,
    storesPost: false,
    storesUndelimited: false,
    honoursQualified: false,
    staleNeedsPermission: true,
    negativeTtlMs: new Map([
      [404, 10_000],
      [410, 10_000],
    ]),
    minValidationIntervalMs: 5000,
    ignoresLanguageOrder: false,
    forward: 'listed',
  },
  /** All that the standards allow a shared cache. */
  rfc: {
    heuristicFraction: 0.1,
    storesAnyStatus: true,
    storesSetCookie: true,
    storesPost: true,
    storesUndelimited: true,
    honoursQualified: true,
    staleNeedsPermission: false,
    negativeTtlMs: new Map(),
    minValidationIntervalMs: 0,
    ignoresLanguageOrder: true,
    forward: 'all',
  },
}

const TARGETED_FIELDS: readonly string[] = ['cdn-cache-control']

function policyOf(config: Config, site: SiteConfig, isHttp: boolean): PolicySettings {
  const preset = PRESETS[config.policy]
  return {
    targetedFields: site.targetedFields ?? TARGETED_FIELDS,
    ttlRules: site.ttl.map((rule, i) => ({
      name: rule.name ?? `ttl-${i + 1}`,
      pathPrefix: rule.path,
      statuses: rule.status === undefined ? undefined : new Set(rule.status),
      contentType: rule.contentType,
      ttlMs: rule.ttl,
      overridesOrigin: rule.override,
    })),
    defaultTtlMs: site.defaultTtl ?? config.defaultTtl,
    heuristicFraction: site.heuristicFraction ?? preset.heuristicFraction,
    maxHeuristicTtlMs: site.maxHeuristicTtl,
    negativeTtlMs:
      site.negativeTtl === undefined
        ? preset.negativeTtlMs
        : new Map(Object.entries(site.negativeTtl).map(([status, ms]) => [Number(status), ms])),
    storesAnyStatus: site.storeAnyStatus ?? preset.storesAnyStatus,
    storesPost: site.storePost ?? preset.storesPost,
    storesUndelimited: site.storeUndelimited ?? preset.storesUndelimited,
    honoursQualified: site.qualifiedDirectives ?? preset.honoursQualified,
    maxTtlMs: MAX_TTL_MS,
    staleWindowMs: site.staleWindow,
    staleAfterMs: config.limits.staleAfter,
    staleNeedsPermission: site.staleNeedsPermission ?? preset.staleNeedsPermission,
    // A bucket or a directory has no users: whoever may ask gets the same.
    isOriginShared: site.shared ?? !isHttp,
    minValidationIntervalMs: site.minValidationInterval ?? preset.minValidationIntervalMs,
    hitForMissMs: site.hitForMiss,
    maxFieldCount: config.limits.fieldCount,
    maxFieldsBytes: config.limits.headSize,
    ignoresSetCookie: site.ignoreSetCookie,
    storesSetCookie: site.storeSetCookie ?? preset.storesSetCookie,
    storesWithCookie: site.storeWithCookie,
  }
}

const ALL_CODINGS: readonly CodingClass[] = ['zstd', 'br', 'gzip']

function forwardOf(config: Config, site: SiteConfig, isHttp: boolean): ForwardRules {
  return {
    mode: isHttp ? (site.forward ?? config.forward ?? PRESETS[config.policy].forward) : 'listed',
    fields: new Set(site.forwardFields),
    codings: isHttp ? (site.codings ?? ALL_CODINGS) : [],
    ignoresLanguageOrder: site.ignoreLanguageOrder ?? PRESETS[config.policy].ignoresLanguageOrder,
    sendsAuthorization: isHttp && site.authorization !== 'strip' && site.originToken === undefined,
  }
}

function fillOf(limits: Limits, mismatchMs: number): FillSettings {
  return {
    windowBytes: limits.window,
    gapBytes: limits.gap,
    maxExcessBytes: limits.rangeExcess,
    maxWaitBytes: limits.rangeWait,
    maxWaitMs: limits.rangeWaitTime,
    rangesIgnoredMs: limits.rangesIgnored,
    mismatchMs,
    finishMaxBytes: limits.finishMax,
    stallMs: limits.stallTimeout,
    maxResumeCount: limits.resumes,
    resumeDelayMs: limits.resumeDelay,
    spread: {
      maxCount: limits.fillConnections,
      chunkBytes: limits.fillChunk,
      slowBytesPerSecond: limits.fillSlow,
      minBytes: limits.fillMin,
    },
    readAheadBytes: limits.readAhead,
  }
}
