// A whole edge under a random schedule of requests, faults, flips and evictions; one seed, one history.

import { createHash } from 'node:crypto'

import type { CacheKey } from '#core/entry/cache-key.ts'
import { EVERYTHING } from '#core/entry/invalidation-scope.ts'
import { cacheKeyOf } from '#core/entry/cache-key.ts'
import { createEdge, SEGMENT_BYTES } from './edge.ts'
import type { Edge } from './edge.ts'
import type { FakeFault } from './fake-faults.ts'
import type { FakeStore } from './fake-store.ts'
import type { Gate } from './gate.ts'
import { createGate } from './gate.ts'
import type { SeededRandom } from './seeded-random.ts'
import { createSeededRandom } from './seeded-random.ts'
import type { Asking } from './simulation-check.ts'
import { checkAsking } from './simulation-check.ts'
import { checkTransfers } from './simulation-transfers.ts'
import type { SimulatedObject } from './simulation-objects.ts'
import { createSimulatedOrigin, makeObjects, putVersion } from './simulation-objects.ts'
import { calmFields, fieldsOf } from './simulation-requests.ts'
import type { WrittenSegment } from './simulation-store.ts'
import { makeStore } from './simulation-store.ts'
import { turn } from './stepped-clock.ts'

export interface Simulated {
  /** What was broken, in the order found; empty is what is hoped for. */
  readonly problems: readonly string[]
  /** What was done, to read beside a problem. */
  readonly history: readonly string[]
  readonly requestCount: number
}

interface Simulation {
  readonly random: SeededRandom
  readonly edge: Edge
  readonly objects: readonly SimulatedObject[]
  readonly fake: FakeStore | undefined
  /** Segments that were written, to choose from for eviction. */
  readonly segments: WrittenSegment[]
  readonly isCalm: boolean
  readonly chunkBytes: number
  readonly askings: Asking[]
  readonly running: Promise<void>[]
  readonly history: string[]
  readonly problems: string[]
  readonly heals: (() => void)[]
  readonly gates: Gate[]
  ticks: (() => void)[]
  faultCount: number
  flipCount: number
  /** Hard purges: what began before one is not continued after it. */
  dropCount: number
  hasLies: boolean
  isDraining: boolean
}

/** Runs one history to its end and says what it broke. */
export async function simulate(seed: number): Promise<Simulated> {
  const restore = digestAtOnce()
  try {
    const s = begin(seed)
    const count = s.random.integer(6, 24)
    for (let i = 0; i < count; i++) {
      act(s)
      await pass(s)
      if (s.isCalm && s.problems.length === 0) {
        s.problems.push(...checkTransfers(s.edge, s.objects, s.chunkBytes))
      }
    }
    await drain(s)
    conclude(s)
    return { problems: s.problems, history: s.history, requestCount: s.askings.length }
  } finally {
    restore()
  }
}

/** A digest of the thread pool comes when it likes: the same seed would not be the same history. */
function digestAtOnce(): () => void {
  Object.defineProperty(crypto.subtle, 'digest', {
    configurable: true,
    value: async (_name: string, bytes: Uint8Array) => {
      const digest = createHash('sha256').update(bytes).digest()
      return digest.buffer.slice(digest.byteOffset, digest.byteOffset + digest.byteLength)
    },
  })
  return () => void Reflect.deleteProperty(crypto.subtle, 'digest')
}

function begin(seed: number): Simulation {
  const random = createSeededRandom(seed)
  // Every fourth history has nothing that goes wrong, and holds to what only then is promised.
  const isCalm = seed % 4 === 0
  const segments: WrittenSegment[] = []
  const { store, fake, kind } = makeStore(random, isCalm, segments)
  const objects: SimulatedObject[] = []
  const windowBytes = random.integer(2, 16) * SEGMENT_BYTES
  const chunkBytes = random.pick([100, 300, 1024, 4096, 50_000])
  const edge = createEdge({
    store,
    fillBudgetBytes: random.pick([4, 16, 64]) * SEGMENT_BYTES,
    pinnedBytes: random.pick([0, 4, 64]) * SEGMENT_BYTES,
    upstream: {
      chunkBytes,
      reads: random.pick(['sync', 'async']),
    },
    site: {
      fill: {
        windowBytes,
        finishMaxBytes: random.pick([0, 4, 16]) * SEGMENT_BYTES,
        stallMs: random.pick([200, 1000, 20_000]),
        maxResumeCount: random.integer(0, 3),
        maxWaitBytes: (isCalm ? 1e6 : random.pick([0, 2, 8, 64])) * SEGMENT_BYTES,
        maxWaitMs: isCalm ? 1e9 : random.pick([0, 10, 1000, 1e9]),
        maxExcessBytes: random.pick([0, 2, 64]) * SEGMENT_BYTES,
        // What is fetched for nobody, or rather twice than by two requests, is not counted where all is well.
        gapBytes: isCalm ? 0 : random.pick([0, 1, 3]) * SEGMENT_BYTES,
        readAheadBytes: isCalm ? 0 : random.pick([0, 4, 16]) * SEGMENT_BYTES,
        spread: {
          maxCount: isCalm ? 1 : random.integer(1, 6),
          chunkBytes: random.pick([1, 2, 4]) * SEGMENT_BYTES,
          slowBytesPerSecond: random.pick([1000, 1_000_000]),
          minBytes: random.pick([0, 4]) * SEGMENT_BYTES,
        },
      },
    },
    wrap: () => ({
      fetch: (request, scope) => createSimulatedOrigin(edge.origin, objects).fetch(request, scope),
    }),
  })
  objects.push(...makeObjects({ random, isCalm, nowMs: edge.clock.nowMs() }))
  const history = [`store ${kind}, window ${windowBytes / SEGMENT_BYTES}`]
  for (const object of objects) history.push(describe(object))
  return {
    random,
    edge,
    objects,
    fake,
    segments,
    isCalm,
    chunkBytes,
    askings: [],
    running: [],
    history,
    problems: [],
    heals: [],
    gates: [],
    ticks: [],
    faultCount: 0,
    flipCount: 0,
    dropCount: 0,
    hasLies: false,
    isDraining: false,
  }
}

function describe(object: SimulatedObject): string {
  const { path, validator, isChunked, takesRanges, varies, heedsMatch, versions } = object
  const { number, sizeBytes, rule } = versions.at(-1) ?? { number: 0, sizeBytes: 0 }
  const traits = [
    validator,
    isChunked && 'chunked',
    !takesRanges && 'no ranges',
    varies && 'varies',
    !heedsMatch && 'no If-Match',
    rule?.value,
    rule?.setsCookie === true && 'set-cookie',
  ]
  return `${path} v${number}: ${sizeBytes} bytes, ${traits.filter(Boolean).join(', ')}`
}

type Manner = 'read' | 'slow' | 'stop' | 'leave'
type Operation = (s: Simulation) => string

function act(s: Simulation): void {
  const { random, isCalm } = s
  const roll = random.next()
  const operation: Operation =
    isCalm || roll < 0.62
      ? ask
      : roll < 0.72
        ? flip
        : roll < 0.86
          ? spoil
          : roll < 0.93
            ? disturbStore
            : heal
  s.history.push(operation(s))
  // Now and then several at once, that meet one another.
  if (operation === ask && random.chance(0.35)) {
    for (let i = random.integer(1, 3); i > 0; i--) s.history.push(ask(s))
  }
}

/** Lets time go by, or only a few turns. */
async function pass(s: Simulation): Promise<void> {
  const { random, edge } = s
  const ticks = s.ticks
  s.ticks = []
  for (const tick of ticks) tick()
  const stepMs = random.pick([0, 0, 0, 1, 50, 500, 3000, 30_000, 70_000])
  if (stepMs > 0) await edge.clock.step(stepMs)
  else for (let i = random.integer(0, 3); i > 0; i--) await turn()
}

function ask(s: Simulation): string {
  const { random, isCalm } = s
  const object = random.pick(s.objects)
  const method = !isCalm && random.chance(0.08) ? 'HEAD' : 'GET'
  const fields = isCalm ? calmFields(random, object) : fieldsOf(random, object)
  const manner = random.pick(['read', 'read', 'read', 'slow', 'stop', 'leave'] as const)
  const asking = begun(s, object, method, fields)
  s.running.push(readNoting(s, asking, manner))
  return `#${s.askings.length} ${tell(asking)} (${manner})`
}

function begun(
  s: Simulation,
  object: SimulatedObject,
  method: string,
  fields: Readonly<Record<string, string>>,
): Asking {
  const asking: Asking = {
    object,
    method,
    fields,
    startedAtMs: s.edge.clock.nowMs(),
    floor: object.floor,
    got: undefined,
    chunks: [],
    end: 'reading',
    error: undefined,
  }
  s.askings.push(asking)
  return asking
}

/** What the core throws is a problem, whatever it is. */
async function readNoting(s: Simulation, asking: Asking, manner: Manner): Promise<void> {
  try {
    await read(s, asking, manner, s.random.fork())
  } catch (error) {
    asking.end = 'broken'
    s.problems.push(`${tell(asking)}: ${error instanceof Error ? error.stack : String(error)}`)
  }
}

function tell({ method, object, fields }: Asking): string {
  return `${method} ${object.path} ${JSON.stringify(fields)}`
}

async function read(
  s: Simulation,
  asking: Asking,
  manner: Manner,
  random: SeededRandom,
): Promise<void> {
  const { object, fields, method } = asking
  const got = await s.edge.ask(object.path, fields, method)
  asking.got = got
  const { body } = got.answer
  if (body.kind === 'bytes') asking.chunks.push(body.bytes.slice())
  asking.end = 'clean'
  if (body.kind !== 'source') return
  asking.end = 'reading'
  try {
    for (let count = 0; ; count++) {
      if (manner === 'leave' && random.chance(count === 0 ? 0.5 : 0.2)) {
        body.source.cancel('left')
        asking.end = 'cancelled'
        return
      }
      if (manner === 'slow' && random.chance(0.5)) await waitTicks(s, random.integer(1, 3))
      while (manner === 'stop' && count >= 2 && !s.isDraining) await waitTicks(s, 1)
      const chunk = await body.source.read()
      if (chunk === undefined) break
      asking.chunks.push(chunk.slice())
    }
    asking.end = 'clean'
  } catch (error) {
    asking.end = 'broken'
    asking.error = error
  }
}

async function waitTicks(s: Simulation, count: number): Promise<void> {
  for (let i = 0; i < count && !s.isDraining; i++) {
    await new Promise<void>((resolve) => {
      s.ticks.push(resolve)
    })
  }
}

/** A new version; mostly with an invalidation, after which nothing older may answer. */
function flip(s: Simulation): string {
  const { random, edge } = s
  const object = random.pick(s.objects)
  const isOld = random.chance(0.3)
  if (!isOld) {
    putVersion(object, { random, isCalm: false, nowMs: edge.clock.nowMs() })
    s.flipCount += 1
  }
  if (!isOld && random.chance(0.4)) return `flip: ${describe(object)}`
  const how = random.pick(['validate', 'drop'] as const)
  if (how === 'drop') s.dropCount += 1
  const isAll = random.chance(0.2)
  const scope = isAll ? EVERYTHING : keyOf(object)
  const floors = (isAll ? s.objects : [object]).map((each) => ({
    each,
    number: each.versions.at(-1)?.number ?? 1,
  }))
  const done = async (): Promise<void> => {
    await edge.store.invalidate(scope, how)
    for (const { each, number } of floors) each.floor = Math.max(each.floor, number)
  }
  s.running.push(done())
  return `${how}${isAll ? ' everything' : ''}: ${describe(object)}`
}

function keyOf(object: SimulatedObject): CacheKey {
  return cacheKeyOf('test', '', object.path)
}

/** Something goes wrong at the origin. */
function spoil(s: Simulation): string {
  const { random, edge } = s
  const object = random.pick(s.objects)
  const { path } = object
  if (object.isChunked && random.chance(0.2)) {
    object.cutsParts = true
    s.hasLies = true
    s.faultCount += 1
    s.heals.push(() => {
      object.cutsParts = false
    })
    return `${path} cuts parts short`
  }
  const afterBytes = random.integer(0, 12_000)
  const gate = createGate()
  const faults: readonly FakeFault[] = [
    { fault: 'fail', kind: random.pick(['connection_refused', 'http_response_timeout']) },
    { fault: 'fail', kind: 'connection_terminated' },
    { fault: 'break', kind: 'http_response_incomplete', afterBytes },
    { fault: 'break', kind: 'connection_terminated', afterBytes },
    { fault: 'truncate', afterBytes, end: 'rst' },
    { fault: 'ignore-range' },
    { fault: 'ignore-range' },
    { fault: 'content-range', change: random.pick(['start', 'end']), add: random.pick([-1, 1]) },
    { fault: 'content-range', change: random.pick(['unknown-total', 'missing', 'multipart']) },
    { fault: 'unasked-range', startByte: 0, endByte: 10 },
    { fault: 'status', status: random.pick([500, 503, 503, 403, 404, 429]) },
    { fault: 'delay-head', delayMs: random.pick([10, 1000, 5000]) },
    { fault: 'gate-head', gate },
    { fault: 'gate-head', gate },
    { fault: 'gate-head', gate },
    { fault: 'gate-head', gate },
    { fault: 'gate-body', gate, afterBytes },
    { fault: 'trickle', chunkBytes: 500, everyMs: random.pick([1, 100]) },
  ]
  const fault = random.pick(faults)
  const times = random.pick([1, 1, 2, 5, Number.POSITIVE_INFINITY])
  s.gates.push(gate)
  const isSlow = /gate|delay|trickle/.test(fault.fault)
  if (!isSlow) s.faultCount += 1
  if (/range/.test(fault.fault)) s.hasLies = true
  s.heals.push(
    edge.origin.inject({ ...fault, times, when: ({ target }) => target.startsWith(`${path}?`) }),
  )
  return `fault at ${path}: ${JSON.stringify({ ...fault, gate: undefined, times: String(times) })}`
}

/** The store forgets something, or takes its time. */
function disturbStore(s: Simulation): string {
  const { random, fake, segments } = s
  if (fake === undefined) return 'nothing to disturb'
  const roll = random.next()
  if (roll < 0.3) {
    const { path } = random.pick(s.objects)
    fake.evictHead(cacheKeyOf('test', '', path))
    return `evict the head of ${path}`
  }
  if (roll < 0.7 && segments.length > 0) {
    for (let i = random.integer(1, 10); i > 0; i--) {
      const { body, index } = random.pick(segments)
      fake.evictSegment(body, index)
    }
    return 'evict segments'
  }
  const operation = random.pick([
    'read',
    'readSegment',
    'readSegment',
    'writeHead',
    'writeSegment',
    'writeMark',
    'invalidate',
  ] as const)
  s.gates.push(fake.hold(operation))
  return `hold ${operation}`
}

function heal(s: Simulation): string {
  const { random } = s
  const gate = s.gates.splice(0, random.integer(1, 4))
  for (const held of gate) held.release()
  for (const undo of s.heals.splice(0, random.integer(1, 3))) undo()
  return 'heal'
}

/** Nothing goes wrong any more: everything has to come to its end. */
async function drain(s: Simulation): Promise<void> {
  const { edge } = s
  for (const undo of s.heals.splice(0)) undo()
  for (const gate of s.gates.splice(0)) gate.release()
  s.isDraining = true
  for (let i = 0; i < 2; i++) {
    let isOver = false
    const all = Promise.all(s.running).then(() => {
      isOver = true
    })
    for (let step = 0; !isOver && step < 200; step++) {
      const { ticks: waiting } = s
      s.ticks = []
      for (const tick of waiting) tick()
      await edge.clock.step(step < 100 ? 100 : 2000)
    }
    if (!isOver) {
      s.problems.push('something never ended')
      return
    }
    await all
    if (i === 0) for (const object of s.objects) s.running.push(askPlainly(s, object))
  }
  for (let step = 0; step < 60; step++) await edge.clock.step(500)
}

/** After everything is well again, a plain request is answered well. */
async function askPlainly(s: Simulation, object: SimulatedObject): Promise<void> {
  const { path } = object
  let asking = begun(s, object, 'GET', {})
  await readNoting(s, asking, 'read')
  // A part of what is gone may be stored, and fresh: to find the rest of it gone breaks off, once. So
  // does what can be had only whole, when the store evicts some of it.
  if (asking.end === 'broken' && (s.flipCount + s.dropCount > 0 || !isResumable(object))) {
    asking = begun(s, object, 'GET', {})
    await readNoting(s, asking, 'read')
  }
  if (asking.got?.status !== 200) s.problems.push(`healed ${path}: ${asking.got?.status}`)
  if (asking.end === 'broken') s.problems.push(`healed ${path}: it broke off`)
}

function isResumable({ validator, takesRanges, isChunked }: SimulatedObject): boolean {
  return validator === 'strong' && takesRanges && !isChunked
}

function conclude(s: Simulation): void {
  const { edge, problems, askings } = s
  for (const [i, asking] of askings.entries()) {
    const facts = {
      hasLies: s.hasLies,
      mustSucceed: s.faultCount + s.flipCount + s.dropCount === 0 && isResumable(asking.object),
    }
    const problem = checkAsking(asking, facts)
    if (problem === undefined) continue
    const { got } = asking
    problems.push(`#${i + 1} ${tell(asking)} -> ${got?.status} ${got?.cache}: ${problem}`)
  }
  const left = {
    fills: edge.fills.count(),
    flights: edge.flights.count(),
    'open transfers': edge.origin.openCount,
    timers: edge.clock.pendingCount(),
  }
  for (const [name, count] of Object.entries(left)) {
    if (count !== 0) problems.push(`left at the end: ${count} ${name}`)
  }
}
