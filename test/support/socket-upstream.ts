// An upstream over real connections to an origin of a test, with limits that no test comes near.

import { lookup } from 'node:dns'

import type { Clock } from '#core/ports/clock.ts'
import { createSystemClock } from '#web/system-clock.ts'

import { createUndiciUpstream } from '../../src/adapters/node/undici-upstream.ts'
import type {
  UndiciUpstream,
  UndiciUpstreamOptions,
} from '../../src/adapters/node/undici-upstream.ts'

export function connectTo(
  origin: URL,
  clock: Clock = createSystemClock(),
  options: Partial<UndiciUpstreamOptions> = {},
): UndiciUpstream {
  return createUndiciUpstream({
    origin,
    clock,
    random: Math.random,
    lookup,
    connectTimeoutMs: 5000,
    keepAliveMs: 5000,
    connectionLifeMs: 300_000,
    warmCount: 0,
    maxConnectionCount: 32,
    maxHeadBytes: 65_536,
    limits: { maxFieldCount: 200, maxInterimCount: 10 },
    ...options,
  })
}
