// The short form of the benchmark of outages, for Sluice alone: what must hold, and no time but the seconds that an
// operator would notice (F-01, F-83).

import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, afterEach, describe, expect, it } from 'vitest'

import { percentOf, runOutage } from '../../bench/outage-run.ts'
import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'

const CONCURRENCY = 64

const files = createConfigFiles()
let sluice: SluiceProcess | undefined

afterEach(async () => {
  await sluice?.finish()
  sluice = undefined
})

afterAll(() => files.remove())

async function start(originPort: number, limits: object): Promise<SluiceProcess> {
  const config = files.write('outage.json', { limits })
  const url = `http://127.0.0.1:${originPort}`
  sluice = await startSluice(['--origin', url, '--config', config, '--log-level', 'error'])
  return sluice
}

describe('an origin that dies for four seconds, under 200 requests a second (F-01)', () => {
  it('is hidden from who asks for what is stored, is left alone, and comes back without a surge', async () => {
    const limits = { originConcurrency: CONCURRENCY }
    const outage = await runOutage((port) => start(port, limits), {
      fault: 'dead',
      faultMs: 4000,
      perSecond: 200,
      keyCount: 1000,
      warmMs: 1000,
      recoveryMs: 4000,
    })
    expect(outage.stored.askedCount).toBeGreaterThan(1000)
    expect(percentOf(outage.stored)).toBeGreaterThanOrEqual(99.99)
    expect(outage.settledAttemptsPerSecond).toBeLessThanOrEqual(2)
    expect(outage.maxAtOnceCount).toBeLessThanOrEqual(CONCURRENCY)
    expect(outage.freshAfterMs).toBeLessThan(3000)
  }, 60_000)
})

describe('keys that expire in the same second (F-83)', () => {
  const KEY_COUNT = 500
  const FRESH = 'max-age=60, stale-while-revalidate=60'

  it('are fetched once each, a bounded number at once, while everybody gets an answer', async () => {
    const origin = await startTestOrigin()
    const agent = new Agent({ keepAlive: true, maxSockets: 128 })
    const paths = Array.from({ length: KEY_COUNT }, (_, i) => `/${i}`)
    const ages = new Map(paths.map((path) => [path, 58]))
    for (const path of paths) {
      origin.put(path, (_, response) => {
        setTimeout(() => {
          response.setHeader('Cache-Control', FRESH)
          response.setHeader('Age', ages.get(path) ?? 0)
          response.end(path)
        }, 20)
      })
    }
    try {
      const { url } = await start(origin.port, { originConcurrency: CONCURRENCY })
      const ask = async (path: string) => await httpGet(`${url}${path}`, { agent })
      await Promise.all(paths.map(ask))
      ages.clear()
      await sleep(2500)
      origin.resetCounters()
      const answers = await Promise.all([...paths, ...paths, ...paths].map(ask))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      expect(origin.counters().requests).toBeLessThanOrEqual(KEY_COUNT)
      // What found no place is fetched when it is asked for again.
      let left = paths
      while (left.length > 0) {
        const seen = await Promise.all(left.slice(0, 8).map(ask))
        const isOld = seen.map(({ header }) => Number(header('age')) >= 58)
        left = [...left.slice(0, 8).filter((_, i) => isOld[i]), ...left.slice(8)]
      }
      expect(origin.counters().requests).toBe(KEY_COUNT)
      expect(origin.counters().maxConcurrent).toBeLessThanOrEqual(CONCURRENCY)
    } finally {
      agent.destroy()
      await origin.close()
    }
  }, 60_000)
})
