// `npm run bench -- restart`: how soon a cache of 100,000 entries serves again, and how many of its hits it has
// kept: stopped in peace, killed, and killed with the written index lost.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createSeededRandom } from '../test/support/seeded-random.ts'
import { createZipf } from './traces.ts'

export interface RestartOptions {
  readonly entryCount: number
  /** Requests that are counted before and after. */
  readonly requestCount: number
}

const ENDS = ['stopped', 'killed', 'killed, index lost'] as const
export type End = (typeof ENDS)[number]

export interface Restarted {
  readonly end: End
  readonly entryCount: number
  /** From the start of the process. */
  readonly firstHitMs: number
  /** Of the last and of the first requests. */
  readonly hitRatioBefore: number
  readonly hitRatioAfter: number
}

/** What the other process is told to do, and what it answers. */
export interface RestartTask {
  readonly directory: string
  readonly maxBytes: number
  readonly ids: readonly number[]
  /** Of the last ones, how many count. */
  readonly countedCount: number
  /** Default: as fast as it goes. */
  readonly maxPerSecond?: number
}

/** Of the requests after the restart: while the log is still being read, it is time that counts. */
const MAX_PER_SECOND = 2000
export interface RestartReport {
  readonly firstHitMs: number
  readonly hitRatio: number
  readonly entryCount: number
}

const BYTES_PER_ENTRY = 8192

export async function measureRestart(end: End, options: RestartOptions): Promise<Restarted> {
  const { entryCount, requestCount } = options
  const directory = mkdtempSync(join(tmpdir(), 'sluice-restart-'))
  try {
    const zipf = createZipf(entryCount * 3, createSeededRandom(7))
    const draw = (count: number) => Array.from({ length: count }, () => zipf())
    const common = { directory, maxBytes: entryCount * BYTES_PER_ENTRY, countedCount: requestCount }
    // Every object once, so that the disk is full; then the popular ones.
    const all = Array.from({ length: entryCount * 3 }, (_, i) => entryCount * 3 - 1 - i)
    const before = await run({ ...common, ids: [...all, ...draw(entryCount * 6)] }, end)
    if (end === 'killed, index lost') {
      for (const suffix of ['', '-wal', '-shm']) {
        rmSync(join(directory, `index.sqlite${suffix}`), { force: true })
      }
    }
    const asked = { ...common, ids: draw(requestCount), maxPerSecond: MAX_PER_SECOND }
    const after = await run(asked, 'stopped')
    return {
      end,
      entryCount: before.entryCount,
      firstHitMs: after.firstHitMs,
      hitRatioBefore: before.hitRatio,
      hitRatioAfter: after.hitRatio,
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function run(task: RestartTask, end: End): Promise<RestartReport> {
  const child = fork(new URL('./restart-child.ts', import.meta.url), { serialization: 'advanced' })
  const exited = once(child, 'exit')
  child.send(task)
  const [report] = (await once(child, 'message')) as [RestartReport]
  if (end === 'stopped') child.send('stop')
  else child.kill('SIGKILL')
  await exited
  return report
}

/** @returns A table in Markdown. */
export async function restartTable(): Promise<string> {
  const rows: string[] = []
  for (const end of ENDS) {
    const got = await measureRestart(end, { entryCount: 100_000, requestCount: 10_000 })
    const { entryCount, firstHitMs, hitRatioBefore, hitRatioAfter } = got
    const percents = [hitRatioBefore, hitRatioAfter].map((ratio) => (100 * ratio).toFixed(1))
    const kept = (hitRatioAfter / hitRatioBefore).toFixed(3)
    rows.push(
      `| ${end} | ${entryCount} | ${firstHitMs.toFixed(0)} | ${percents.join(' | ')} | ${kept} |`,
    )
    process.stderr.write(`${rows.at(-1)}\n`)
  }
  return [
    '| ended | entries | first hit after ms | hits before, % | hits after, % | after ÷ before |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}
