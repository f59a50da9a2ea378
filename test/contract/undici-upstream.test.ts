import { lookup } from 'node:dns'

import { createSystemClock } from '#web/system-clock.ts'

import { createUndiciUpstream } from '../../src/adapters/node/undici-upstream.ts'
import { describeUpstream, overTestOrigin } from './upstream-contract.ts'

describeUpstream('createUndiciUpstream', () =>
  overTestOrigin((origin) =>
    createUndiciUpstream({
      origin,
      clock: createSystemClock(),
      lookup,
      connectTimeoutMs: 5000,
      keepAliveMs: 5000,
      maxConnectionCount: 32,
      maxHeadBytes: 65_536,
      limits: { maxFieldCount: 200, maxInterimCount: 10 },
    }),
  ),
)
