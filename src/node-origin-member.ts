// An address as one of a site's origins: its weight, its place, and whether the site's checks find it well.

import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Health } from '#core/upstream/health.ts'
import { startHealth } from '#core/upstream/health.ts'
import type { Member } from '#core/upstream/pick.ts'
import type { OriginStatus } from '#app/origins-endpoint.ts'
import type { HealthCheckConfig, OriginMember } from './config-origins.ts'
import type { OriginAddress } from './node-origin-address.ts'

export interface OriginMemberUpstream extends Member {
  status(): OriginStatus
  /** Ends the checks. */
  stop(): void
}

export function createMember(
  shared: OriginAddress,
  { weight, backup }: OriginMember,
  check: HealthCheckConfig | undefined,
  { clock, record }: { readonly clock: Clock; record(event: FlowEvent): void },
): OriginMemberUpstream {
  const { address, upstream } = shared
  const health: Health | undefined =
    check === undefined
      ? undefined
      : startHealth({
          clock,
          random: Math.random,
          address,
          upstream,
          target: check.path,
          statuses: new Set(check.status),
          intervalMs: check.interval,
          timeoutMs: check.timeout,
          record,
        })
  const unwellMs = () => (health?.isWell === false ? (check?.interval ?? 0) : 0)
  return {
    address,
    upstream,
    weight,
    isBackup: backup,
    waitMs: () => Math.max(shared.waitMs(), unwellMs()),
    runningCount: () => shared.runningCount(),
    status() {
      const { breaker, limitCount, runningCount, queueCount } = shared.status()
      const waitMs = shared.waitMs()
      return {
        address,
        weight,
        backup,
        usable: waitMs === 0 && health?.isWell !== false,
        breaker: breaker === undefined ? 'off' : breaker.state,
        requests: breaker?.requestCount ?? 0,
        failures: breaker?.failureCount ?? 0,
        retryAfterMs: Math.ceil(waitMs),
        limit: limitCount,
        running: runningCount,
        queued: queueCount,
        health: health === undefined ? 'off' : health.isWell ? 'well' : 'unwell',
        lastCheck: health?.lastResult,
      }
    },
    stop: () => health?.stop(),
  }
}
