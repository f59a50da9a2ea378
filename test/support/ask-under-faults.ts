// A client among others, with whims of its own, whose answer is checked whatever became of it.

import type { FlippingObject } from './flipping-object.ts'
import { wallMs } from './flipping-object.ts'
import { httpGet } from './http-get.ts'
import type { HttpResult } from './http-get.ts'
import type { FaultName } from './origin-faults.ts'
import type { SeenRequest } from './origin-log.ts'
import { checkExchange } from './range-check.ts'
import type { ShapedRange } from './range-shapes.ts'
import type { Incarnation, RestartingSluice } from './restarting-sluice.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface Asking {
  readonly sluice: RestartingSluice
  readonly object: FlippingObject
  readonly random: SeededRandom
  /** Where to find it again. */
  readonly name: string
  /** What its origin has seen, and how many of these requests before the object was there. */
  readonly requests: readonly SeenRequest[]
  readonly firstSeen: number
  /** Faults of other objects may strike it. */
  readonly isHarmed: boolean
  /** Without whims. */
  readonly isCalm: boolean
}

/** One answer, or none, and what went on while it came. */
export interface Outcome {
  readonly what: string
  readonly shape: ShapedRange['shape']
  readonly status: number | undefined
  /** How its body ended; `none` has no head either. */
  readonly end: 'complete' | 'broken' | 'left' | 'none'
  /** Nothing of what it asked for was stored. */
  readonly isCold: boolean
  /** Faults of the origin that struck what was under way for the object. */
  readonly faults: readonly FaultName[]
  readonly isAcrossFlip: boolean
  readonly isAcrossRestart: boolean
  /** What is wrong. */
  readonly problem: string | undefined
}

/** What a client does to its own answer. */
interface Whims {
  /** Leaves after so many bytes of the body; `Infinity` never. */
  readonly leavesAfterBytes: number
  /** Stands still after so many bytes. */
  readonly stallsAfterBytes: number
  readonly stallMs: number
}

/** Far beyond what a machine takes that has other things to do. */
const HANG_MS = 60_000
/** What struck so shortly before may still be told to those who come. */
const AFTERMATH_MS = 300
/** These hold up, and are no reason for a failure. */
const HARMLESS: ReadonlySet<FaultName> = new Set(['gate-head', 'gate-body', 'rate'])
const PATIENT: Whims = {
  leavesAfterBytes: Number.POSITIVE_INFINITY,
  stallsAfterBytes: Number.POSITIVE_INFINITY,
  stallMs: 0,
}

export async function askUnderFaults(asking: Asking, shaped: ShapedRange): Promise<Outcome> {
  const { object, random, name, isCalm, sluice } = asking
  const { shape, method, range } = shaped
  const ifRange = range === undefined || isCalm ? undefined : pickIfRange(random, object)
  const running = await sluice.current()
  const startedAtMs = wallMs()
  const { got, hasLeft } = await fetchWith(
    running,
    isCalm ? PATIENT : pickWhims(random, object),
    asking,
    {
      ...(range !== undefined && { Range: range }),
      ...(ifRange !== undefined && { 'If-Range': ifRange }),
    },
    method,
  )
  const endedAtMs = wallMs()
  const faults = faultsOf(asking, startedAtMs, endedAtMs)
  const isAcrossRestart = sluice.wasAway(startedAtMs, endedAtMs)
  const isAcrossFlip = object.versions.some(
    (version) => version.endedAtMs >= startedAtMs && version.endedAtMs <= endedAtMs,
  )
  const isTroubled = faults.length > 0 || isAcrossFlip || isAcrossRestart
  const mayFail = isTroubled || hasLeft || object.hasLied || asking.isHarmed
  const common = { shape, faults, isAcrossFlip, isAcrossRestart }
  const shown = `${method} ${range?.slice(0, 100)} If-Range ${ifRange} of ${describe(object)}`
  const what = `${name}: ${shown} under ${faults.join()}`
  const isHung = !hasLeft && endedAtMs - startedAtMs >= HANG_MS
  if (got instanceof Error) {
    const isReset = mayFail && !isHung
    const problem = isReset ? undefined : `no answer, ${isHung ? 'it hangs' : got.message}`
    return { what, ...common, status: undefined, end: 'none', isCold: false, problem }
  }
  const cache = got.header('cache-status') ?? ''
  const exchange = { object, method, range, ifRange, startedAtMs, got, mayFail, faults }
  return {
    what: `${what}: ${got.status} ${got.bodyBytes} bytes, ${cache}`,
    ...common,
    status: got.status,
    end: got.complete ? 'complete' : hasLeft ? 'left' : 'broken',
    isCold: /fwd=(?:uri-miss|miss)/.test(cache),
    problem: withSeen(isHung ? 'it hangs' : checkExchange(exchange), asking, startedAtMs),
  }
}

/** A problem and, of one that an answer is late, what its origin saw meanwhile. */
function withSeen(
  problem: string | undefined,
  { requests, object }: Asking,
  startedAtMs: number,
): string | undefined {
  if (problem === undefined || !/^(?:504|it hangs)/.test(problem)) return problem
  const since = requests.filter(({ atMs }) => atMs > startedAtMs - AFTERMATH_MS)
  const own = since.filter(({ target }) => target === object.path)
  const connections = new Set(own.map(({ connectionId }) => connectionId))
  const told = since
    .filter(({ connectionId }) => connections.has(connectionId))
    .map((seen) => {
      const [at, ended] = [seen.atMs, seen.endedAtMs].map((ms) =>
        ms === undefined ? 'never' : `${Math.round(ms - startedAtMs)} ms`,
      )
      const how = seen.finished ? 'finished' : seen.aborted ? 'aborted' : 'open'
      const { method, target, connectionId, faults, bytesSent } = seen
      return `#${connectionId} at ${at} ${method} ${target} ${seen.header('range')}: ${bytesSent} bytes, ${how} at ${ended} ${faults.join()}`
    })
  return [problem, ...told].join('\n    ')
}

/** @returns An error if not even a head came. */
async function fetchWith(
  { agent, sluice }: Incarnation,
  whims: Whims,
  { object }: Asking,
  headers: Readonly<Record<string, string>>,
  method: string,
): Promise<{ readonly got: HttpResult | Error; readonly hasLeft: boolean }> {
  const leaving = new AbortController()
  let receivedBytes = 0
  try {
    const got = await httpGet(`${sluice.url}${object.path}`, {
      method,
      agent,
      headers,
      timeoutMs: HANG_MS,
      signal: leaving.signal,
      onHead(response) {
        response.on('data', (chunk: Buffer) => {
          const isBefore = receivedBytes <= whims.stallsAfterBytes
          receivedBytes += chunk.length
          if (receivedBytes > whims.leavesAfterBytes) leaving.abort()
          if (!isBefore || receivedBytes <= whims.stallsAfterBytes) return
          response.pause()
          setTimeout(() => response.resume(), whims.stallMs)
        })
      },
    })
    const hasLeft = leaving.signal.aborted
    // Of one that left, Node may say that it has all, and have thrown the rest away.
    return { got: { ...got, complete: got.complete && !hasLeft }, hasLeft }
  } catch (error) {
    const got = error instanceof Error ? error : new Error(String(error))
    return { got, hasLeft: leaving.signal.aborted }
  }
}

function pickWhims(random: SeededRandom, { current }: FlippingObject): Whims {
  const place = random.integer(0, Math.max(1, current.sizeBytes))
  return {
    leavesAfterBytes: random.chance(0.06) ? place : Number.POSITIVE_INFINITY,
    stallsAfterBytes: random.chance(0.06) ? place : Number.POSITIVE_INFINITY,
    stallMs: random.pick([20, 50, 200, 600]),
  }
}

/** Mostly none; else a validator that is right, was right, or never was. */
function pickIfRange(random: SeededRandom, object: FlippingObject): string | undefined {
  if (!random.chance(0.2)) return undefined
  const { current, versions } = object
  const { etag = '"none"', lastModified = '"none"' } = random.chance(0.6)
    ? current
    : random.pick(versions)
  return random.pick([
    etag,
    etag,
    lastModified,
    etag.startsWith('W/') ? etag.slice(2) : `W/${etag}`,
    '"never"',
    'Thu, 01 Jan 1970 00:00:00 GMT',
  ])
}

/** What struck requests for the object that were under way at the time, or shortly before. */
function faultsOf(asking: Asking, startedAtMs: number, endedAtMs: number): readonly FaultName[] {
  const { requests, firstSeen, object } = asking
  const struck = new Set<FaultName>()
  for (const seen of requests.slice(firstSeen)) {
    if (seen.target !== object.path || seen.atMs > endedAtMs) continue
    if ((seen.endedAtMs ?? endedAtMs) < startedAtMs - AFTERMATH_MS) continue
    for (const fault of seen.faults) if (!HARMLESS.has(fault)) struck.add(fault)
  }
  return [...struck]
}

function describe({ path, kind, versions }: FlippingObject): string {
  const sizes = versions.map(({ sizeBytes }) => sizeBytes).join(', then ')
  const { validator, isChunked, takesRanges, heedsMatch, control = 'no Cache-Control' } = kind
  const facts = [`${sizes} bytes`, validator, control]
  if (isChunked) facts.push('chunked')
  if (!takesRanges) facts.push('no ranges')
  if (!heedsMatch) facts.push('no If-Match')
  return `${path} (${facts.join('; ')})`
}
