// The breaker against a tiny model: a list of what happened, looked through anew each time.

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { BreakerOutcome, BreakerRules, BreakerState } from '#core/upstream/breaker-state.ts'
import { CLOSED, admit, concurrencyOf, countsOf, settle } from '#core/upstream/breaker-state.ts'

const RULES: BreakerRules = {
  windowMs: 10_000,
  minRequestCount: 8,
  failureRatio: 0.5,
  maxRowCount: 3,
  openMs: 1000,
  maxProbeCount: 2,
  rampMs: 5000,
}
const OUTCOMES: readonly BreakerOutcome[] = [
  'answered',
  'failed',
  'broken',
  'unreached',
  'late',
  'withdrawn',
]

/** The breaker, with what is under way. */
class Real {
  state: BreakerState = CLOSED
  nowMs = 0
  readonly underWay: { readonly epoch: number; readonly number: number }[] = []
  #number = 0

  begin(): boolean {
    const admission = admit(this.state, RULES, this.nowMs)
    this.state = admission.state
    if (admission.isAdmitted) {
      this.underWay.push({ epoch: this.state.epoch, number: this.#number++ })
    }
    return admission.isAdmitted
  }

  /** @returns The number of the request, as the model knows it. */
  end(pick: number, outcome: BreakerOutcome, chance: number): number | undefined {
    const [ended] = this.underWay.splice(pick % Math.max(1, this.underWay.length), 1)
    if (ended === undefined) return undefined
    const now = { nowMs: this.nowMs, chance }
    this.state = settle(this.state, { epoch: ended.epoch, outcome }, RULES, now)
    return ended.number
  }
}

/** What happened, and nothing else. */
class Model {
  phase: 'letting' | 'shut' | 'probing' = 'letting'
  shutUntilMs = 0
  /** Since it lets requests through again; of these alone the outcomes count. */
  allowedSince = 0
  begunCount = 0
  probes = new Set<number>()
  events: { readonly atMs: number; readonly outcome: BreakerOutcome }[] = []

  begin(nowMs: number): boolean {
    if (this.phase === 'shut') {
      if (nowMs < this.shutUntilMs) return false
      this.phase = 'probing'
      this.allowedSince = this.begunCount
      this.probes = new Set()
    }
    if (this.phase === 'probing') {
      if (this.probes.size >= RULES.maxProbeCount) return false
      this.probes.add(this.begunCount)
    }
    this.begunCount++
    return true
  }

  end(number: number, outcome: BreakerOutcome, nowMs: number, chance: number): void {
    if (number < this.allowedSince || this.phase === 'shut') return
    if (this.phase === 'probing') {
      if (outcome === 'withdrawn') this.probes.delete(number)
      else if (outcome === 'answered') {
        this.phase = 'letting'
        this.events = []
      } else this.#shut(nowMs, chance)
      return
    }
    if (outcome === 'withdrawn') return
    this.events.push({ atMs: nowMs, outcome })
    if (this.#isTooMuch(nowMs)) this.#shut(nowMs, chance)
  }

  counts(nowMs: number): { requestCount: number; failureCount: number } {
    if (this.phase !== 'letting') return { requestCount: 0, failureCount: 0 }
    const slotMs = RULES.windowMs / 10
    const oldest = Math.floor(nowMs / slotMs) - 10
    const recent = this.events.filter(({ atMs }) => Math.floor(atMs / slotMs) > oldest)
    return {
      requestCount: recent.filter(({ outcome }) => outcome !== 'broken').length,
      failureCount: recent.filter(({ outcome }) => outcome !== 'answered').length,
    }
  }

  #isTooMuch(nowMs: number): boolean {
    const { requestCount, failureCount } = this.counts(nowMs)
    if (
      requestCount >= RULES.minRequestCount &&
      failureCount / requestCount >= RULES.failureRatio
    ) {
      return true
    }
    const row = this.#rowOf(['answered'])
    if (row.length >= RULES.minRequestCount) return true
    const since = this.#rowOf(['answered', 'failed'])
    return (['unreached', 'late'] as const).some(
      (kind) => since.filter(({ outcome }) => outcome === kind).length >= RULES.maxRowCount,
    )
  }

  /** The last events, none of them one of these, and none with a whole window before the next. */
  #rowOf(ends: readonly BreakerOutcome[]): Model['events'] {
    const slotMs = RULES.windowMs / 10
    const slots = this.events.map(({ atMs }) => Math.floor(atMs / slotMs))
    const begin = this.events.findLastIndex(
      ({ outcome }, i) => ends.includes(outcome) || (slots[i + 1] ?? 0) - (slots[i] ?? 0) >= 10,
    )
    return this.events.slice(begin + 1)
  }

  #shut(nowMs: number, chance: number): void {
    this.phase = 'shut'
    this.shutUntilMs = nowMs + RULES.openMs * (1 + chance / 2)
    this.allowedSince = this.begunCount
    this.events = []
  }
}

function check(model: Model, { state, nowMs }: Real): void {
  const phases = { closed: 'letting', ramp: 'letting', open: 'shut', 'half-open': 'probing' }
  expect(phases[state.state]).toBe(model.phase)
  expect(countsOf(state, RULES, nowMs)).toEqual(model.counts(nowMs))
}

class Begin implements fc.Command<Model, Real> {
  check = () => true
  run(model: Model, real: Real): void {
    expect(real.begin()).toBe(model.begin(real.nowMs))
    check(model, real)
  }
  toString = () => 'begin'
}

class End implements fc.Command<Model, Real> {
  readonly #pick: number
  readonly #outcome: BreakerOutcome
  readonly #chance: number
  constructor(pick: number, outcome: BreakerOutcome, chance: number) {
    this.#pick = pick
    this.#outcome = outcome
    this.#chance = chance
  }
  check = () => true
  run(model: Model, real: Real): void {
    const number = real.end(this.#pick, this.#outcome, this.#chance)
    if (number !== undefined) model.end(number, this.#outcome, real.nowMs, this.#chance)
    check(model, real)
  }
  toString = () => `end(${this.#pick}, ${this.#outcome})`
}

class Wait implements fc.Command<Model, Real> {
  readonly #ms: number
  constructor(ms: number) {
    this.#ms = ms
  }
  check = () => true
  run(model: Model, real: Real): void {
    real.nowMs += this.#ms
    check(model, real)
  }
  toString = () => `wait(${this.#ms})`
}

describe('the breaker', () => {
  it('does what its model does, whatever happens in which order', () => {
    const chance = fc.double({ min: 0, max: 1, noNaN: true })
    const commands = [
      fc.constant(new Begin()),
      fc.constant(new Begin()),
      fc
        .tuple(fc.nat(20), fc.constantFrom(...OUTCOMES), chance)
        .map(([pick, outcome, share]) => new End(pick, outcome, share)),
      fc.constantFrom(1, 100, 999, 1500, 5000, 12_000).map((ms) => new Wait(ms)),
    ]
    const run = () =>
      fc.assert(
        fc.property(fc.commands(commands, { maxCommands: 200, size: 'max' }), (history) => {
          fc.modelRun(() => ({ model: new Model(), real: new Real() }), history)
        }),
        { numRuns: 500 },
      )
    expect(run).not.toThrow()
  })

  it('lets requests at once rise step by step to all, once a probe was answered', () => {
    let state = settle(
      { state: 'half-open', epoch: 4, probeCount: 1 },
      { epoch: 4, outcome: 'answered' },
      RULES,
      { nowMs: 100_000, chance: 0 },
    )
    const counts = [0, 1000, 2500, 4000, 4999, 5000].map((ms) =>
      concurrencyOf(state, RULES, 64, 100_000 + ms),
    )
    expect(counts).toEqual([1, 2, 8, 28, 64, 64])
    expect(state.state).toBe('ramp')
    state = admit(state, RULES, 105_000).state
    expect(state.state).toBe('closed')
  })

  it('lets only probes through while it is open', () => {
    expect(concurrencyOf({ state: 'open', epoch: 1, untilMs: 0 }, RULES, 64, 0)).toBe(2)
    expect(concurrencyOf(CLOSED, RULES, 64, 0)).toBe(64)
  })
})
