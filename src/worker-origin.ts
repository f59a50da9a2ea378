// The stack of upstreams on Workers: breaker and deadlines around `fetch`.

import type { Clock } from '#core/ports/clock.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { createBreaker, withBreaker } from '#core/upstream/breaker.ts'
import { withDeadline } from '#core/upstream/deadline.ts'
import { createPick } from '#core/upstream/pick.ts'
import { createRetryBudget } from '#core/upstream/retry-budget.ts'
import { withRetry } from '#core/upstream/retry.ts'
import { createFetchUpstream } from '#web/fetch-upstream.ts'
import { createS3Upstream } from '#web/s3-upstream.ts'
import { withStoredLimit } from './adapters/worker/stored-limit.ts'
import { breakerRules, deadlineRules, retryRules } from './origin-rules.ts'
import type { WorkerConfig } from './worker-config.ts'
import { bucketOf } from './s3-settings.ts'

/**
 * `stored-limit(retry(pick(breaker(deadline(fetch)))))`. Of all these only the breaker's counts outlive a request.
 * There is no limit of concurrent transfers: its queue would have requests wait for one another, which Workers do
 * not allow, and the runtime has a limit of its own.
 */
export function createWorkerOrigin(settings: WorkerConfig, clock: Clock): Upstream {
  const { config, maxStoredBytes } = settings
  const { limits } = config
  const address = addressOf(settings)
  const upstream = withDeadline(connect(settings, clock), { clock, ...deadlineRules(limits) })
  const breaker = createBreaker({
    clock,
    random: Math.random,
    address,
    rules: breakerRules(limits),
  })
  const member = {
    address,
    weight: 1,
    isBackup: false,
    upstream: config.breaker ? withBreaker(upstream, breaker, { clock }) : upstream,
    waitMs: () => (config.breaker ? breaker.waitMs() : 0),
    runningCount: () => 0,
  }
  const pick = createPick([member], 'round-robin')
  return withStoredLimit(
    withRetry(pick, {
      ...retryRules(limits),
      clock,
      random: Math.random,
      hasOther: (tried) => pick.hasOther(tried),
      budget: createRetryBudget({
        clock,
        fraction: limits.retryFraction,
        minCount: limits.retryMin,
      }),
    }),
    maxStoredBytes,
  )
}

function connect({ config, origin, credentials }: WorkerConfig, clock: Clock): Upstream {
  if (origin.kind === 'http') return createFetchUpstream({ origin: origin.url, clock })
  const bucket = bucketOf(config, origin)
  const inner = createFetchUpstream({ origin: new URL(bucket.endpoint.origin), clock })
  const options = { ...bucket, credentials: () => credentials, clock }
  // One each time: it keeps signatures as promises, and those of one request are not for another.
  return { fetch: (request, scope) => createS3Upstream(inner, options).fetch(request, scope) }
}

/** Names the origin in logs, and in the name of the cache that keeps its responses. */
export function addressOf({ config, origin }: WorkerConfig): string {
  if (origin.kind === 'http') return origin.url.href.replace(/\/$/, '')
  const { s3Endpoint = '' } = config
  return `${s3Endpoint.replace(/\/$/, '')}#s3://${origin.bucket}/${origin.prefix}`
}
