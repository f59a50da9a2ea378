// The whole flow over an origin that only takes note of what it is asked.

import { createNodeDigests } from '../../src/adapters/node/node-digests.ts'
import type { Asked } from '#core/entry/asked.ts'
import { createFills } from '#core/flow/fills.ts'
import { createFlights } from '#core/flow/flights.ts'
import { RangeStreams } from '#core/flow/range-streams.ts'
import { createSearchVariances } from '#core/flow/search-variances.ts'
import { createServe } from '#core/flow/serve.ts'
import type { Site } from '#core/flow/site.ts'
import type { FillScope } from '#core/ports/request-scope.ts'
import type { Upstream, UpstreamRequest } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'

import { createSteppedClock } from './stepped-clock.ts'

export interface RecordingServe {
  /** For the sites that are served. */
  readonly upstream: Upstream
  /** Serves a request with nothing stored, and gives the first request that the origin saw for it. */
  serve(asked: Asked, site: Site): Promise<UpstreamRequest>
}

/** Nothing comes, so nothing is ever stored; made once, as traces of stacks are dear. */
const REFUSED = new UpstreamError('connection_refused', 'Cannot connect', { retryable: false })

export function createRecordingServe(): RecordingServe {
  let seen: UpstreamRequest | undefined
  const clock = createSteppedClock()
  const invalidations = createInvalidations()
  const store = createMemoryStore({ maxBytes: 1024 * 1024, invalidations })
  const scope: FillScope = {
    id: 'recorded',
    trace: undefined,
    deadlineAtMs: Infinity,
    signal: new AbortController().signal,
    record: () => undefined,
    background: (task) => void task.catch(() => undefined),
    abort: () => undefined,
  }
  const serve = createServe({
    store,
    clock,
    fills: createFills({
      store,
      clock,
      random: () => 0.5,
      bounds: { maxFillingBytes: 1024 * 1024, maxPinnedBytes: 1024 * 1024 },
      digests: createNodeDigests(),
    }),
    flights: createFlights(),
    searchVariances: createSearchVariances(),
    rangeStreams: new RangeStreams(),
    fillScopes: () => scope,
    name: 'sluice',
  })

  return {
    upstream: {
      fetch(request) {
        seen ??= request
        return Promise.reject(REFUSED)
      },
    },
    async serve(asked, site) {
      seen = undefined
      try {
        await serve(asked, site, scope)
      } catch (error) {
        if (error !== REFUSED) throw error
      }
      if (seen === undefined) throw new Error('Cannot tell what was sent: the origin was not asked')
      return seen
    },
  }
}
