import { describe, expect, it } from 'vitest'

import { withHedge } from '#core/upstream/hedge.ts'
import { createPick } from '#core/upstream/pick.ts'
import { createRetryBudget } from '#core/upstream/retry-budget.ts'
import { ask, failureOf } from '../../../support/ask.ts'
import { createFakeUpstream } from '../../../support/fake-upstream.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'

/** Two origins, of which the first is asked first, after enough answers of 10 ms each. */
async function createFixture({ minCount = 100 } = {}) {
  const clock = createSteppedClock()
  const origins = ['a', 'b'].map((address) => createFakeUpstream({ clock, address }))
  const members = origins.map((upstream, i) => ({
    address: ['a', 'b'][i] ?? '',
    weight: i === 0 ? 1000 : 1,
    isBackup: false,
    waitMs: () => 0,
    runningCount: () => 0,
    upstream,
  }))
  const budget = createRetryBudget({ clock, fraction: 0, minCount })
  const hedge = { clock, percentile: 0.95, minDelayMs: 20, budget }
  const upstream = withHedge(createPick(members, 'round-robin'), hedge)
  const scope = createTestScope()
  for (const [i, origin] of origins.entries()) origin.put('/x', { body: `from ${i}` })
  for (let i = 0; i < 20; i++) await ask(upstream, '/x')
  const seen = () => origins.map(({ requests }) => requests.length)
  const before = seen()
  return {
    clock,
    origins,
    scope,
    get: (method = 'GET') => ask(upstream, '/x', [], { scope, method }),
    counts: () => seen().map((count, i) => count - (before[i] ?? 0)),
  }
}

const ENDLESS = Number.POSITIVE_INFINITY

describe('a request whose head is slow', () => {
  it('is asked for elsewhere too, and the first answer is taken and the other dropped', async () => {
    const { clock, origins, scope, get, counts } = await createFixture()
    origins[0]?.inject({ fault: 'hang-head' })
    const got = get()
    await clock.step(19)
    expect(counts()).toEqual([1, 0])
    await clock.step(1)
    expect((await got).text).toBe('from 1')
    expect(counts()).toEqual([1, 1])
    expect(scope.eventsOf('hedged')).toHaveLength(1)
    await clock.step(0)
    expect(origins[0]?.requests.at(-1)?.outcome?.kind).not.toBe('complete')
    expect(origins[0]?.openCount).toBe(0)
  })

  it('keeps to the first when that answers meanwhile, or the second has failed', async () => {
    const { clock, origins, get } = await createFixture()
    origins[0]?.inject({ fault: 'delay-head', delayMs: 100 })
    origins[1]?.inject({ fault: 'status', status: 503 })
    const got = get()
    await clock.step(100)
    expect((await got).text).toBe('from 0')
  })

  it('fails as the first has when both fail', async () => {
    const { clock, origins, get } = await createFixture()
    origins[0]?.inject({ fault: 'delay-head', delayMs: 50 })
    origins[0]?.inject({ fault: 'status', status: 500 })
    origins[1]?.inject({ fault: 'fail', kind: 'connection_refused' })
    const got = get()
    await clock.step(50)
    expect((await got).status).toBe(500)
  })

  it('is asked for once where it is no GET, or the budget is spent', async () => {
    const { clock, origins, get, counts } = await createFixture({ minCount: 0 })
    origins[0]?.inject({ fault: 'delay-head', delayMs: 500, times: ENDLESS })
    for (const method of ['HEAD', 'GET']) {
      const got = get(method)
      await clock.step(500)
      expect((await got).status).toBe(200)
    }
    expect(counts()).toEqual([2, 0])
  })

  it('ends with who asked', async () => {
    const { clock, origins, scope, get } = await createFixture()
    for (const origin of origins) origin.inject({ fault: 'hang-head' })
    const failed = failureOf(get())
    await clock.step(20)
    scope.abort('the client left')
    await failed
    await clock.step(0)
    expect(origins.map(({ openCount }) => openCount)).toEqual([0, 0])
  })
})
