// Ranges of every shape while everything goes wrong that can: each byte that comes is of one version, which the
// origin had, and nothing that is missing looks complete (hazards 4.0 and 4.1: G-BYTES, G-LIVE, G-LEAK).

import { describe, expect, it } from 'vitest'

import { runUnderFaults } from '../support/fault-run.ts'
import type { FaultRun, Share } from '../support/fault-run.ts'
import { testDirectory } from '../support/programs.ts'

/** A failing run is repeated with its seed, a long one is many short ones with a seed each. */
const SEED = Number(process.env['SLUICE_FAULT_SEED'] ?? Date.now() % 1_000_000)
const RESPONSE_COUNT = Number(process.env['SLUICE_FAULT_RESPONSES'] ?? 10_000)
const RUN_RESPONSE_COUNT = 10_000
/** Many times what a run takes on a machine that does nothing else. */
const PATIENCE_MS = 300_000

const LEAST_SHARES: Readonly<Record<Share, number>> = {
  cold: 0.3,
  'under a fault': 0.2,
  'across a flip': 0.1,
  several: 0.1,
  'across a restart': 0,
}
const SHARES = Object.keys(LEAST_SHARES) as readonly Share[]

function shareOf({ counts, verifiedCount }: FaultRun, share: Share): number {
  return counts[share] / Math.max(1, verifiedCount)
}

function report(seed: number, run: FaultRun): void {
  const { verifiedCount, restartCount, elapsedMs, histogram } = run
  const shares = SHARES.map((share) => `${share} ${Math.round(100 * shareOf(run, share))} %`)
  const lines = [
    `seed ${seed}: ${verifiedCount} responses verified in ${Math.round(elapsedMs / 1000)} s, ${restartCount} restarts`,
    ...shares,
    ...[...histogram].map(([name, count]) => `${name}: ${count}`).toSorted(),
  ]
  process.stdout.write(`${lines.join('\n  ')}\n`)
}

const seeds = Array.from(
  { length: Math.max(1, Math.ceil(RESPONSE_COUNT / RUN_RESPONSE_COUNT)) },
  (_, i) => SEED + i,
)

describe.each(seeds)('ranges while the origin fails and the process is killed, seed %i', (seed) => {
  it('never get a wrong, mixed or silently missing byte, and leave nothing behind', {
    timeout: PATIENCE_MS,
  }, async () => {
    const disk = await testDirectory()
    const responseCount = Math.min(RESPONSE_COUNT, RUN_RESPONSE_COUNT)
    const run = await runUnderFaults(disk, seed, responseCount)
    report(seed, run)
    expect(run.problems).toEqual([])
    expect(run.alarms).toEqual([])
    expect(run.leaks).toEqual([])
    expect(run.verifiedCount).toBeGreaterThanOrEqual(responseCount)
    expect(SHARES.filter((share) => shareOf(run, share) < LEAST_SHARES[share])).toEqual([])
  })
})
