// A run: episodes side by side against one process that is killed and restarted now and then.

import type { Outcome } from './ask-under-faults.ts'
import { concurrently } from './concurrently.ts'
import { createConfigFiles } from './config-file.ts'
import { runEpisode } from './fault-episodes.ts'
import type { World } from './fault-episodes.ts'
import { openFilesOf } from './open-files.ts'
import { startRestartingSluice } from './restarting-sluice.ts'
import { startTestOrigin } from './test-origin.ts'

const SEGMENT_BYTES = 65_536
const EPISODES_AT_ONCE = 32
const RESTART_COUNT = 4
const MAX_PROBLEM_COUNT = 20
const QUIET_MS = 15_000
const POLL_MS = 100
const LIMITS = {
  firstByteTimeout: '20s',
  idleTimeout: '3s',
  stallTimeout: '20s',
  resumeDelay: '10ms',
  resumes: 2,
  window: '256KiB',
  finishMax: '128KiB',
}

export interface FaultRun {
  /** What was wrong, with the seed and the episode it was in. */
  readonly problems: readonly string[]
  /** Answers of which every field and every byte that came was checked. */
  readonly verifiedCount: number
  /** Of these: how many were so. */
  readonly counts: Readonly<Record<Share, number>>
  /** How often each was seen: shapes, statuses, ends, faults. */
  readonly histogram: ReadonlyMap<string, number>
  readonly restartCount: number
  readonly elapsedMs: number
  /** What was left of the run when all was over, after some quiet; empty strings are not there. */
  readonly leaks: readonly string[]
  readonly alarms: readonly string[]
}

export type Share = 'cold' | 'under a fault' | 'across a flip' | 'across a restart' | 'several'

interface Tally {
  readonly problems: string[]
  readonly verifiedCount: number
  readonly counts: Record<Share, number>
  readonly histogram: Map<string, number>
  add(outcomes: readonly Outcome[]): void
}

/**
 * @param disk An empty directory for the disk tier.
 * @param responseCount As many are verified, and perhaps some more.
 */
export async function runUnderFaults(
  disk: string,
  seed: number,
  responseCount: number,
): Promise<FaultRun> {
  const startedAtMs = performance.now()
  const files = createConfigFiles()
  const origin = await startTestOrigin()
  const harmedOrigin = await startTestOrigin()
  const config = files.write('faults.json', {
    breaker: 'off',
    limits: LIMITS,
    sites: [
      { name: 'harmed', pathPrefix: '/harmed/', origins: [harmedOrigin.url] },
      { name: 'main', origins: [origin.url] },
    ],
  })
  // Neither tier holds all that comes.
  const tiers = ['--segment', '64KiB', '--memory', '16MiB', '--disk-size', '64MiB']
  const sluice = await startRestartingSluice(disk, ['--config', config, ...tiers])
  const world: World = { origin, harmedOrigin, sluice, seed, segmentBytes: SEGMENT_BYTES }
  const tally = createTally()
  let restartCount = 0
  let isRestarting = false
  await concurrently(Array(responseCount).keys(), EPISODES_AT_ONCE, async (index) => {
    if (tally.verifiedCount >= responseCount || tally.problems.length >= MAX_PROBLEM_COUNT) return
    tally.add(await runEpisode(world, index))
    const isDue = tally.verifiedCount > ((restartCount + 1) * responseCount) / (RESTART_COUNT + 1)
    if (!isDue || isRestarting || restartCount >= RESTART_COUNT) return
    isRestarting = true
    await sluice.restart(restartCount % 2 === 0 ? 'kill' : 'clean')
    restartCount += 1
    isRestarting = false
  })
  const leaks = await findLeaks(world, disk)
  const alarms = await sluice.alarms()
  await (await sluice.current()).sluice.finish()
  await origin.close()
  await harmedOrigin.close()
  files.remove()
  const elapsedMs = performance.now() - startedAtMs
  return { ...tally, restartCount, elapsedMs, leaks, alarms }
}

/** Of an answer with these statuses there is something to verify. */
const VERIFIED: ReadonlySet<number | undefined> = new Set([200, 206, 416])

function createTally(): Tally {
  const problems: string[] = []
  const counts = {
    cold: 0,
    'under a fault': 0,
    'across a flip': 0,
    'across a restart': 0,
    several: 0,
  }
  const histogram = new Map<string, number>()
  const count = (name: string) => histogram.set(name, (histogram.get(name) ?? 0) + 1)
  let verifiedCount = 0
  function add(outcome: Outcome): void {
    const { status, shape, end, faults, problem, what } = outcome
    if (problem !== undefined) problems.push(`${what}\n  ${problem}`)
    for (const name of [`status ${status}`, `end ${end}`, `shape ${shape}`]) count(name)
    for (const fault of faults) count(`fault ${fault}`)
    if (!VERIFIED.has(status)) return
    verifiedCount += 1
    if (outcome.isCold) counts.cold += 1
    if (faults.length > 0) counts['under a fault'] += 1
    if (outcome.isAcrossFlip) counts['across a flip'] += 1
    if (outcome.isAcrossRestart) counts['across a restart'] += 1
    if (shape === 'several' || shape === 'abusive') counts.several += 1
  }
  return {
    problems,
    counts,
    histogram,
    get verifiedCount() {
      return verifiedCount
    },
    add(outcomes) {
      for (const outcome of outcomes) add(outcome)
    },
  }
}

/** Until nothing is left over, or the time for that is up. */
async function findLeaks(world: World, disk: string): Promise<readonly string[]> {
  const { sluice, agent, openAtStart } = await world.sluice.current()
  const outOfTimeAtMs = performance.now() + QUIET_MS
  agent.destroy()
  for (;;) {
    const origins = [world.origin, world.harmedOrigin]
    for (const origin of origins) origin.closeIdle()
    const open = openFilesOf(sluice.pid, [disk])
    const metrics = await sluice.metrics()
    const left: readonly (readonly [name: string, count: number, most: number])[] = [
      ['fills', metrics.value('sluice_fills'), 0],
      // One or two of them are of the question about metrics.
      ['sockets', open.socketCount, openAtStart.socketCount + 2],
      ['other files', open.otherCount, openAtStart.otherCount + 2],
      ...origins.map((origin) => ['origin requests', origin.counters().concurrent, 0] as const),
    ]
    const leaks = left.filter(([, count, most]) => count > most)
    if (leaks.length === 0 || performance.now() > outOfTimeAtMs) {
      return leaks.map(([name, count, most]) => `${count} ${name}, not ${most}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
