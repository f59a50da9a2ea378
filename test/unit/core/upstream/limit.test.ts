import { describe, expect, it } from 'vitest'

import { withLimit } from '#core/upstream/limit.ts'
import type { LimitOptions } from '#core/upstream/limit.ts'
import { failureOf, fetchFrom } from '../../../support/ask.ts'
import { createFakeUpstream } from '../../../support/fake-upstream.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'

function createFixture(options: Partial<LimitOptions> = {}) {
  const clock = createSteppedClock()
  const origin = createFakeUpstream({ clock })
  origin.put('/x', { sizeBytes: 100 })
  const limited = withLimit(origin, {
    clock,
    maxConcurrentCount: 2,
    minConcurrentCount: 1,
    maxQueueCount: 2,
    maxWaitMs: 2000,
    concurrency: (maxCount) => maxCount,
    ...options,
  })
  const get = (scope = createTestScope()) => fetchFrom(limited, '/x', [], { scope })
  return { clock, origin, limited, get }
}

describe('a limit of transfers at once', () => {
  it('has who comes later wait until a body has ended, in the order they came', async () => {
    const { clock, limited, get } = createFixture()
    const [first] = [await get(), await get()]
    const order: number[] = []
    const waiting = [1, 2].map((number) =>
      get().then((response) => {
        order.push(number)
        return response
      }),
    )
    expect(limited.status()).toEqual({ limitCount: 2, runningCount: 2, queueCount: 2 })
    first?.body.cancel('enough')
    const second = await waiting[0]
    expect(order).toEqual([1])
    second?.body.cancel('enough')
    await waiting[1]
    expect(order).toEqual([1, 2])
    await clock.step(0)
    expect(limited.status()).toEqual({ limitCount: 2, runningCount: 2, queueCount: 0 })
  })

  it('refuses at once who finds the queue full, and who has something stored instead', async () => {
    const { limited, get } = createFixture()
    await get()
    await get()
    const fallback = limited.fetch({ ...request(), hasFallback: true }, createTestScope())
    expect(await failureOf(fallback)).toMatchObject({ kind: 'connection_limit_reached' })
    void get().catch(() => undefined)
    void get().catch(() => undefined)
    expect(await failureOf(get())).toMatchObject({ kind: 'connection_limit_reached' })
  })

  it('refuses who has waited too long, and gives the place to the next', async () => {
    const { clock, limited, get } = createFixture()
    const running = [await get(), await get()]
    const late = failureOf(get())
    await clock.step(1999)
    const next = get()
    await clock.step(1)
    expect(await late).toMatchObject({ kind: 'connection_limit_reached', retryAfterMs: 1000 })
    running[0]?.body.cancel('enough')
    await next
    expect(limited.status()).toMatchObject({ runningCount: 2, queueCount: 0 })
  })

  it('loses no place to those who leave while they wait', async () => {
    const { clock, limited, get } = createFixture()
    const running = [await get(), await get()]
    const scope = createTestScope()
    const left = failureOf(get(scope))
    scope.abort('the client left')
    for (const { body } of running) body.cancel('enough')
    await left
    await clock.step(1000)
    expect(limited.status()).toEqual({ limitCount: 2, runningCount: 0, queueCount: 0 })
  })

  it('lets in who waits as places come with time', async () => {
    let places = 1
    const { clock, limited, get } = createFixture({ concurrency: () => places })
    await get()
    const waiting = get()
    await clock.step(500)
    expect(limited.status()).toEqual({ limitCount: 1, runningCount: 1, queueCount: 1 })
    places = 2
    await clock.step(100)
    await waiting
    expect(limited.status().runningCount).toBe(2)
    expect(clock.pendingCount()).toBe(0)
  })
})

function request() {
  return {
    method: 'GET',
    target: '/x',
    fields: [],
    authority: undefined,
    key: '/x' as never,
    body: undefined,
  }
}
