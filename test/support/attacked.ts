// The real process in front of a raw origin: what tests of threats have in common.

import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll } from 'vitest'

import { concurrently } from './concurrently.ts'
import { createConfigFiles } from './config-file.ts'
import { httpGet } from './http-get.ts'
import type { HttpGetOptions, HttpResult } from './http-get.ts'
import { startRawOrigin, wire } from './raw-origin.ts'
import type { RawOrigin } from './raw-origin.ts'
import { startSluice } from './sluice-process.ts'
import type { SluiceOptions, SluiceProcess } from './sluice-process.ts'

export const SHARED = 'Cache-Control: max-age=60'
export const NO_STORE = 'Cache-Control: no-store'

export interface Attacked {
  readonly origin: RawOrigin
  readonly sluice: SluiceProcess
  /** Over kept connections; rejects only if no head of a response came. */
  get(target: string, options?: HttpGetOptions): Promise<Answered>
  /** Asks for so many things, four at once, and tells which got something else than their own. */
  findStrayBodies(path: string, count: number): Promise<readonly string[]>
  /** From now on the origin is right; tells whether anything of what came before is still there. */
  findTrace(target: string): Promise<string | undefined>
  /** See `SluiceProcess.finish`. */
  finish(): Promise<void>
  /** The end of one that may not be able to end by itself; nothing is asked of how it was. */
  abandon(): Promise<void>
}

export interface Answered extends HttpResult {
  readonly text: string
  readonly isHit: boolean
}

/** @param config As in a config file, given the origin's URL; the breaker is off unless it says otherwise. */
export async function startAttacked(
  config: (originUrl: string) => object,
  flags: readonly string[] = [],
  options: SluiceOptions = {},
): Promise<Attacked> {
  const origin = await startRawOrigin()
  const files = createConfigFiles()
  const path = files.write('config.json', { breaker: 'off', ...config(origin.url) })
  const sluice = await startSluice(['--config', path, ...flags], options)
  const agent = new Agent({ keepAlive: true })

  async function get(target: string, request: HttpGetOptions = {}): Promise<Answered> {
    const result = await httpGet(sluice.url, { target, agent, timeoutMs: 8000, ...request })
    const isHit = /; hit/.test(result.header('cache-status') ?? '')
    return { ...result, text: result.body.toString('latin1'), isHit }
  }

  async function end(how: () => Promise<void>): Promise<void> {
    agent.destroy()
    await how()
    await origin.close()
    files.remove()
  }

  return {
    origin,
    sluice,
    get,
    async findStrayBodies(under, count) {
      origin.answer(({ target }) => wire(200, [NO_STORE], `own ${target}`))
      const stray: string[] = []
      await concurrently(Array(count).keys(), 4, async (i) => {
        const target = `${under}/own-${i}`
        const { text } = await get(target)
        if (text !== `own ${target}`) stray.push(`${target} got ${text}`)
      })
      return stray
    },
    async findTrace(target) {
      origin.answer(() => wire(200, [SHARED], 'right'))
      const { status, text, isHit } = await get(target)
      if (status !== 200 || text !== 'right') return `${status} ${text}`
      return isHit ? 'it was stored' : undefined
    },
    finish: () => end(() => sluice.finish()),
    abandon: () => end(() => sluice.kill()),
  }
}

/** Whether it becomes true within the time. */
export async function comesTrue(check: () => boolean, timeoutMs = 1000): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < timeoutMs && !check(); waitedMs += 5) await sleep(5)
  return check()
}

/**
 * A process for each policy while the tests of a file run.
 *
 * @returns The one under a policy, with its origin reset.
 */
export function withPolicies(
  policies: readonly string[],
  config: (originUrl: string) => object,
): (policy: string) => Attacked {
  const processes = new Map<string, Attacked>()
  beforeAll(async () => {
    for (const policy of policies) {
      processes.set(policy, await startAttacked(config, ['--policy', policy]))
    }
  })
  afterAll(async () => {
    for (const attacked of processes.values()) await attacked.finish()
  })
  return (policy) => {
    const attacked = processes.get(policy)
    if (attacked === undefined) throw new Error(`Cannot find a process under ${policy}`)
    attacked.origin.reset()
    return attacked
  }
}
