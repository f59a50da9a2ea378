// One address of an origin, whichever site asks it: its breaker, its limit, its deadlines, and what they know.

import type { Clock } from '#core/ports/clock.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import type { BreakerStatus } from '#core/upstream/breaker.ts'
import { createBreaker, withBreaker } from '#core/upstream/breaker.ts'
import { withDeadline } from '#core/upstream/deadline.ts'
import type { LimitStatus } from '#core/upstream/limit.ts'
import { withLimit } from '#core/upstream/limit.ts'
import type { Gauges } from '#web/otel-telemetry.ts'
import type { Config } from './config.ts'
import { breakerRules, deadlineRules } from './origin-rules.ts'

export interface OriginAddress {
  readonly address: string
  /** `breaker(limit(deadline(address)))`. */
  readonly upstream: Upstream
  waitMs(): number
  runningCount(): number
  status(): AddressStatus
}

export interface AddressStatus extends LimitStatus {
  /** `undefined` where there is none. */
  readonly breaker: BreakerStatus | undefined
}

export function createOriginAddress(
  address: string,
  inner: Upstream,
  { config, clock }: { readonly config: Config; readonly clock: Clock },
): OriginAddress {
  const { limits } = config
  const rules = breakerRules(limits)
  const breaker = config.breaker
    ? createBreaker({ clock, random: Math.random, address, rules })
    : undefined
  const limited = withLimit(withDeadline(inner, { clock, ...deadlineRules(limits) }), {
    clock,
    maxConcurrentCount: limits.originConcurrency,
    minConcurrentCount: limits.originConcurrencyMin,
    maxQueueCount: limits.originQueue,
    maxWaitMs: limits.originQueueWait,
    concurrency: (maxCount) => breaker?.concurrency(maxCount) ?? maxCount,
  })
  return {
    address,
    upstream: breaker === undefined ? limited : withBreaker(limited, breaker, { clock }),
    waitMs: () => breaker?.waitMs() ?? 0,
    runningCount: () => limited.status().runningCount,
    status: () => ({ ...limited.status(), breaker: breaker?.status() }),
  }
}

/** Of each address, when metrics are scraped. */
export function originGauges(addresses: () => readonly OriginAddress[]): Gauges {
  const gauge = (description: string, valueOf: (address: OriginAddress) => number) => ({
    description,
    read: () =>
      addresses().map((each) => ({ value: valueOf(each), attributes: { origin: each.address } })),
  })
  return {
    sluice_origin_breaker_open: gauge(
      '1 while its breaker lets nothing but probes through',
      (each) => (each.waitMs() > 0 ? 1 : 0),
    ),
    sluice_origin_running: gauge('Transfers under way', (each) => each.status().runningCount),
    sluice_origin_limit: gauge(
      'Transfers there may be at once',
      (each) => each.status().limitCount,
    ),
    sluice_origin_queue: gauge(
      'Requests that wait for a place',
      (each) => each.status().queueCount,
    ),
  }
}
