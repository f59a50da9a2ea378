import { afterAll, beforeAll, chai, describe, expect, it } from 'vitest'

import { casesOf, titleOf } from './all-cases.ts'
import type { Case, Policy } from './case.ts'
import { runCase } from './run-case.ts'
import type { SocketWorld } from './sockets.ts'
import { startSocketWorld } from './sockets.ts'

// What is wrong is said in full.
chai.config.truncateThreshold = 0

/** So many at the same time: cases that wait do not hold up the others. */
const CONCURRENT_COUNT = 48

/** All cases of a policy against one process that is started with these flags besides. */
export function describeSockets(what: string, policy: Policy, flags: readonly string[]): void {
  describe(`over ${what}, policy ${policy}`, () => {
    const cases = casesOf('sockets', policy)
    const problems = new Map<string, readonly string[]>()
    let world: SocketWorld | undefined

    beforeAll(async () => {
      const started = await startSocketWorld(policy, cases, flags)
      world = started
      const waiting = [...cases]
      async function runWaiting(): Promise<void> {
        for (let test = waiting.shift(); test !== undefined; test = waiting.shift()) {
          problems.set(test.id, await problemsOf(test, started))
        }
      }
      await Promise.all(Array.from({ length: CONCURRENT_COUNT }, runWaiting))
    })

    afterAll(async () => {
      await world?.finish()
    })

    for (const test of cases) {
      const run = test.known === undefined ? it : it.fails
      run(titleOf(test), () => {
        const found = problems.get(test.id) ?? ['it was not run']
        expect(found.join('\n')).toBe('')
      })
    }
  })
}

async function problemsOf(test: Case, world: SocketWorld): Promise<readonly string[]> {
  try {
    return await runCase(test, world.stage(test))
  } catch (error) {
    return [String(error)]
  }
}
