// The whole core over fakes: requests in, answers out, on a stepped clock.

import { setImmediate } from 'node:timers/promises'

import { createHandle } from '#app/handle.ts'
import type { Answer } from '#core/entry/answer.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import { combined } from '#core/entry/fields.ts'
import { createFills } from '#core/flow/fills.ts'
import { createFlights } from '#core/flow/flights.ts'
import type { ReadOptions } from '#core/flow/read-request.ts'
import { readHead } from '#core/flow/read-request.ts'
import { RangeStreams } from '#core/flow/range-streams.ts'
import { createSearchVariances } from '#core/flow/search-variances.ts'
import { createServe } from '#core/flow/serve.ts'
import type { Site } from '#core/flow/site.ts'
import type { Store } from '#core/ports/store.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { createInvalidations } from '#web/invalidations.ts'
import { createNodeDigests } from '../../src/adapters/node/node-digests.ts'
import { createMemoryStore } from '#web/memory-store.ts'
import { testPolicy } from './policy.ts'
import { createFakeUpstream } from './fake-upstream.ts'
import type { FakeUpstream, FakeUpstreamOptions } from './fake-upstream.ts'
import { createTestFillScopes, createTestScope } from './scopes.ts'
import type { TestFillScopes, TestScope } from './scopes.ts'
import { createSteppedClock } from './stepped-clock.ts'
import type { SteppedClock } from './stepped-clock.ts'

export const SEGMENT_BYTES = 1024

export interface EdgeOptions {
  /** Of the connections that requests come on; default `http`. */
  readonly scheme?: 'http' | 'https'
  readonly store?: Store
  readonly memoryBytes?: number
  readonly site?: Partial<Omit<Site, 'policy' | 'forward' | 'fill'>> & {
    readonly policy?: Partial<Site['policy']>
    readonly forward?: Partial<Site['forward']>
    readonly fill?: Partial<Site['fill']>
  }
  readonly fillBudgetBytes?: number
  readonly pinnedBytes?: number
  readonly upstream?: Omit<FakeUpstreamOptions, 'clock'>
  /** Around the fake origin. */
  wrap?(upstream: Upstream, clock: SteppedClock): Upstream
}

export interface Got {
  readonly status: number
  readonly answer: Answer
  readonly scope: TestScope
  field(name: string): string | undefined
  /** Our member of Cache-Status, without the name. */
  readonly cache: string
}

export interface GotWhole extends Got {
  readonly body: Uint8Array
  /** What broke the body off. */
  readonly error: unknown
}

export interface Edge {
  readonly clock: SteppedClock
  readonly origin: FakeUpstream
  readonly store: Store
  readonly site: Site
  readonly fills: ReturnType<typeof createFills>
  readonly flights: ReturnType<typeof createFlights>
  readonly fillScopes: TestFillScopes
  /** Asks, and gives the answer with its body unread. */
  ask(target: string, fields?: Readonly<Record<string, string>>, method?: string): Promise<Got>
  /** Asks and reads everything. */
  get(target: string, fields?: Readonly<Record<string, string>>, method?: string): Promise<GotWhole>
}

const READ_OPTIONS: ReadOptions = {
  limits: { maxTargetBytes: 4096, maxFieldBytes: 8192, maxFieldCount: 100 },
  scheme: 'http',
  name: 'sluice',
}

export function createEdge(options: EdgeOptions = {}): Edge {
  const clock = createSteppedClock()
  const origin = createFakeUpstream({ clock, chunkBytes: 300, ...options.upstream })
  const store =
    options.store ??
    createMemoryStore({
      maxBytes: options.memoryBytes ?? 1024 * 1024,
      invalidations: createInvalidations(),
    })
  const maxFillingBytes = options.fillBudgetBytes ?? 64 * SEGMENT_BYTES
  const maxPinnedBytes = options.pinnedBytes ?? maxFillingBytes
  const bounds = { maxFillingBytes, maxPinnedBytes }
  const digests = createNodeDigests()
  const fills = createFills({ store, clock, random: () => 0.5, bounds, digests })
  const flights = createFlights()
  const fillScopes = createTestFillScopes()
  const site = testSite(options, options.wrap?.(origin, clock) ?? origin)
  const serve = createServe({
    store,
    clock,
    fills,
    flights,
    searchVariances: createSearchVariances(),
    rangeStreams: new RangeStreams(),
    fillScopes: fillScopes.scopes,
    name: 'sluice',
  })
  const handle = createHandle({
    serve,
    name: 'sluice',
    onError(error) {
      throw error
    },
  })

  async function ask(
    target: string,
    fields: Readonly<Record<string, string>> = {},
    method = 'GET',
  ) {
    const lines = ['host', 'edge.test', ...Object.entries(fields).flat()]
    const raw = { method, target, httpVersion: '1.1', lines, body: undefined }
    const head = readHead(raw, { ...READ_OPTIONS, scheme: options.scheme ?? 'http' })
    if (head.kind === 'refused') throw new Error(`Cannot ask: ${head.reason}`)
    const scope = createTestScope()
    return gotOf(await handle(head, site, scope), scope)
  }

  return {
    clock,
    origin,
    store,
    site,
    fills,
    flights,
    fillScopes,
    ask,
    async get(target, fields, method) {
      const got = await ask(target, fields, method)
      return { ...got, ...(await readBody(got.answer)) }
    },
  }
}

function gotOf(answer: Answer, scope: TestScope): Got {
  const cacheStatus = combined(answer.fields, 'cache-status') ?? ''
  return {
    status: answer.status,
    answer,
    scope,
    field: (name) => combined(answer.fields, name),
    cache: cacheStatus.replace(/^.*sluice(; )?/, ''),
  }
}

/** Everything that comes, and what ended it. */
export async function readBody({ body }: Answer): Promise<{ body: Uint8Array; error: unknown }> {
  if (body.kind === 'none') return { body: new Uint8Array(), error: undefined }
  if (body.kind === 'bytes') return { body: body.bytes, error: undefined }
  return await drainSource(body.source)
}

export async function drainSource(
  source: ByteSource,
): Promise<{ body: Uint8Array; error: unknown }> {
  const chunks: Uint8Array[] = []
  let error: unknown
  try {
    for (;;) {
      const chunk = await source.read()
      if (chunk === undefined) break
      chunks.push(chunk.slice())
    }
  } catch (thrown) {
    error = thrown
  }
  return { body: new Uint8Array(Buffer.concat(chunks)), error }
}

function testSite({ site = {} }: EdgeOptions, upstream: Upstream): Site {
  const { policy, forward, fill, ...rest } = site
  return {
    name: 'test',
    match: { hosts: [], pathPrefix: '/' },
    upstream,
    segmentBytes: SEGMENT_BYTES,
    query: { keep: undefined, drop: new Set(), sort: false },
    usesNoVarySearch: false,
    methods: 'read',
    hostSent: 'origin',
    responseRules: [],
    cors: undefined,
    hooks: {},
    ...rest,
    policy: testPolicy({ staleWindowMs: 86_400_000, ...policy }),
    forward: {
      mode: 'listed',
      fields: new Set(),
      codings: ['br', 'gzip'],
      ignoresLanguageOrder: false,
      sendsAuthorization: true,
      ...forward,
    },
    fill: {
      windowBytes: 16 * SEGMENT_BYTES,
      finishMaxBytes: 4 * SEGMENT_BYTES,
      stallMs: 20_000,
      maxResumeCount: 3,
      resumeDelayMs: 100,
      gapBytes: 0,
      maxExcessBytes: 64 * SEGMENT_BYTES,
      maxWaitBytes: 8 * SEGMENT_BYTES,
      maxWaitMs: 500,
      rangesIgnoredMs: 60_000,
      mismatchMs: 60_000,
      spread: {
        maxCount: 1,
        chunkBytes: 2 * SEGMENT_BYTES,
        slowBytesPerSecond: 1_000_000,
        minBytes: 0,
      },
      readAheadBytes: 0,
      ...fill,
    },
  }
}

/**
 * Steps the clock until something that waits for timers has come about. What else it waits for, such as a digest,
 * comes in its own time: until then the clock stands.
 */
export async function whileStepping<T>(clock: SteppedClock, promise: Promise<T>): Promise<T> {
  let isOver = false
  const over = promise.finally(() => {
    isOver = true
  })
  over.catch(() => undefined)
  while (!isOver) {
    await setImmediate()
    if (clock.pendingCount() > 0) await clock.step(10)
  }
  return await over
}
