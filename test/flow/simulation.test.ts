import { describe, expect, it } from 'vitest'

import { simulate } from '../support/simulation.ts'

/** `SLUICE_SIMULATION_SEED=4711` replays one history and tells it; `…_SEEDS=2000` runs so many. */
const onlySeed = process.env['SLUICE_SIMULATION_SEED']
const seedCount = Number(process.env['SLUICE_SIMULATION_SEEDS'] ?? 300)
const firstSeed = Number(process.env['SLUICE_SIMULATION_FIRST'] ?? 1)

const MAX_TOLD_COUNT = 5

describe('the flow under random schedules', () => {
  it.runIf(onlySeed === undefined)(
    'never gives wrong bytes, never to the wrong reader, and always ends',
    async () => {
      const failures: string[] = []
      let requestCount = 0
      for (let seed = firstSeed; seed < firstSeed + seedCount; seed++) {
        const simulated = await simulate(seed)
        requestCount += simulated.requestCount
        if (simulated.problems.length > 0) {
          failures.push(`SLUICE_SIMULATION_SEED=${seed}: ${simulated.problems.join('; ')}`)
        }
        if (failures.length >= MAX_TOLD_COUNT) break
      }
      expect(failures).toEqual([])
      expect(requestCount).toBeGreaterThan(seedCount)
    },
    600_000,
  )

  it.runIf(onlySeed !== undefined)('repeats one history', async () => {
    const { problems, history } = await simulate(Number(onlySeed))
    console.log(history.join('\n'))
    expect(problems).toEqual([])
  })
})
