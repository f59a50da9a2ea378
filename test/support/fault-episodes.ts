// Episodes: an object of its own, clients that ask for it in rounds, and what goes wrong meanwhile.

import { askUnderFaults } from './ask-under-faults.ts'
import type { Asking, Outcome } from './ask-under-faults.ts'
import { putFlippingObject } from './flipping-object.ts'
import { createGate } from './gate.ts'
import type { Gate } from './gate.ts'
import { pickFaults } from './random-faults.ts'
import type { Harm } from './random-faults.ts'
import { makeRange } from './range-shapes.ts'
import type { RestartingSluice } from './restarting-sluice.ts'
import { createSeededRandom } from './seeded-random.ts'
import type { TestOrigin } from './test-origin.ts'

export interface World {
  readonly origin: TestOrigin
  /** Of the paths below `/harmed/`: its faults strike whoever comes next on their connections, too. */
  readonly harmedOrigin: TestOrigin
  readonly sluice: RestartingSluice
  readonly seed: number
  readonly segmentBytes: number
}

interface Round extends Asking {
  readonly origin: TestOrigin
  readonly harm: Harm
}

const MAX_ROUND_COUNT = 3
const MAX_CLIENT_COUNT = 9
/** Until who is held at a gate is let go, though not all have come that could. */
const GATE_MS = 120

export async function runEpisode(world: World, index: number): Promise<readonly Outcome[]> {
  const random = createSeededRandom(world.seed * 1_000_003 + index)
  const { segmentBytes, sluice } = world
  const harm: Harm = random.chance(0.15) ? 'others' : 'own'
  const origin = harm === 'own' ? world.origin : world.harmedOrigin
  const path = harm === 'own' ? `/episode-${index}` : `/harmed/episode-${index}`
  const object = putFlippingObject({ origin, path, random: random.fork(), segmentBytes })
  const round = {
    object,
    origin,
    harm,
    random,
    sluice,
    isHarmed: harm === 'others',
    requests: origin.requests,
    firstSeen: origin.requests.length,
  }
  const name = `seed ${world.seed}, episode ${index}`
  const outcomes: Outcome[] = []
  for (let count = random.integer(1, MAX_ROUND_COUNT); count > 0; count -= 1) {
    outcomes.push(...(await runRound({ ...round, name, isCalm: false }, segmentBytes)))
  }
  const whole = { shape: 'whole', method: 'GET', range: undefined } as const
  outcomes.push(
    await askUnderFaults({ ...round, name: `${name}, at its end`, isCalm: true }, whole),
  )
  origin.remove(path)
  return outcomes
}

async function runRound(round: Round, segmentBytes: number): Promise<readonly Outcome[]> {
  const { object, origin, harm, random } = round
  const { path } = object
  const hasFlips = random.chance(0.3)
  const faults = random.chance(0.6) ? pickFaults(random, object, harm) : []
  const heals = faults.map((fault) => origin.inject(fault, path))
  if (random.chance(0.1)) {
    heals.push(origin.inject({ fault: 'rate', bytesPerSecond: 4_000_000, times: 9 }, path))
  }
  const gate = createGate()
  if (hasFlips || random.chance(0.2)) heals.push(holdAt(gate, round))
  const clients = Array.from({ length: random.integer(1, MAX_CLIENT_COUNT) }, async () => {
    const own = random.fork()
    const { sizeBytes } = object.current
    const shaped = makeRange({ random: own, sizeBytes, segmentBytes })
    await pause(own.integer(0, 10))
    return await askUnderFaults({ ...round, random: own }, shaped)
  })
  await Promise.race([gate.arrived(), pause(GATE_MS)])
  if (hasFlips) {
    await pause(random.integer(5, 30))
    for (let count = random.pick([1, 1, 1, 2]); count > 0; count -= 1) object.flip()
  }
  gate.release()
  const outcomes = await Promise.all(clients)
  for (const heal of heals) heal()
  return outcomes
}

/** Answers wait before their head, or somewhere in their body. */
function holdAt(gate: Gate, { object, origin, random }: Round): () => void {
  const { sizeBytes } = object.current
  const times = Number.POSITIVE_INFINITY
  if (sizeBytes === 0 || random.chance(0.3)) {
    return origin.inject({ fault: 'gate-head', gate, times }, object.path)
  }
  const afterBytes = random.integer(0, sizeBytes - 1)
  return origin.inject({ fault: 'gate-body', gate, afterBytes, times }, object.path)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
