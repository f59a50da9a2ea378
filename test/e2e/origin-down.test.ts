// An origin that is not there, and comes back (F-01), through the real process with its breaker on.

import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { TestOrigin } from '../support/test-origin.ts'

const LIMITS = { connectTimeout: '200ms', breakerFailures: 3, breakerOpen: '500ms' }
/** Must be validated on each use, and may be used all the same when that fails (RFC 5861 §4). */
const KEPT = [['Cache-Control', 'max-age=0, stale-if-error=60']] as const

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess

beforeAll(async () => {
  origin = await startTestOrigin()
  const config = files.write('breaker.json', { limits: LIMITS })
  sluice = await startSluice(['--origin', origin.url, '--config', config])
  origin.put('/kept', { body: 'kept', fields: KEPT })
  await get('/kept')
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

async function get(target: string) {
  return await httpGet(sluice.url, { target })
}

describe('an origin that refuses connections (F-01)', () => {
  it('costs an uncached request a quick 502, and then 503 while its breaker is open', async () => {
    await origin.close()
    const statuses: number[] = []
    for (let i = 0; i < 8; i += 1) {
      const { status, header, elapsedMs, body } = await get(`/uncached-${i}`)
      statuses.push(status)
      expect(elapsedMs).toBeLessThan(400)
      expect(body.length).toBeLessThan(200)
      expect(header('cache-status')).toContain(
        status === 503 ? 'detail=destination_unavailable' : 'detail=connection_refused',
      )
      expect(header('retry-after') !== undefined).toBe(status === 503)
    }
    expect(statuses[0]).toBe(502)
    expect(statuses.at(-1)).toBe(503)
    expect(statuses).toEqual(statuses.toSorted((a, b) => a - b))
  })

  it('is made up for by what is stored, at once, and says so (RFC 5861 §4)', async () => {
    for (let i = 0; i < 5; i += 1) {
      const { status, body, header, elapsedMs } = await get('/kept')
      expect([status, body.toString()]).toEqual([200, 'kept'])
      expect(header('age')).toBeDefined()
      expect(header('cache-status')).toMatch(/^sluice; hit|^sluice; fwd=stale/)
      expect(elapsedMs).toBeLessThan(400)
    }
  })

  it('is used again within two seconds of being back, after one probe', async () => {
    origin = await startTestOrigin({ port: origin.port })
    origin.put('/back', { body: 'back' })
    const backAtMs = performance.now()
    for (;;) {
      const { status } = await get('/back')
      if (status === 200) break
      expect(performance.now() - backAtMs).toBeLessThan(2000)
      await sleep(20)
    }
    expect(origin.requests).toHaveLength(1)
    const { value } = await sluice.metrics()
    const breaker = (because: string) => value('sluice_events_total', { kind: 'breaker', because })
    expect(breaker('open')).toBeGreaterThan(0)
    expect(sluice.lines.some((line) => /Breaker of .* is open/.test(line))).toBe(true)
  })
})
