// An origin in a process of its own that fails as it is told: its answers cost the load generator nothing, and it
// counts what reaches it.

import { fork } from 'node:child_process'
import { once } from 'node:events'

/**
 * How it behaves. `dead`: connections are reset as soon as they are made, and so are those there were; `silent`:
 * connections are taken, and nothing is ever answered; `flapping`: five seconds dead, five seconds well; `slow`: ten
 * times as slow; `failing`: 30 % of the answers are 500; `refusing`: all are 503.
 */
export type Behaviour = 'well' | 'dead' | 'silent' | 'flapping' | 'slow' | 'failing' | 'refusing'

export type OriginTask = Behaviour | 'report'

export interface OriginReport {
  /** Requests, and connections that were reset: wall clock with a fraction, in order. */
  readonly attemptsAtMs: readonly number[]
  /** The most requests at once since it last became well. */
  readonly maxAtOnceCount: number
}

export interface OutageOrigin {
  readonly port: number
  /** @returns When it began, wall clock with a fraction. To be well again makes other versions of all objects. */
  behave(behaviour: Behaviour): Promise<number>
  report(): Promise<OriginReport>
  stop(): Promise<void>
}

/** Where never anything is stored. */
export const UNSTORED_PREFIX = '/unstored/'
export const BODY_BYTES = 10 * 1024

/** The version at the start; each time it becomes well there is another. */
export const FIRST_VERSION = 1

export async function startOutageOrigin(): Promise<OutageOrigin> {
  const child = fork(new URL('./outage-origin-child.ts', import.meta.url), {
    serialization: 'advanced',
    // Flags of the test runner are none of its business.
    execArgv: [],
  })
  const exited = once(child, 'exit')
  const [port] = (await once(child, 'message')) as [number]

  async function tell<Answer>(task: OriginTask): Promise<Answer> {
    const answered = once(child, 'message')
    child.send(task)
    const [answer] = (await answered) as [Answer]
    return answer
  }

  return {
    port,
    behave: (behaviour) => tell<number>(behaviour),
    report: () => tell<OriginReport>('report'),
    async stop() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
