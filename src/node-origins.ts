// The stack of upstreams of each site on Node, and the registry that shares what is kept by address.

import type { Clock } from '#core/ports/clock.ts'
import type { Cluster } from '#core/ports/cluster.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { OriginGroupStatus } from '#app/origins-endpoint.ts'
import type { Gauges } from '#web/otel-telemetry.ts'
import { withBearer } from '#core/upstream/bearer.ts'
import { withHedge } from '#core/upstream/hedge.ts'
import type { Balance, Pick } from '#core/upstream/pick.ts'
import { createPick } from '#core/upstream/pick.ts'
import type { RetryBudget } from '#core/upstream/retry-budget.ts'
import { createRetryBudget } from '#core/upstream/retry-budget.ts'
import { withRetry } from '#core/upstream/retry.ts'
import { withSharding } from '#core/upstream/sharded.ts'
import { createS3Upstream } from '#web/s3-upstream.ts'
import { readAwsRegion } from './adapters/node/aws-credentials.ts'
import { createCredentialSource } from './adapters/node/aws-credential-source.ts'
import { createTokenSource } from './adapters/node/token-source.ts'
import { createDirectoryUpstream } from './adapters/node/directory-upstream.ts'
import { createDnsLookup } from './adapters/node/dns-lookup.ts'
import { createDnsQuestion } from './adapters/node/dns-question.ts'
import type { OriginTls } from './adapters/node/origin-tls.ts'
import { loadOriginTls } from './adapters/node/origin-tls.ts'
import type { UndiciUpstream } from './adapters/node/undici-upstream.ts'
import { createUndiciUpstream } from './adapters/node/undici-upstream.ts'
import type { Origin } from './config-origins.ts'
import type { Config, SiteConfig } from './config.ts'
import { createOriginAddress, originGauges } from './node-origin-address.ts'
import type { OriginAddress } from './node-origin-address.ts'
import { createMember } from './node-origin-member.ts'
import type { OriginMemberUpstream } from './node-origin-member.ts'
import { retryRules } from './origin-rules.ts'
import { bucketOf, endpointOf } from './s3-settings.ts'

export interface Origins {
  /** `sharded(retry(pick(member → breaker(limit(deadline(address))))))`. */
  stackFor(site: SiteConfig): Upstream
  readonly gauges: Gauges
  /** What is known of them now, by site. */
  status(): readonly OriginGroupStatus[]
  close(): Promise<void>
}

interface OriginGroup {
  readonly site: string
  readonly balance: Balance
  readonly members: readonly OriginMemberUpstream[]
}

export interface OriginsOptions {
  readonly config: Config
  readonly clock: Clock
  readonly cluster: Cluster
  /** Where AWS credentials and region are named. */
  readonly environment: NodeJS.ProcessEnv
  record(event: FlowEvent): void
}

/** DNS answers are used for at most this long past their TTL. */
const MAX_DNS_STALE_MS = 3_600_000

export function createOrigins(options: OriginsOptions): Origins {
  const { config, cluster } = options
  const connector = createConnector(options)
  /** Breaker, limit and pool of an address are one, whichever site asks, as long as it speaks TLS in the same way. */
  const addresses = new Map<string, OriginAddress>()
  const groups: OriginGroup[] = []

  function addressFor(origin: Origin, site: SiteConfig): OriginAddress {
    const address = addressOf(origin)
    const tls = connector.tlsOf(site)
    const id = `${address} ${tls?.id ?? ''}`
    const existing = addresses.get(id)
    if (existing !== undefined) return existing
    const made = createOriginAddress(address, connector.connect(origin, tls), options)
    addresses.set(id, made)
    return made
  }

  return {
    stackFor(site) {
      const asOurselves = bearerOf(site, options)
      const members = site.origins.map((member) => {
        const address = addressFor(member.origin, site)
        const own = { ...address, upstream: asOurselves(address.upstream) }
        return createMember(own, member, site.health, options)
      })
      groups.push({ site: site.name, balance: site.balance, members })
      const budget = createRetryBudget({
        clock: options.clock,
        fraction: config.limits.retryFraction,
        minCount: config.limits.retryMin,
      })
      const pick = hedged(createPick(members, site.balance), budget, options)
      const retried = withRetry(pick, {
        ...retryRules(config.limits),
        clock: options.clock,
        random: Math.random,
        hasOther: (tried) => pick.hasOther(tried),
        budget,
      })
      const takesUnknownCodings = site.storeUndelimited ?? config.policy === 'rfc'
      const asked: Upstream = {
        fetch: (request, scope) => retried.fetch({ ...request, takesUnknownCodings }, scope),
      }
      return withSharding(asked, { cluster, peer: () => undefined })
    },
    gauges: originGauges(() => [...addresses.values()]),
    status: () =>
      groups.map(({ site, balance, members }) => ({
        site,
        balance,
        origins: members.map((member) => member.status()),
      })),
    close() {
      for (const { members } of groups) for (const member of members) member.stop()
      return connector.close()
    },
  }
}

/** Of a site with a token: requests and checks of its origins carry that. */
function bearerOf(
  { originToken: path }: SiteConfig,
  { clock, record }: OriginsOptions,
): (upstream: Upstream) => Upstream {
  if (path === undefined) return (upstream) => upstream
  const token = createTokenSource({ path, clock, record })
  return (upstream) => withBearer(upstream, token)
}

function hedged(
  pick: Pick,
  budget: RetryBudget,
  { config: { limits }, clock }: OriginsOptions,
): Pick {
  if (limits.hedge === undefined) return pick
  const percentile = limits.hedge / 100
  return withHedge(pick, { clock, percentile, minDelayMs: limits.hedgeMin, budget })
}

interface Connector {
  connect(origin: Origin, tls: OriginTls | undefined): Upstream
  /** How the site speaks TLS to its origins, where a setting says so. */
  tlsOf(site: SiteConfig): OriginTls | undefined
  close(): Promise<void>
}

/** Opens what bytes come from, each kind of origin in its way. */
function createConnector(options: OriginsOptions): Connector {
  const { config, clock, environment, record } = options
  const { limits } = config
  const upstreams: UndiciUpstream[] = []
  const dns = createDnsLookup({
    clock,
    ask: createDnsQuestion({ clock, timeoutMs: limits.dnsTimeout, servers: config.dns }),
    random: Math.random,
    maxStaleMs: MAX_DNS_STALE_MS,
  })

  const tlsOf = loadTlsOfSites(config)

  function connectHttp(url: URL, tls: OriginTls | undefined): Upstream {
    const upstream = createUndiciUpstream({
      origin: url,
      clock,
      random: Math.random,
      lookup: dns.lookup,
      tls,
      connectTimeoutMs: limits.connectTimeout,
      keepAliveMs: limits.originKeepAlive,
      connectionLifeMs: limits.originConnectionLife,
      warmCount: limits.originWarm,
      maxConnectionCount: limits.originConcurrency,
      maxHeadBytes: limits.headSize,
      limits: {
        maxFieldCount: limits.fieldCount,
        maxInterimCount: limits.interimResponses,
      },
    })
    upstreams.push(upstream)
    return upstream
  }

  function connectS3(
    origin: Extract<Origin, { kind: 's3' }>,
    tls: OriginTls | undefined,
  ): Upstream {
    const credentials = createCredentialSource({ environment, clock, record })
    const bucket = bucketOf(config, origin, readAwsRegion(environment))
    const inner = connectHttp(new URL(bucket.endpoint.origin), tls)
    // Of AWS each region has an endpoint; another server has the one it was given.
    const elsewhere = (region: string) => {
      const endpoint = endpointOf(region)
      return { inner: connectHttp(new URL(endpoint.origin), tls), endpoint }
    }
    const places = config.s3Endpoint === undefined ? { elsewhere } : {}
    return createS3Upstream(inner, { ...bucket, ...places, credentials, clock })
  }

  return {
    tlsOf,
    connect(origin, tls) {
      switch (origin.kind) {
        case 'http':
          return connectHttp(origin.url, tls)
        case 'directory':
          return createDirectoryUpstream({ directory: origin.path, clock })
        case 's3':
          return connectS3(origin, tls)
      }
    },
    async close() {
      dns.close()
      await Promise.allSettled(upstreams.map((upstream) => upstream.close()))
    },
  }
}

/** Reads all files at once, so that one that does not fit is told before anything is bound. */
function loadTlsOfSites({ originCa, originTls, sites = [] }: Config): Connector['tlsOf'] {
  // A flag wins over the file that it is short for.
  const top = originCa === undefined ? originTls : { ...originTls, ca: originCa }
  const topTls = top === undefined ? undefined : loadOriginTls(top, 'originTls')
  const own = new Map(
    sites.flatMap((site, i) =>
      site.originTls === undefined
        ? []
        : [[site.name, loadOriginTls(site.originTls, `sites.${i}.originTls`)] as const],
    ),
  )
  return ({ name }) => own.get(name) ?? topTls
}

export function addressOf(origin: Origin): string {
  switch (origin.kind) {
    case 'http':
      return origin.url.href.replace(/\/$/, '')
    case 's3':
      return `s3://${origin.bucket}${origin.prefix === '' ? '' : `/${origin.prefix}`}`
    case 'directory':
      return origin.path
  }
}
