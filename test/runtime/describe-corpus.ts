// Runs the corpus on one runtime.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { HttpResult } from '../support/http-get.ts'
import { httpGet } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import type { TestOrigin } from '../support/test-origin.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { CorpusCase, CorpusExpectation, CorpusStep } from './corpus.ts'
import { CORPUS } from './corpus.ts'

export interface Edge {
  readonly url: string
  /** What a runtime that watches its programs has complained of. */
  readonly errors?: readonly string[]
  close(): Promise<void>
}

/** What is written behind an answer lands a moment later on Workers; until then a hit may still be a miss. */
const MAX_TRY_COUNT = 50

/** @param start Begins the runtime before this origin. */
export function describeCorpus(name: string, start: (origin: string) => Promise<Edge>): void {
  describe(`the corpus on ${name}`, () => {
    let origin: TestOrigin
    let edge: Edge
    beforeAll(async () => {
      origin = await startTestOrigin()
      edge = await start(origin.url)
    })
    afterAll(async () => {
      expect(edge.errors ?? []).toEqual([])
      await edge.close()
      await origin.close()
    })

    it.each(CORPUS.map((testCase, i) => ({ ...testCase, i })))('$name', async (testCase) => {
      // Nothing is purged between cases: each has paths of its own.
      const folder = `/case-${testCase.i}`
      putObjects(origin, folder, testCase)
      for (const [index, step] of testCase.steps.entries()) {
        const problems = await runStep(origin, edge.url, folder, step)
        expect({ step: index + 1, problems }).toEqual({ step: index + 1, problems: [] })
      }
    })
  })
}

function putObjects(origin: TestOrigin, folder: string, { objects }: CorpusCase): void {
  for (const [path, object] of Object.entries(objects)) {
    origin.put(folder + path, { object: path, ...object })
  }
}

/** @returns What is wrong with the answer. */
async function runStep(
  origin: TestOrigin,
  url: string,
  folder: string,
  step: CorpusStep,
): Promise<readonly string[]> {
  const path = folder + step.target
  if (step.put !== undefined) origin.put(path, { object: step.target, ...step.put })
  if (step.inject !== undefined) origin.inject(step.inject, path)
  for (let tryCount = 1; ; tryCount++) {
    const before = origin.requests.length
    const options = { method: step.method ?? 'GET', headers: step.fields ?? {}, target: path }
    const result = await httpGet(url, options)
    const originRequests = origin.requests.length - before
    const isEarly = step.expect.originRequests === 0 && originRequests > 0
    if (isEarly && tryCount < MAX_TRY_COUNT) continue
    return problemsOf(result, step, originRequests)
  }
}

function problemsOf(
  result: HttpResult,
  { expect: expected, target }: CorpusStep,
  originRequests: number,
): readonly string[] {
  const problems: string[] = []
  const compare = (what: string, found: unknown, wanted: unknown) => {
    const isRight = wanted instanceof RegExp ? wanted.test(String(found)) : Object.is(found, wanted)
    if (!isRight) problems.push(`${what} is ${String(found)}, expected ${String(wanted)}`)
  }
  compare('error', result.error, undefined)
  compare('status', result.status, expected.status)
  for (const [name, value] of Object.entries(expected.fields ?? {})) {
    compare(name, result.header(name), value)
  }
  if (expected.cache !== undefined) compare('Cache-Status', cacheOf(result), expected.cache)
  if (expected.originRequests !== undefined) {
    compare('number of origin requests', originRequests, expected.originRequests)
  }
  const problem = bodyProblemOf(result, expected, target)
  return problem === undefined ? problems : [...problems, problem]
}

function bodyProblemOf(
  { body: found }: HttpResult,
  { body, version = 1 }: CorpusExpectation,
  target: string,
): string | undefined {
  if (body === undefined) return undefined
  if (typeof body === 'string') {
    return found.toString() === body ? undefined : `body is "${found.toString()}"`
  }
  const [startByte, endByte] = body
  const object = target.replace(/\?.*/, '')
  return checkOracle(found, { object, version, startByte, endByte })
}

/** Without the name, and without the time left, which passes. */
function cacheOf(result: HttpResult): string {
  const value = result.header('cache-status') ?? ''
  return value.replace(/^sluice; /, '').replace(/; ttl=-?\d+/, '')
}
