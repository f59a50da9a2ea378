// What an origin that fails costs its clients and itself, through the real process with its breaker on (hazards 4.1).

import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startBlackHole } from '../support/black-hole.ts'
import { concurrently } from '../support/concurrently.ts'
import { createConfigFiles } from '../support/config-file.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpResult } from '../support/http-get.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

/** Must be validated on each use, and may be used all the same when that fails (RFC 5861 §4). */
const KEPT = [['Cache-Control', 'max-age=0, stale-if-error=600']] as const
const PASSED = [['Cache-Control', 'no-store']] as const
const ENDLESS = Number.POSITIVE_INFINITY
const WELL_UNDER_A_SECOND_MS = 800

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess

beforeEach(async () => {
  origin = await startTestOrigin()
  origin.put('/kept', { body: 'kept', fields: KEPT })
})

afterEach(async () => {
  await sluice.finish()
  await origin.close()
})

afterAll(() => files.remove())

/** With `/kept` stored. */
async function start(originUrl: string, limits: object): Promise<void> {
  const config = files.write('breaker.json', { limits })
  sluice = await startSluice(['--origin', originUrl, '--config', config])
  expect((await get('/kept')).status).toBe(200)
}

async function get(target: string): Promise<HttpResult> {
  return await httpGet(sluice.url, { target })
}

async function breakerState(): Promise<string | undefined> {
  const { body } = await httpGet(`${sluice.adminUrl}/origins`)
  const { sites } = JSON.parse(body.toString()) as {
    sites: { origins: { breaker: string }[] }[]
  }
  return sites[0]?.origins[0]?.breaker
}

/** Asks again and again, by so many at once, until it is aborted. */
async function askUntil(
  signal: AbortSignal,
  count: number,
  ask: () => Promise<unknown>,
): Promise<void> {
  async function work(): Promise<void> {
    while (!signal.aborted) {
      await ask()
      await sleep(20)
    }
  }
  await Promise.all(Array.from({ length: count }, work))
}

describe('an origin to which no connection can be made (F-02)', () => {
  it('keeps its first clients for the time of a connect, and is tried by one at a time then', async () => {
    await start(origin.url, { connectTimeout: '500ms' })
    await origin.close()
    const hole = await startBlackHole(origin.port)
    try {
      const targets = Array.from({ length: 20 }, (_, i) => (i % 4 === 0 ? '/kept' : `/${i}`))
      const first = await Promise.all(targets.map(get))
      expect(new Set(first.map(({ status }) => status))).toEqual(new Set([200, 504]))
      expect(first.filter(({ status }) => status === 200)).toHaveLength(5)
      // A connect, and what a busy machine takes: not two connects, one behind the other, and then some.
      for (const { elapsedMs } of first) expect(elapsedMs).toBeLessThan(2000)
      expect(await breakerState()).toBe('open')

      const statuses = new Set<number>()
      let mostAttempts = 0
      let longCount = 0
      let count = 0
      const over = AbortSignal.timeout(3000)
      const watching = askUntil(over, 1, async () => {
        mostAttempts = Math.max(mostAttempts, hole.openAttemptCount())
      })
      await askUntil(over, 10, async () => {
        const { status, elapsedMs } = await get(++count % 2 === 0 ? '/kept' : `/later-${count}`)
        statuses.add(status)
        if (elapsedMs > 450) longCount++
      })
      await watching
      expect([...statuses].filter((status) => ![200, 503, 504].includes(status))).toEqual([])
      expect(mostAttempts).toBe(1)
      // Only who happens to be the probe waits for a connect.
      expect(longCount).toBeLessThan(count / 10)
    } finally {
      await hole.close()
    }
  })
})

describe('an open breaker', () => {
  it('has stored and other keys answered at once, and lets no connection through', async () => {
    const proxy = await startFaultProxy({ targetPort: origin.port })
    await start(proxy.url, { breakerOpen: '10m', breakerFailures: 3 })
    try {
      proxy.refuse()
      proxy.cutAll('rst')
      for (let i = 0; i < 4; i++) await get(`/${i}`)
      expect(await breakerState()).toBe('open')
      // Whatever is let through would arrive there from here on.
      await proxy.reopen()
      const { accepted } = proxy.counters()
      for (let i = 0; i < 50; i++) {
        const kept = await get('/kept')
        expect([kept.status, kept.body.toString()]).toEqual([200, 'kept'])
        expect(kept.elapsedMs).toBeLessThan(WELL_UNDER_A_SECOND_MS)
        const other = await get(`/other-${i}`)
        expect(other.status).toBe(503)
        expect(other.header('retry-after')).toBeDefined()
        expect(other.elapsedMs).toBeLessThan(WELL_UNDER_A_SECOND_MS)
      }
      expect(proxy.counters().accepted).toBe(accepted)
    } finally {
      await proxy.close()
    }
  })
})

describe('an origin that answers with errors (F-10)', () => {
  it('all of them 503: is nearly left alone, while what is stored is served', async () => {
    await start(origin.url, {})
    origin.resetCounters()
    const fields = [['Retry-After', '1']] as const
    origin.inject({ fault: 'status', status: 503, fields, times: ENDLESS })
    const over = AbortSignal.timeout(4000)
    let missCount = 0
    const keptStatuses = new Set<number>()
    const missStatuses = new Set<number>()
    const asking = askUntil(over, 8, async () => {
      missStatuses.add((await get(`/missing-${missCount++}`)).status)
      keptStatuses.add((await get('/kept')).status)
    })
    await sleep(1000)
    const states: (string | undefined)[] = []
    await askUntil(over, 1, async () => void states.push(await breakerState()))
    await asking
    expect([...keptStatuses]).toEqual([200])
    expect([...missStatuses]).toEqual([503])
    expect(origin.counters().requests).toBeLessThanOrEqual(1.2 * missCount)
    const openCount = states.filter((state) => state === 'open').length
    expect(openCount / states.length).toBeGreaterThanOrEqual(0.9)
  })

  it('a third of them: is asked a fifth more than it would be, and only for what is not stored', async () => {
    await start(origin.url, {})
    const missing = Array.from({ length: 300 }, (_, i) => `/missing-${i}`)
    for (const path of missing) origin.put(path, { body: path, fields: PASSED })
    origin.resetCounters()
    let asked = 0
    const when = () => asked++ % 10 < 3
    origin.inject({ fault: 'status', status: 503, times: ENDLESS, when })
    let failedCount = 0
    await concurrently(missing, 8, async (path) => {
      if ((await get(path)).status !== 200) failedCount++
    })
    // There is a budget for second attempts, and it is spent.
    const { requests } = origin.counters()
    expect(requests).toBeGreaterThan(missing.length)
    expect(requests).toBeLessThanOrEqual(1.2 * missing.length + 1)
    expect(failedCount).toBeLessThan(0.3 * missing.length)
    for (let i = 0; i < 20; i++) expect((await get('/kept')).status).toBe(200)
  })
})

describe('an origin that comes and goes (F-12)', () => {
  it('changes its breaker twice a flip at most, while what is stored is served', async () => {
    const proxy = await startFaultProxy({ targetPort: origin.port })
    await start(proxy.url, { breakerOpen: '200ms', breakerRamp: '500ms' })
    const DOWN_COUNT = 3
    const statuses = new Set<number>()
    const over = new AbortController()
    try {
      const asking = askUntil(over.signal, 10, async () =>
        statuses.add((await get('/kept')).status),
      )
      for (let i = 0; i < DOWN_COUNT; i++) {
        proxy.refuse()
        proxy.cutAll('rst')
        await sleep(1000)
        await proxy.reopen()
        await sleep(1400)
      }
      over.abort()
      await asking
    } finally {
      over.abort()
      await proxy.close()
    }
    const states = sluice.stdout
      .filter((line) => line.includes('"kind":"breaker"'))
      .map((line) => (JSON.parse(line) as { state: string }).state)
    const changes = states.filter((state) => state === 'open' || state === 'closed')
    expect([...statuses]).toEqual([200])
    expect(changes.filter((state) => state === 'open').length).toBeGreaterThanOrEqual(DOWN_COUNT)
    expect(changes.length).toBeLessThanOrEqual(2 * (2 * DOWN_COUNT))
  })
})
