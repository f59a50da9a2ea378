// One outage at one system: it is warmed, the origin fails under load, becomes well again, and what the clients and the
// origin saw of it.

import { setTimeout as sleep } from 'node:timers/promises'

import { createSeededRandom } from '../test/support/seeded-random.ts'
import { askAll, startLoad, wallMs } from './outage-load.ts'
import type { Answered } from './outage-load.ts'
import { BODY_BYTES, FIRST_VERSION, UNSTORED_PREFIX, startOutageOrigin } from './outage-origin.ts'
import type { Behaviour } from './outage-origin.ts'
import { createZipf } from './traces.ts'

export interface OutageOptions {
  readonly fault: Exclude<Behaviour, 'well'>
  readonly faultMs: number
  readonly perSecond: number
  readonly keyCount: number
  /** Of the load before the fault. */
  readonly warmMs: number
  /** Of the load after it. */
  readonly recoveryMs: number
}

export interface Outage {
  /** Of all requests from the beginning of the fault on. */
  readonly stored: Availability
  readonly unstored: Availability
  /** Of answers for stored keys that were due during the fault, without its first two seconds; ascending. */
  readonly latenciesMs: readonly number[]
  /** At the origin during the fault, in all and without its first two seconds. */
  readonly attemptsPerSecond: number
  readonly settledAttemptsPerSecond: number
  /** At the origin once it is well again. */
  readonly maxAtOnceCount: number
  /** From then to the first answer that was made since; none came: `undefined`. */
  readonly freshAfterMs: number | undefined
}

export interface Availability {
  readonly askedCount: number
  /** Whole answers with a status of success. */
  readonly answeredCount: number
}

/** In which a system may find out what is going on. */
const SETTLING_MS = 2000
const UNSTORED_SHARE = 0.02
/** Longer than any system waits for an origin. */
const CLIENT_TIMEOUT_MS = 20_000

/** @param start Begins the system under test before an origin on that port; it has stored nothing yet. */
export async function runOutage(
  start: (originPort: number) => Promise<{ readonly port: number }>,
  options: OutageOptions,
): Promise<Outage> {
  const { fault, faultMs, perSecond, keyCount, warmMs, recoveryMs } = options
  const origin = await startOutageOrigin()
  try {
    const { port } = await start(origin.port)
    await askAll(
      port,
      Array.from({ length: keyCount }, (_, rank) => storedPath(rank)),
    )
    const nextPath = createPaths(keyCount)
    const load = startLoad({ port, perSecond, nextPath, timeoutMs: CLIENT_TIMEOUT_MS })
    await sleep(warmMs)
    await origin.report()
    const failedAtMs = await origin.behave(fault)
    await sleep(failedAtMs + faultMs - wallMs())
    const wellAtMs = await origin.behave('well')
    await sleep(recoveryMs)
    const answers = await load.stop()
    const { attemptsAtMs, maxAtOnceCount } = await origin.report()
    const perSecondIn = (fromMs: number) =>
      attemptsAtMs.filter((atMs) => atMs >= fromMs && atMs < wellAtMs).length /
      ((wellAtMs - fromMs) / 1000)
    return {
      ...judge(answers, failedAtMs, wellAtMs),
      attemptsPerSecond: perSecondIn(failedAtMs),
      settledAttemptsPerSecond: perSecondIn(failedAtMs + SETTLING_MS),
      maxAtOnceCount,
    }
  } finally {
    await origin.stop()
  }
}

function storedPath(rank: number): string {
  return `/stored/${rank}`
}

function createPaths(keyCount: number): () => string {
  const random = createSeededRandom(11)
  const zipf = createZipf(keyCount, random)
  let unstoredCount = 0
  return () =>
    random.chance(UNSTORED_SHARE) ? `${UNSTORED_PREFIX}${unstoredCount++}` : storedPath(zipf())
}

function judge(
  answers: readonly Answered[],
  failedAtMs: number,
  wellAtMs: number,
): Pick<Outage, 'stored' | 'unstored' | 'latenciesMs' | 'freshAfterMs'> {
  const since = answers.filter(({ dueAtMs }) => dueAtMs >= failedAtMs)
  const stored = since.filter(({ path }) => !path.startsWith(UNSTORED_PREFIX))
  const unstored = since.filter(({ path }) => path.startsWith(UNSTORED_PREFIX))
  const settledAtMs = failedAtMs + SETTLING_MS
  const latenciesMs = stored
    .filter(({ dueAtMs }) => dueAtMs >= settledAtMs && dueAtMs < wellAtMs)
    .map(({ dueAtMs, endedAtMs }) => endedAtMs - dueAtMs)
    .toSorted((a, b) => a - b)
  const firstTag = `"${FIRST_VERSION}"`
  const freshAtMs = stored
    .filter((answer) => isAnswered(answer) && answer.etag !== firstTag)
    .map(({ endedAtMs }) => endedAtMs)
  return {
    stored: availabilityOf(stored),
    unstored: availabilityOf(unstored),
    latenciesMs,
    freshAfterMs: freshAtMs.length === 0 ? undefined : Math.min(...freshAtMs) - wellAtMs,
  }
}

function availabilityOf(answers: readonly Answered[]): Availability {
  return { askedCount: answers.length, answeredCount: answers.filter(isAnswered).length }
}

function isAnswered({ status, bodyBytes }: Answered): boolean {
  return status >= 200 && status < 300 && bodyBytes === BODY_BYTES
}

export function percentOf({ askedCount, answeredCount }: Availability): number {
  return askedCount === 0 ? 100 : (100 * answeredCount) / askedCount
}

/** @param share 0.99 for the 99th percentile. */
export function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? NaN
}
