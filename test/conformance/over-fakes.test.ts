import { chai, describe, expect, it } from 'vitest'

import { POLICIES, casesOf, titleOf } from './all-cases.ts'
import { fakeStage } from './fakes.ts'
import { runCase } from './run-case.ts'

// What is wrong is said in full.
chai.config.truncateThreshold = 0

describe.each(POLICIES)('over fakes, policy %s', (policy) => {
  for (const test of casesOf('fakes', policy)) {
    const run = test.known === undefined ? it : it.fails
    run(titleOf(test), async () => {
      const problems = await runCase(test, fakeStage(test, policy))
      expect(problems.join('\n')).toBe('')
    })
  }
})
