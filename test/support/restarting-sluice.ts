// The real process on one disk tier, ended and started again while its clients go on asking.

import { Agent } from 'node:http'

import { onTestFinished } from 'vitest'

import { wallMs } from './flipping-object.ts'
import { openFilesOf } from './open-files.ts'
import type { OpenFiles } from './open-files.ts'
import { startSluice } from './sluice-process.ts'
import type { SluiceProcess } from './sluice-process.ts'

export interface Incarnation {
  readonly sluice: SluiceProcess
  /** Of kept connections. */
  readonly agent: Agent
  /** What it had open before anyone asked it. */
  readonly openAtStart: OpenFiles
}

export interface RestartingSluice {
  /** The one that runs; waits while there is none. */
  current(): Promise<Incarnation>
  /** Ends it as told, and starts the next on the same disk. */
  restart(how: 'kill' | 'clean'): Promise<void>
  /** Whether it was not there to answer at a time between these two, or was about to go. */
  wasAway(fromMs: number, toMs: number): boolean
  /** What those that have ended and the one that runs said of what nobody foresaw. */
  alarms(): Promise<readonly string[]>
}

const ALARM =
  /cannot go on|uncaught|unhandled|Request failed|Background work failed|\b[A-Z]\w*Error: /i

/** @param disk The directory of its disk tier. */
export async function startRestartingSluice(
  disk: string,
  flags: readonly string[],
): Promise<RestartingSluice> {
  async function start(): Promise<Incarnation> {
    const tiers = ['--disk', disk, '--drain-delay', '0s']
    const sluice = await startSluice([...flags, ...tiers])
    // Whatever else happens, it does not outlive the test.
    onTestFinished(() => sluice.kill())
    const openAtStart = openFilesOf(sluice.pid, [disk])
    return { sluice, agent: new Agent({ keepAlive: true }), openAtStart }
  }
  const away: { fromMs: number; toMs: number }[] = []
  const alarms: string[] = []
  let running = Promise.resolve(await start())

  async function next(how: 'kill' | 'clean', { sluice, agent }: Incarnation): Promise<Incarnation> {
    if (how === 'kill') await sluice.kill()
    else {
      const { code, signal } = await sluice.stop('SIGTERM')
      if (code !== 0) alarms.push(`Ended with ${code ?? signal}: ${sluice.stderr.join('\n')}`)
    }
    alarms.push(...alarmsOf(sluice))
    agent.destroy()
    return await start()
  }

  return {
    current: () => running,
    async restart(how) {
      const before = await running
      const span = { fromMs: wallMs(), toMs: Number.POSITIVE_INFINITY }
      away.push(span)
      running = next(how, before)
      await running
      span.toMs = wallMs()
    },
    wasAway: (fromMs, toMs) => away.some((span) => span.fromMs <= toMs && fromMs <= span.toMs),
    alarms: async () => [...alarms, ...alarmsOf((await running).sluice)],
  }
}

function alarmsOf(sluice: SluiceProcess): readonly string[] {
  return sluice.lines.filter((line) => ALARM.test(line) && !line.includes('"kind":"access"'))
}
