// Composition root on Workers: variables → adapters → serve → handle → Response.

import { createHandle } from '#app/handle.ts'
import { answerOfRefusal } from '#app/error-response.ts'
import type { Answer } from '#core/entry/answer.ts'
import type { RawRequest } from '#core/entry/asked.ts'
import { first } from '#core/entry/fields.ts'
import { createFills } from '#core/flow/fills.ts'
import { createFlights } from '#core/flow/flights.ts'
import type { ReadOptions } from '#core/flow/read-request.ts'
import { readHead } from '#core/flow/read-request.ts'
import { plainAnswer } from '#core/flow/refuse.ts'
import { RangeStreams } from '#core/flow/range-streams.ts'
import { createSearchVariances } from '#core/flow/search-variances.ts'
import { createServe } from '#core/flow/serve.ts'
import type { Site } from '#core/flow/site.ts'
import { parseTraceparent } from '#core/http/traceparent.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Invalidations } from '#web/invalidations.ts'
import { createInvalidations } from '#web/invalidations.ts'
import { createSystemClock } from '#web/system-clock.ts'
import { toWebResponse } from '#web/web-answer.ts'
import { createCacheApiStore } from './adapters/worker/cache-api-store.ts'
import { rawRequestOf } from './adapters/worker/raw-request.ts'
import { createWorkerDigests } from './adapters/worker/worker-digests.ts'
import { WorkerScope } from './adapters/worker/worker-scope.ts'
import type { Config } from './config.ts'
import { compileSite } from './sites.ts'
import { readWorkerConfig } from './worker-config.ts'
import { addressOf, createWorkerOrigin } from './worker-origin.ts'

type Env = Readonly<Record<string, unknown>>

/** What outlives a request: settings and counts, and nothing that a request could be waiting for. */
interface Isolate {
  readonly config: Config
  readonly site: Site
  readonly clock: Clock
  readonly invalidations: Invalidations
  readonly logId: string
  /** Of its own for each origin, as all Workers of a zone share what they name alike. */
  readonly cacheName: string
}

interface Unusable {
  readonly problems: readonly string[]
}

/** Made on first use: a module may not ask for the time or for randomness while it is loaded. */
const isolates = new WeakMap<Env, Isolate | Unusable>()

export default {
  async fetch(request, env, context): Promise<Response> {
    const isolate = isolateOf(env)
    return toWebResponse(
      'problems' in isolate
        ? plainAnswer(500, `Sluice is not configured\n${isolate.problems.join('\n')}`)
        : await answer(request, isolate, context),
    )
  },
} satisfies ExportedHandler<Env>

function isolateOf(env: Env): Isolate | Unusable {
  const known = isolates.get(env)
  if (known !== undefined) return known
  const made = createIsolate(env)
  isolates.set(env, made)
  return made
}

function createIsolate(env: Env): Isolate | Unusable {
  const settings = readWorkerConfig(env)
  if ('problems' in settings) return settings
  const { config, site } = settings
  const clock = createSystemClock()
  return {
    config,
    site: compileSite(config, site, createWorkerOrigin(settings, clock)),
    clock,
    invalidations: createInvalidations(),
    logId: crypto.randomUUID(),
    cacheName: `sluice ${config.name} ${addressOf(settings)}`,
  }
}

/** Flights and fills are made for the one request: a promise of another must not be waited for. */
async function answer(
  request: Request,
  isolate: Isolate,
  context: ExecutionContext,
): Promise<Answer> {
  const { config, site, clock, invalidations, logId, cacheName } = isolate
  const raw = rawRequestOf(request)
  const head = readHead(raw, readOptionsOf(request, config))
  if (head.kind === 'refused') return answerOfRefusal(head)
  const scope = createScope(raw, isolate, context)
  const store = createCacheApiStore({
    cache: () => caches.open(cacheName),
    invalidations,
    logId,
    record: (event) => scope.record(event),
  })
  const serve = createServe({
    store,
    clock,
    fills: createFills({
      store,
      clock,
      random: Math.random,
      bounds: {
        maxFillingBytes: config.limits.fillBudget,
        maxPinnedBytes: config.limits.fillBudget,
      },
      digests: createWorkerDigests(),
    }),
    flights: createFlights(),
    searchVariances: createSearchVariances(),
    rangeStreams: new RangeStreams(),
    fillScopes: (from) => scope.fill(from),
    name: config.name,
  })
  const handle = createHandle({ serve, name: config.name, onError: tellError })
  return await handle(head, site, scope)
}

function readOptionsOf(request: Request, { limits, name }: Config): ReadOptions {
  return {
    limits: {
      maxTargetBytes: limits.targetSize,
      maxFieldBytes: limits.fieldSize,
      maxFieldCount: limits.fieldCount,
    },
    scheme: request.url.startsWith('https:') ? 'https' : 'http',
    name,
  }
}

function createScope(
  { lines }: RawRequest,
  { config, clock }: Isolate,
  context: ExecutionContext,
): WorkerScope {
  const traceparent = first(lines, 'traceparent')
  return new WorkerScope({
    id: first(lines, 'cf-ray') ?? crypto.randomUUID(),
    trace: traceparent === undefined ? undefined : parseTraceparent(traceparent),
    deadlineAtMs: clock.monotonicMs() + config.limits.requestTimeout,
    record: tellEvent,
    waitUntil: (task) => context.waitUntil(task),
    onBackgroundError: tellError,
  })
}

/** Kinds that are worth a line in the Worker's log. */
const LOUD: ReadonlySet<FlowEvent['kind']> = new Set([
  'breaker',
  'limit',
  'fetch-failed',
  'version-changed',
  'field-dropped',
  'store-failed',
])

function tellEvent(event: FlowEvent): void {
  if (LOUD.has(event.kind)) console.warn(JSON.stringify(event))
}

function tellError(error: unknown): void {
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error))
}
