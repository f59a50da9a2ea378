// The stack of upstreams of each site on Node, and the registry that shares what is kept by address.

import type { LookupFunction } from 'node:net'

import type { Clock } from '#core/ports/clock.ts'
import type { Cluster } from '#core/ports/cluster.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { withBreaker } from '#core/upstream/breaker.ts'
import { withDeadline } from '#core/upstream/deadline.ts'
import { withLimit } from '#core/upstream/limit.ts'
import type { Member } from '#core/upstream/pick.ts'
import { createPick } from '#core/upstream/pick.ts'
import { withRetry } from '#core/upstream/retry.ts'
import { withSharding } from '#core/upstream/sharded.ts'
import { createS3Upstream } from '#web/s3-upstream.ts'
import { readAwsCredentials, readAwsRegion } from './adapters/node/aws-credentials.ts'
import { createDirectoryUpstream } from './adapters/node/directory-upstream.ts'
import { createDnsLookup } from './adapters/node/dns-lookup.ts'
import { createUndiciUpstream } from './adapters/node/undici-upstream.ts'
import type { Config, Origin, SiteConfig } from './config.ts'

export interface Origins {
  /** `sharded(retry(pick(member → breaker(limit(deadline(address))))))`. */
  stackFor(site: SiteConfig): Upstream
  close(): Promise<void>
}

export interface OriginsOptions {
  readonly config: Config
  readonly clock: Clock
  readonly cluster: Cluster
  /** Where AWS credentials and region are named. */
  readonly environment: NodeJS.ProcessEnv
}

/** DNS answers are used for at least this long, and for at most this long past their TTL. */
const MIN_DNS_TTL_MS = 1000
const MAX_DNS_STALE_MS = 3_600_000

export function createOrigins(options: OriginsOptions): Origins {
  const { config, clock, cluster, environment } = options
  const { limits } = config
  const members = new Map<string, Member>()
  const closers: (() => Promise<void>)[] = []
  const lookup = createDnsLookup({
    clock,
    timeoutMs: limits.dnsTimeout,
    minTtlMs: MIN_DNS_TTL_MS,
    maxStaleMs: MAX_DNS_STALE_MS,
  })

  /** Breaker, limit and pool of an address are one, whichever site asks. */
  function memberOf(origin: Origin): Member {
    const address = addressOf(origin)
    const existing = members.get(address)
    if (existing !== undefined) return existing
    const fetched = deadlined(connect(origin, lookup))
    const limited = withLimit(fetched, {
      clock,
      maxConcurrentCount: limits.originConcurrency,
      maxQueueCount: limits.originQueue,
      maxWaitMs: limits.originQueueWait,
    })
    const member: Member = { address, upstream: guarded(limited, address) }
    members.set(address, member)
    return member
  }

  function deadlined(upstream: Upstream): Upstream {
    const { firstByteTimeout: firstByteMs, idleTimeout: idleMs } = limits
    return withDeadline(upstream, { clock, firstByteMs, idleMs })
  }

  function guarded(upstream: Upstream, address: string): Member['upstream'] {
    if (!config.breaker) return { ...upstream, isOpen: () => false }
    return withBreaker(upstream, {
      clock,
      address,
      maxFailureCount: limits.breakerFailures,
      openMs: limits.breakerOpen,
    })
  }

  function connect(origin: Origin, resolve: LookupFunction): Upstream {
    switch (origin.kind) {
      case 'http':
        return http(origin.url, resolve)
      case 'directory':
        return createDirectoryUpstream({ directory: origin.path, clock })
      case 's3': {
        const region = config.s3Region ?? readAwsRegion(environment) ?? 'us-east-1'
        const credentials = readAwsCredentials(environment)
        const endpoint = new URL(config.s3Endpoint ?? `https://s3.${region}.amazonaws.com`)
        return createS3Upstream(http(new URL(endpoint.origin), resolve), {
          bucket: origin.bucket,
          prefix: origin.prefix === '' ? '' : `${origin.prefix.replace(/\/$/, '')}/`,
          endpoint,
          region,
          credentials: () => credentials,
          missingKeyAs404: true,
          clock,
        })
      }
    }
  }

  function http(url: URL, resolve: LookupFunction): Upstream {
    const upstream = createUndiciUpstream({
      origin: url,
      clock,
      lookup: resolve,
      connectTimeoutMs: limits.connectTimeout,
      keepAliveMs: limits.originKeepAlive,
      maxConnectionCount: limits.originConcurrency,
      maxHeadBytes: limits.headSize,
      limits: { maxFieldCount: limits.fieldCount, maxInterimCount: limits.interimResponses },
    })
    closers.push(() => upstream.close())
    return upstream
  }

  return {
    stackFor(site) {
      const pick = createPick(site.origins.map(memberOf))
      const retried = withRetry(pick, { maxAttemptCount: limits.originAttempts })
      return withSharding(retried, { cluster, peer: () => undefined })
    },
    async close() {
      await Promise.allSettled(closers.map((close) => close()))
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
