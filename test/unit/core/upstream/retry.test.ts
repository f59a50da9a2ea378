// What is asked again, where, when, and how often.

import { describe, expect, it } from 'vitest'

import type { UpstreamRequest } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import { createPick } from '#core/upstream/pick.ts'
import { createRetryBudget } from '#core/upstream/retry-budget.ts'
import { withRetry } from '#core/upstream/retry.ts'
import { ask, failureOf } from '../../../support/ask.ts'
import type { FakeUpstream } from '../../../support/fake-upstream.ts'
import { createFakeUpstream } from '../../../support/fake-upstream.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'

const ENDLESS = Number.POSITIVE_INFINITY

function createFixture(count = 1, { fraction = 1, minCount = 100 } = {}) {
  const clock = createSteppedClock()
  const names = ['a', 'b', 'c'].slice(0, count)
  const origins = names.map((address) => createFakeUpstream({ clock, address }))
  for (const origin of origins) origin.put('/x', { body: 'right' })
  const pick = createPick(
    names.map((address, i) => ({
      address,
      weight: 1,
      isBackup: false,
      waitMs: () => 0,
      runningCount: () => 0,
      upstream: origins[i] as FakeUpstream,
    })),
    'round-robin',
  )
  const upstream = withRetry(pick, {
    clock,
    random: () => 0.5,
    maxAttemptCount: 3,
    hasOther: (tried) => pick.hasOther(tried),
    budget: createRetryBudget({ clock, fraction, minCount }),
    minDelayMs: 50,
    jitterMs: 200,
    maxDelayMs: 2000,
  })
  const scope = createTestScope()
  return {
    clock,
    scope,
    origins,
    upstream,
    counts: () => origins.map(({ requests }) => requests.length),
    ask: (method = 'GET', more: Partial<UpstreamRequest> = {}) =>
      ask({ fetch: (request, own) => upstream.fetch({ ...request, ...more }, own) }, '/x', [], {
        method,
        scope,
      }),
  }
}

describe('a failure that is an answer', () => {
  it.each([500, 502, 503, 504])(
    'of %i is asked for again at another address, at once',
    async (status) => {
      const { origins, ask: get, counts } = createFixture(2)
      origins[0]?.inject({ fault: 'status', status, times: ENDLESS })
      expect((await get()).text).toBe('right')
      expect(counts()).toEqual([1, 1])
    },
  )

  it('is asked for once more at the only address, after a while', async () => {
    const { clock, origins, ask: get, counts } = createFixture()
    origins[0]?.inject({ fault: 'status', status: 503 })
    const got = get()
    await clock.step(149)
    expect(counts()).toEqual([1])
    await clock.step(1)
    expect((await got).text).toBe('right')
    expect(counts()).toEqual([2])
  })

  it('is passed on at once when it is no passing one', async () => {
    const { origins, ask: get, counts } = createFixture()
    origins[0]?.inject({ fault: 'status', status: 500, times: ENDLESS })
    expect((await get()).status).toBe(500)
    expect(counts()).toEqual([1])
  })

  it('is left to who asks again by himself', async () => {
    const { origins, ask: get, counts } = createFixture()
    origins[0]?.inject({ fault: 'status', status: 503, times: ENDLESS })
    expect((await get('GET', { asksAgain: true })).status).toBe(503)
    expect(counts()).toEqual([1])
  })

  it('is passed on when it comes again', async () => {
    const { clock, origins, ask: get, counts } = createFixture()
    origins[0]?.inject({ fault: 'status', status: 503, times: ENDLESS })
    const got = get()
    await clock.step(1000)
    expect((await got).status).toBe(503)
    expect(counts()).toEqual([2])
  })

  it('is not waited for by who can have what is stored', async () => {
    const { origins, ask: get, counts } = createFixture()
    origins[0]?.inject({ fault: 'status', status: 503, times: ENDLESS })
    expect((await get('GET', { hasFallback: true })).status).toBe(503)
    expect(counts()).toEqual([1])
  })

  it.each([
    ['1', 1000],
    ['0', 150],
    ['Wed, 01 Jan 2025 00:00:02 GMT', 2000],
  ])('is asked for again when its Retry-After of %s says so', async (value, ms) => {
    const { clock, origins, ask: get, counts } = createFixture()
    const fields = [['Retry-After', value]] as const
    origins[0]?.inject({ fault: 'status', status: 503, fields })
    const got = get()
    await clock.step(ms - 1)
    expect(counts()).toEqual([1])
    await clock.step(1)
    expect((await got).text).toBe('right')
  })

  it('is passed on when it asks for more patience than there is', async () => {
    const { origins, ask: get, counts } = createFixture()
    const fields = [['Retry-After', '3']] as const
    origins[0]?.inject({ fault: 'status', status: 503, fields, times: ENDLESS })
    expect((await get()).field('retry-after')).toBe('3')
    expect(counts()).toEqual([1])
  })

  it.each(['POST', 'PATCH'])('is never asked for again with %s', async (method) => {
    const { origins, ask: get, counts } = createFixture(2)
    for (const origin of origins) origin.inject({ fault: 'status', status: 503, times: ENDLESS })
    expect((await get(method)).status).toBe(503)
    expect(counts()).toEqual([1, 0])
  })

  it('is none with 404, 403 and 429: these are answers', async () => {
    for (const status of [404, 403, 429, 501]) {
      const { origins, ask: get, counts } = createFixture(2)
      origins[0]?.inject({ fault: 'status', status, times: ENDLESS })
      expect((await get()).status).toBe(status)
      expect(counts()).toEqual([1, 0])
    }
  })
})

describe('an address that cannot be reached', () => {
  it.each(['connection_refused', 'connection_timeout', 'dns_error'] as const)(
    'with %s is left for another, and is not asked twice',
    async (kind) => {
      const { origins, ask: get, counts } = createFixture(3)
      for (const origin of origins.slice(0, 2))
        origin.inject({ fault: 'fail', kind, times: ENDLESS })
      expect((await get()).text).toBe('right')
      expect(counts()).toEqual([1, 1, 1])
    },
  )

  it('fails at once when there is no other', async () => {
    const { origins, ask: get, counts } = createFixture()
    origins[0]?.inject({ fault: 'fail', kind: 'connection_refused', times: ENDLESS })
    expect(await failureOf(get())).toMatchObject({ kind: 'connection_refused' })
    expect(counts()).toEqual([1])
  })
})

it('a connection that had been kept and ended is asked for once more, on a fresh one', async () => {
  const { origins, ask: get } = createFixture()
  origins[0]?.inject({ fault: 'fail', kind: 'connection_terminated', times: ENDLESS })
  expect(await failureOf(get())).toMatchObject({ kind: 'connection_terminated' })
  const asked = origins[0]?.requests.map(({ request }) => request.needsFreshConnection)
  expect(asked).toEqual([false, true])
})

it('what is final is not asked for again', async () => {
  const inner = {
    async fetch(): Promise<never> {
      const error = new UpstreamError('connection_terminated', 'A fresh one', { retryable: false })
      error.address = 'a'
      throw error
    },
  }
  let count = 0
  const { clock } = createFixture()
  const upstream = withRetry(
    {
      fetch() {
        count++
        return inner.fetch()
      },
    },
    {
      clock,
      random: () => 0,
      maxAttemptCount: 3,
      hasOther: () => true,
      budget: createRetryBudget({ clock, fraction: 1, minCount: 10 }),
      minDelayMs: 0,
      jitterMs: 0,
      maxDelayMs: 0,
    },
  )
  await failureOf(ask(upstream, '/x'))
  expect(count).toBe(1)
})

it('all second attempts together stay within the budget', async () => {
  const { clock, origins, ask: get, counts } = createFixture(2, { fraction: 0.2, minCount: 3 })
  for (const origin of origins) origin.inject({ fault: 'status', status: 503, times: ENDLESS })
  const all = Array.from({ length: 100 }, () => get())
  await clock.step(1000)
  await Promise.all(all)
  const attempts = counts().reduce((sum, count) => sum + count, 0)
  expect(attempts).toBe(120)
})
