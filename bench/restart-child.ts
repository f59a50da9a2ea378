// The process that is stopped or killed: it makes the requests it is told, and reports when it hit first.

import { setTimeout } from 'node:timers/promises'

import type { RestartReport, RestartTask } from './restart.ts'
import { openLoadedStore, request } from './restart-load.ts'

process.on('message', (message: RestartTask | 'stop') => {
  if (message === 'stop') void stop()
  else void run(message)
})

let stop = async (): Promise<void> => process.exit(0)

async function run(task: RestartTask): Promise<void> {
  const { directory, maxBytes, ids, countedCount, maxPerSecond = Number.POSITIVE_INFINITY } = task
  const loaded = await openLoadedStore(directory, maxBytes)
  stop = async () => {
    await loaded.disk.close()
    process.exit(0)
  }
  let firstHitMs = Number.POSITIVE_INFINITY
  let hitCount = 0
  const startedAtMs = performance.now()
  for (const [i, id] of ids.entries()) {
    const aheadMs = (1000 * i) / maxPerSecond - (performance.now() - startedAtMs)
    if (aheadMs > 5) await setTimeout(aheadMs)
    const isHit = await request(loaded, id)
    // Since the start of this process.
    if (isHit && firstHitMs === Number.POSITIVE_INFINITY) firstHitMs = performance.now()
    if (isHit && i >= ids.length - countedCount) hitCount++
  }
  await loaded.disk.flush()
  const entryCount = loaded.disk.stats().headCount
  const report: RestartReport = { firstHitMs, hitRatio: hitCount / countedCount, entryCount }
  process.send?.(report)
}
