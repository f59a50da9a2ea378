import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { formatHttpDate } from '#core/http/http-date.ts'

import { createEdge } from '../support/edge.ts'

const PERMISSIVE = {
  heuristicFraction: 0.1,
  storesAnyStatus: true,
  staleNeedsPermission: false,
  minValidationIntervalMs: 0,
}

const seconds = fc.constantFrom(0, 1, 5, 10, 60, 600, 86_400)
/** Nothing, or so many seconds. */
const maybe = fc.option(seconds, { nil: undefined })

/** A response, and what happens then: time passes, somebody asks. */
const histories = fc.record({
  ageSeconds: maybe,
  dateSeconds: fc.option(fc.constantFrom(-86_400, -60, -5, 0, 5, 60), { nil: undefined }),
  maxAgeSeconds: maybe,
  sMaxAgeSeconds: maybe,
  expiresSeconds: fc.option(fc.constantFrom(-60, 0, 5, 60), { nil: undefined }),
  windowSeconds: maybe,
  steps: fc.array(
    fc.record({
      afterMs: fc.constantFrom(0, 1, 999, 1000, 4999, 5000, 5001, 60_000, 600_000),
      request: fc.constantFrom('', '', '', 'max-age=5', 'min-fresh=5', 'max-stale', 'no-cache'),
      status: fc.constantFrom(undefined, undefined, 503),
    }),
    { minLength: 1, maxLength: 5 },
  ),
})

type History = typeof histories extends fc.Arbitrary<infer T> ? T : never

function fieldsOf(history: History, nowMs: number): [string, string][] {
  const { ageSeconds, dateSeconds, maxAgeSeconds, sMaxAgeSeconds } = history
  const { expiresSeconds, windowSeconds } = history
  const directives = [
    maxAgeSeconds === undefined ? [] : `max-age=${maxAgeSeconds}`,
    sMaxAgeSeconds === undefined ? [] : `s-maxage=${sMaxAgeSeconds}`,
    windowSeconds === undefined ? [] : `stale-while-revalidate=${windowSeconds}`,
  ].flat()
  const dated = (name: string, offsetSeconds: number | undefined): [string, string][] =>
    offsetSeconds === undefined ? [] : [[name, formatHttpDate(nowMs + offsetSeconds * 1000)]]
  return [
    ...(ageSeconds === undefined ? [] : ([['age', String(ageSeconds)]] as [string, string][])),
    ...dated('date', dateSeconds),
    ...dated('expires', expiresSeconds),
    ['cache-control', directives.join(', ') || 'public'],
  ]
}

/** Runs a history and checks every answer from the store; returns how many there were. */
async function run(history: History): Promise<number> {
  const edge = createEdge({ site: { policy: PERMISSIVE } })
  const storedAtMs = edge.clock.nowMs()
  edge.origin.put('/a', { sizeBytes: 10, fields: fieldsOf(history, storedAtMs) })
  const { ageSeconds = 0, maxAgeSeconds, sMaxAgeSeconds } = history
  await edge.get('/a')
  await edge.fillScopes.settled()
  let hitCount = 0
  for (const { afterMs, request, status } of history.steps) {
    await edge.clock.step(afterMs)
    const withdraw =
      status === undefined ? undefined : edge.origin.inject({ fault: 'status', status })
    const got = await edge.get('/a', request === '' ? {} : { 'cache-control': request })
    await got.scope.settled()
    withdraw?.()
    if (!got.cache.startsWith('hit')) continue
    hitCount++
    const age = got.field('age') ?? ''
    expect(age).toMatch(/^[0-9]+$/)
    expect(Number(age)).toBeGreaterThanOrEqual(ageSeconds)
    const ttl = Number(/ttl=(-?[0-9]+)/.exec(got.cache)?.[1])
    const lifetimeSeconds = sMaxAgeSeconds ?? maxAgeSeconds
    if (lifetimeSeconds === undefined) continue
    // Each is rounded down to whole seconds.
    expect(Number(age) + ttl).toBeLessThanOrEqual(lifetimeSeconds)
    expect(Number(age) + ttl).toBeGreaterThanOrEqual(lifetimeSeconds - 1)
    const mayBeStale = request === 'max-stale' || (history.windowSeconds ?? 0) > 0
    expect(mayBeStale || Number(age) <= lifetimeSeconds).toBe(true)
  }
  return hitCount
}

describe('answers from the store', () => {
  it('have an Age no less than the one received, and are no older than their lifetime but by permission (RFC 9111 §4.2, §5.1)', async () => {
    let hitCount = 0
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        hitCount += await run(history)
      }),
      { numRuns: 500 },
    )
    expect(hitCount).toBeGreaterThan(200)
  })
})
