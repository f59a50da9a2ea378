// The stack of upstreams of each site on Node, and the registry that shares what is kept by address.

import type { Clock } from '#core/ports/clock.ts'
import type { Cluster } from '#core/ports/cluster.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { OriginGroupStatus } from '#app/origins-endpoint.ts'
import type { Gauges } from '#web/otel-telemetry.ts'
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
import { createDirectoryUpstream } from './adapters/node/directory-upstream.ts'
import { createDnsLookup } from './adapters/node/dns-lookup.ts'
import type { UndiciUpstream } from './adapters/node/undici-upstream.ts'
import { createUndiciUpstream } from './adapters/node/undici-upstream.ts'
import type { Origin } from './config-origins.ts'
import type { Config, SiteConfig } from './config.ts'
import { createOriginAddress, originGauges } from './node-origin-address.ts'
import type { OriginAddress } from './node-origin-address.ts'
import { createMember } from './node-origin-member.ts'
import type { OriginMemberUpstream } from './node-origin-member.ts'
import { retryRules } from './origin-rules.ts'
import { bucketOf } from './s3-settings.ts'

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

/** DNS answers are used for at least this long, and for at most this long past their TTL. */
const MIN_DNS_TTL_MS = 1000
const MAX_DNS_STALE_MS = 3_600_000

export function createOrigins(options: OriginsOptions): Origins {
  const { config, cluster } = options
  const connector = createConnector(options)
  /** Breaker, limit and pool of an address are one, whichever site asks. */
  const addresses = new Map<string, OriginAddress>()
  const groups: OriginGroup[] = []

  function addressFor(origin: Origin): OriginAddress {
    const address = addressOf(origin)
    const existing = addresses.get(address)
    if (existing !== undefined) return existing
    const made = createOriginAddress(address, connector.connect(origin), options)
    addresses.set(address, made)
    return made
  }

  return {
    stackFor(site) {
      const members = site.origins.map((member) =>
        createMember(addressFor(member.origin), member, site.health, options),
      )
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
  connect(origin: Origin): Upstream
  close(): Promise<void>
}

/** Opens what bytes come from, each kind of origin in its way. */
function createConnector(options: OriginsOptions): Connector {
  const { config, clock, environment, record } = options
  const { limits } = config
  const upstreams: UndiciUpstream[] = []
  const lookup = createDnsLookup({
    clock,
    timeoutMs: limits.dnsTimeout,
    minTtlMs: MIN_DNS_TTL_MS,
    maxStaleMs: MAX_DNS_STALE_MS,
  })

  function connectHttp(url: URL): Upstream {
    const upstream = createUndiciUpstream({
      origin: url,
      clock,
      lookup,
      connectTimeoutMs: limits.connectTimeout,
      keepAliveMs: limits.originKeepAlive,
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

  function connectS3(origin: Extract<Origin, { kind: 's3' }>): Upstream {
    const credentials = createCredentialSource({ environment, clock, record })
    const bucket = bucketOf(config, origin, readAwsRegion(environment))
    const inner = connectHttp(new URL(bucket.endpoint.origin))
    return createS3Upstream(inner, { ...bucket, credentials, clock })
  }

  return {
    connect(origin) {
      switch (origin.kind) {
        case 'http':
          return connectHttp(origin.url)
        case 'directory':
          return createDirectoryUpstream({ directory: origin.path, clock })
        case 's3':
          return connectS3(origin)
      }
    },
    async close() {
      await Promise.allSettled(upstreams.map((upstream) => upstream.close()))
    },
  }
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
