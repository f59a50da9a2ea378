// What the limits of a config are to breakers and retries; for both roots.

import type { BreakerRules } from '#core/upstream/breaker-state.ts'
import type { DeadlineOptions } from '#core/upstream/deadline.ts'
import type { RetryOptions } from '#core/upstream/retry.ts'
import type { Limits } from './config.ts'

export function breakerRules(limits: Limits): BreakerRules {
  return {
    windowMs: limits.breakerWindow,
    minRequestCount: limits.breakerRequests,
    failureRatio: limits.breakerRatio,
    maxRowCount: limits.breakerFailures,
    openMs: limits.breakerOpen,
    maxProbeCount: limits.breakerProbes,
    rampMs: limits.breakerRamp,
  }
}

export function retryRules(
  limits: Limits,
): Pick<RetryOptions, 'maxAttemptCount' | 'minDelayMs' | 'jitterMs' | 'maxDelayMs'> {
  return {
    maxAttemptCount: limits.originAttempts,
    minDelayMs: limits.retryDelay,
    jitterMs: limits.retryJitter,
    maxDelayMs: limits.retryAfterMax,
  }
}

export function deadlineRules(limits: Limits): Omit<DeadlineOptions, 'clock'> {
  return {
    firstByteMs: limits.firstByteTimeout,
    idleMs: limits.idleTimeout,
    minBytesPerSecond: limits.minRate,
    slowMs: limits.minRateTime,
  }
}
