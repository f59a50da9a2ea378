// A restart is warm. The benchmark does the same with 100,000 entries, and with other ends.

import { expect, it } from 'vitest'

import { measureRestart } from '../../../../bench/restart.ts'

it('hits within 3 s and as often as before, after having been killed', async () => {
  const got = await measureRestart('killed', { entryCount: 6000, requestCount: 3000 })
  expect(got.entryCount).toBeGreaterThan(5000)
  expect(got.hitRatioBefore).toBeGreaterThan(0.6)
  expect(got.firstHitMs).toBeLessThan(3000)
  expect(got.hitRatioAfter).toBeGreaterThan(0.95 * got.hitRatioBefore)
}, 60_000)
