// Composition root on Node: config → adapters → serve → app → listen → drain.

import { randomBytes } from 'node:crypto'

import type { Logger } from 'pino'

import { createApp } from '#app/app.ts'
import type { PurgeEndpointOptions } from '#app/purge-endpoint.ts'
import { createHandle } from '#app/handle.ts'
import type { Handle } from '#app/handle.ts'
import type { BudgetBounds } from '#core/flow/budget.ts'
import { createFills } from '#core/flow/fills.ts'
import type { Fills } from '#core/flow/fills.ts'
import { createFlights } from '#core/flow/flights.ts'
import { createPurge } from '#core/flow/purge.ts'
import type { Purge } from '#core/flow/purge.ts'
import { RangeStreams } from '#core/flow/range-streams.ts'
import type { ReadOptions } from '#core/flow/read-request.ts'
import { createSearchVariances } from '#core/flow/search-variances.ts'
import { createServe } from '#core/flow/serve.ts'
import { createSiteTable } from '#core/flow/site-table.ts'
import type { SiteTable } from '#core/flow/site-table.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Store } from '#core/ports/store.ts'
import type { Gauges, Telemetry } from '#web/otel-telemetry.ts'
import { createTelemetry } from '#web/otel-telemetry.ts'
import { createStaticCluster } from '#web/static-cluster.ts'
import { createSystemClock } from '#web/system-clock.ts'
import type { AccessLog } from './adapters/node/access-log.ts'
import { createAdminAccess } from './adapters/node/admin-access.ts'
import { createAuditLog } from './adapters/node/audit-log.ts'
import { watchLoopLoad } from './adapters/node/loop-load.ts'
import { startMemoryGuard } from './adapters/node/memory-guard.ts'
import { createNodeDigests } from './adapters/node/node-digests.ts'
import { createFillScope } from './adapters/node/node-scope.ts'
import { createOtelSdk } from './adapters/node/otel-sdk.ts'
import type { Origin } from './config-origins.ts'
import type { Config, SiteConfig } from './config.ts'
import { sitesOf } from './config.ts'
import { createDoor } from './node-door.ts'
import { listenAll } from './node-listeners.ts'
import { addressOf, createOrigins } from './node-origins.ts'
import type { Origins } from './node-origins.ts'
import { openNodeStore } from './node-store.ts'
import { certificateGauges, loadNodeCertificates } from './node-tls.ts'
import { compileSite } from './sites.ts'

export interface StartOptions {
  readonly config: Config
  /** The origin when the config names none. */
  readonly fallback: Origin
  readonly environment: NodeJS.ProcessEnv
  readonly logger: Logger
  readonly accessLog: AccessLog | undefined
}

export interface Running {
  /** Where clients connect: in the clear, with TLS, or both. */
  readonly urls: readonly string[]
  readonly adminUrl: string | undefined
  readonly origins: readonly string[]
  /** Takes up what has changed in the files of certificates; absent without any. */
  readonly reload: (() => Promise<void>) | undefined
  /** Not ready from now on: still accepts for `delayMs`, then lets running answers finish, then ends. */
  drain(delayMs: number): Promise<void>
}

export async function startNode(options: StartOptions): Promise<Running> {
  const { config, fallback, environment, logger, accessLog } = options
  const clock = createSystemClock()
  // First of all: with a token or certificate that cannot be used nothing is started.
  const access = createAdminAccess(config.adminTokenFile)
  const certificates = await loadNodeCertificates(config, clock, logger)
  // The store tells of its troubles before there is anything to count them.
  const telling: { telemetry: Telemetry | undefined } = { telemetry: undefined }
  const record = (event: FlowEvent) => {
    telling.telemetry?.record(event)
    logEvent(logger, event)
  }
  const cluster = createStaticCluster(config.name)
  const origins = createOrigins({ config, clock, cluster, environment, record })
  const opened = await openNodeStore(config, clock, record)
  const { store, fillBounds } = opened
  const fills = createNodeFills(store, clock, fillBounds)
  const sdk = await createOtelSdk(config.name, endpointOf(config, environment))
  const gauges = { ...processGauges(fills, origins), ...certificateGauges(certificates) }
  const telemetry = createTelemetry(sdk.meter, { ...opened.gauges, ...gauges })
  telling.telemetry = telemetry
  const siteConfigs = sitesOf(config, fallback)
  const onBackgroundError = errorTeller(logger, 'Background work failed')
  const onError = errorTeller(logger, 'Request failed')
  const parts = { config, siteConfigs, clock, store, fills, origins, onBackgroundError, onError }
  const { handle, purge, sites } = createServing(parts)
  const door = createDoor({
    app: createApp(handle),
    handle,
    sites,
    readOptions: readOptionsOf(config),
    clock,
    telemetry,
    tracer: sdk.tracer,
    accessLog,
    deadlineMs: config.limits.requestTimeout,
    idPrefix: `${randomBytes(4).toString('hex')}-`,
    record: (event) => logEvent(logger, event),
    onBackgroundError,
  })
  const stopGuard = guardMemory(config, fills)
  const close = () => Promise.allSettled([opened.close(), origins.close(), sdk.shutdown()])
  const state = { isReady: true }
  const edge = { config, door, certificates, clock, onHandshake: telemetry.handshakeEnded }
  const listeners = await listenAll(edge, {
    isReady: () => state.isReady,
    metrics: sdk.metrics,
    purge: { purge, clock, access, audit: createAuditLog(logger), ...adminRules(config) },
    originStatus: () => origins.status(),
    readOptions: readOptionsOf(config),
    onError,
  }).catch(async (error: unknown) => {
    await close()
    throw error
  })
  return {
    urls: listeners.urls,
    adminUrl: listeners.adminUrl,
    origins: siteConfigs.flatMap((site) => site.origins.map(({ origin }) => addressOf(origin))),
    reload: certificates?.reload,
    async drain(delayMs) {
      state.isReady = false
      listeners.drain()
      await pause(clock, delayMs)
      await listeners.close(config.limits.drainTimeout)
      accessLog?.flush()
      stopGuard()
      // Before the store: a purge that is answered for has been written.
      await listeners.closeAdmin()
      await close()
    },
  }
}

function createNodeFills(store: Store, clock: Clock, bounds: BudgetBounds): Fills {
  const digests = createNodeDigests()
  return createFills({
    store,
    clock,
    random: Math.random,
    bounds,
    digests,
    isBusy: watchLoopLoad(),
  })
}

/** @returns Ends it. */
function guardMemory(config: Config, fills: Fills): () => void {
  return startMemoryGuard({
    maxExternalBytes: () => config.memory + fills.budget.pinnedBytes,
    isBusy: () => fills.count() > 0,
  })
}

interface ServingParts {
  readonly config: Config
  readonly siteConfigs: readonly SiteConfig[]
  readonly clock: Clock
  readonly store: Store
  readonly fills: Fills
  readonly origins: Origins
  onBackgroundError(error: unknown): void
  onError(error: unknown): void
}

interface Serving {
  readonly handle: Handle
  readonly purge: Purge
  sites(): SiteTable
}

/** What serves requests, and what purges: both find sites and stored responses in the same places. */
function createServing(parts: ServingParts): Serving {
  const { config, siteConfigs, clock, store, fills, origins, onBackgroundError, onError } = parts
  const table = createSiteTable(
    siteConfigs.map((site) => compileSite(config, site, origins.stackFor(site))),
  )
  const sites = () => table
  const searchVariances = createSearchVariances()
  const serve = createServe({
    store,
    clock,
    fills,
    flights: createFlights(),
    searchVariances,
    rangeStreams: new RangeStreams(),
    fillScopes: (from) => createFillScope(from, { onBackgroundError }),
    name: config.name,
  })
  return {
    handle: createHandle({ serve, name: config.name, onError }),
    purge: createPurge({ store, searchVariances, sites }),
    sites,
  }
}

function readOptionsOf({ limits, name }: Config): ReadOptions {
  return {
    limits: {
      maxTargetBytes: limits.targetSize,
      maxFieldBytes: limits.fieldSize,
      maxFieldCount: limits.fieldCount,
    },
    scheme: 'http',
    name,
  }
}

function adminRules({ limits }: Config): Pick<PurgeEndpointOptions, 'maxCallsPerSecond'> {
  return { maxCallsPerSecond: limits.adminChangesPerSecond }
}

function errorTeller(logger: Logger, what: string): (error: unknown) => void {
  return (error) => logger.error({ err: error }, what)
}

/** What an operator should hear of without looking at every request. */
function logEvent(logger: Logger, event: FlowEvent): void {
  switch (event.kind) {
    case 'breaker':
      return logger.warn(event, `Breaker of "${event.address}" is ${event.state}`)
    case 'health': {
      const found = event.isWell ? 'is well again' : 'is not well'
      return logger.warn(event, `Origin "${event.address}" ${found}: ${event.result}`)
    }
    case 'credentials-kept':
      return logger.warn(
        event,
        `Cannot read new credentials, going on with the old: ${event.message}`,
      )
    case 'store-failed':
      return logger.warn(event, event.message)
    case 'limit':
      return logger.warn(event, `Limit reached: ${event.name}`)
    case 'fetch-failed':
      return logger.info(event, `Origin did not answer: ${event.error}`)
    default:
      return logger.debug(event)
  }
}

function processGauges(fills: Fills, origins: Origins): Gauges {
  return {
    ...origins.gauges,
    sluice_fills: { description: 'Bodies being filled or read', read: () => fills.count() },
    sluice_process_resident_bytes: {
      description: 'Resident set size of the process',
      read: () => process.memoryUsage.rss(),
    },
  }
}

function endpointOf(config: Config, environment: NodeJS.ProcessEnv): URL | undefined {
  const endpoint = config.otlpEndpoint ?? environment['OTEL_EXPORTER_OTLP_ENDPOINT']
  return endpoint === undefined || endpoint === '' ? undefined : new URL(endpoint)
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve))
}
