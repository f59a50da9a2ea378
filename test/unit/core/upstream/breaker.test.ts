// What counts as what, and what is told of it; when it opens and closes is for its states.

import { expect, it } from 'vitest'

import type { BreakerRules } from '#core/upstream/breaker-state.ts'
import { createBreaker, withBreaker } from '#core/upstream/breaker.ts'
import type { UpstreamErrorKind } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import { failureOf, fetchFrom } from '../../../support/ask.ts'
import { createFakeUpstream } from '../../../support/fake-upstream.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'

const RULES: BreakerRules = {
  windowMs: 10_000,
  minRequestCount: 4,
  failureRatio: 0.5,
  maxRowCount: 2,
  openMs: 1000,
  maxProbeCount: 1,
  rampMs: 5000,
}

function createFixture() {
  const clock = createSteppedClock()
  const origin = createFakeUpstream({ clock })
  const breaker = createBreaker({ clock, random: () => 0, address: 'one:80', rules: RULES })
  const scope = createTestScope()
  const upstream = withBreaker(origin, breaker, { clock })
  return {
    clock,
    origin,
    breaker,
    scope,
    upstream,
    ask: () => fetchFrom(upstream, '/a', [], { scope }),
  }
}

it.each([
  ['connection_refused', 2],
  ['dns_error', 2],
  ['tls_certificate_error', 2],
  ['http_response_timeout', 2],
  ['http_protocol_error', 4],
] as const)('opens after %s %i times', async (kind: UpstreamErrorKind, count) => {
  const { origin, breaker, ask } = createFixture()
  origin.inject({ fault: 'fail', kind, times: Number.POSITIVE_INFINITY })
  for (let i = 0; i < count; i++) {
    expect(breaker.waitMs()).toBe(0)
    await failureOf(ask())
  }
  expect(breaker.waitMs()).toBe(1000)
  expect(await failureOf(ask())).toMatchObject({
    kind: 'destination_unavailable',
    retryAfterMs: 1000,
  })
  expect(origin.requests).toHaveLength(count)
})

it('tells of each change once, and nothing of probes that fail', async () => {
  const { clock, origin, scope, ask } = createFixture()
  origin.put('/a', { sizeBytes: 10 })
  const heal = origin.inject({
    fault: 'fail',
    kind: 'connection_refused',
    times: Number.POSITIVE_INFINITY,
  })
  for (let i = 0; i < 2; i++) await failureOf(ask())
  for (let i = 0; i < 5; i++) {
    await clock.step(1000)
    expect(await failureOf(ask())).toMatchObject({ kind: 'connection_refused' })
  }
  heal()
  await clock.step(1000)
  await readToEnd((await ask()).body)
  await clock.step(5000)
  await ask()
  expect(scope.eventsOf('breaker').map(({ state }) => state)).toEqual(['open', 'ramp', 'closed'])
})

it('holds a body against an address that died behind its head, and not a client that left', async () => {
  const { origin, breaker, ask } = createFixture()
  origin.put('/a', { sizeBytes: 5000 })
  for (let i = 0; i < 8; i++) (await ask()).body.cancel('the client left')
  expect(breaker.status()).toEqual({ state: 'closed', requestCount: 8, failureCount: 0 })
  origin.inject({ fault: 'break', kind: 'http_response_incomplete', afterBytes: 100, times: 8 })
  for (let i = 0; i < 8; i++) {
    const { body } = await ask()
    await failureOf(readToEnd(body))
  }
  expect(breaker.status().state).toBe('open')
})

async function readToEnd(body: { read(): unknown }): Promise<void> {
  while ((await body.read()) !== undefined);
}

it('does not believe an address that is back with its heads alone', async () => {
  const { clock, origin, breaker, ask } = createFixture()
  origin.put('/a', { sizeBytes: 5000 })
  const heal = origin.inject({
    fault: 'fail',
    kind: 'connection_refused',
    times: Number.POSITIVE_INFINITY,
  })
  for (let i = 0; i < 2; i++) await failureOf(ask())
  heal()
  origin.inject({ fault: 'break', kind: 'http_response_incomplete', afterBytes: 100 })
  await clock.step(1000)
  await failureOf(readToEnd((await ask()).body))
  expect(breaker.status().state).toBe('open')
  // Of a long body its first second is enough.
  await clock.step(1000)
  const { body } = await ask()
  expect(breaker.status().state).toBe('half-open')
  await clock.step(1000)
  expect(breaker.status().state).toBe('ramp')
  body.cancel('enough')
})

it.each([
  ['a kept connection that ended', true, 'closed'],
  ['a fresh connection that ended', false, 'open'],
] as const)('holds %s against an address, or not', async (_, retryable, state) => {
  const { breaker, clock, scope } = createFixture()
  const ending = withBreaker(
    {
      fetch() {
        throw new UpstreamError('connection_terminated', 'It ended', { retryable })
      },
    },
    breaker,
    { clock },
  )
  for (let i = 0; i < 2; i++) await failureOf(fetchFrom(ending, '/a', [], { scope }))
  expect(breaker.status().state).toBe(state)
})
