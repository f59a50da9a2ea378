import { describe, expect, it } from 'vitest'

import { CASES, titleOf } from './all-cases.ts'
import type { Case, Expectation } from './case.ts'
import { date } from './case.ts'
import { fakeStage } from './fakes.ts'
import { runCase } from './run-case.ts'
import { FRESH_TAGGED, fetched, hit } from './steps.ts'

/** One request, and one more for what is stored then. */
async function run(expectation: Expectation, more: Partial<Case['steps'][0]> = {}) {
  const test: Case = {
    id: 'wrong',
    clause: 'none',
    promise: 'none',
    steps: [
      fetched([...FRESH_TAGGED, ['X-A', '1'], ['X-A', '2']]),
      { ...more, expect: expectation },
    ],
  }
  return await runCase(test, fakeStage(test, 'careful'))
}

describe('runCase', () => {
  it('finds nothing wrong with what is right', async () => {
    expect(
      await run({
        status: 200,
        body: 1,
        asked: false,
        fields: { etag: '"v1"', 'x-a': ['1', '2'], 'x-b': false, age: { atLeast: 0, atMost: 0 } },
        cache: /^hit; ttl=3600$/,
        interim: [],
      }),
    ).toEqual([])
  })

  it.each<[string, Expectation, string]>([
    ['the status', { status: 304 }, 'status is 200, expected 304'],
    ['a request too many', { asked: true }, 'asked 0 times, expected 1'],
    ['how often', { asked: { atLeast: 1, atMost: 2 } }, 'asked 0 times, expected 1 to 2'],
    ['a later request', { asked: 'later' }, 'asked 0 times, expected 1'],
    ['the body', { body: 2 }, 'body is "answer 1"'],
    ['a text', { body: { text: 'answer' } }, 'expected "answer"'],
    ['content', { body: 'none' }, 'expected ""'],
    ['a body that ends', { body: 'cut' }, 'ends as if whole'],
    ['a field', { fields: { etag: '"v2"' } }, 'etag is "\\"v1\\"", expected "\\"v2\\""'],
    ['a field too many', { fields: { etag: false } }, 'expected none'],
    ['a field too few', { fields: { 'x-b': true } }, 'x-b is not there'],
    ['a pattern', { fields: { etag: /v2/ } }, 'expected /v2/'],
    ['what a field must not say', { fields: { etag: { not: /v1/ } } }, 'which it must not'],
    ['the lines of a name', { fields: { 'x-a': ['2', '1'] } }, 'has the lines ["1","2"]'],
    ['a number', { fields: { age: { atLeast: 1, atMost: 2 } } }, 'expected 1 to 2'],
    ['what is no number', { fields: { etag: { atLeast: 0, atMost: 9 } } }, 'expected 0 to 9'],
    ['a date', { fields: { date: date(-60) } }, 'expected "Tue, 31 Dec 2024 23:59:00 GMT"'],
    ['Cache-Status', { cache: /^fwd/ }, 'Cache-Status says "hit; ttl=3600", expected /^fwd/'],
    ['interim responses', { interim: [103] }, 'interim responses are [], expected [103]'],
  ])('finds %s wrong', async (_, expectation, problem) => {
    expect((await run(expectation)).join('; ')).toContain(problem)
  })

  it('finds wrong what the origin was sent', async () => {
    const problems = await run(
      { asked: true, sent: { 'x-a': false, 'x-b': true }, sentMethod: 'GET' },
      { method: 'POST', fields: [['X-A', '1']] },
    )
    expect(problems).toEqual([
      'step 2: the origin got POST, expected GET',
      'step 2: request to the origin: x-a is "1", expected none',
      'step 2: request to the origin: x-b is not there',
    ])
  })

  it('stops at the first step that is wrong', async () => {
    const test: Case = {
      id: 'wrong',
      clause: 'none',
      promise: 'none',
      steps: [hit(), fetched(FRESH_TAGGED), hit({ of: 9 })],
    }
    const problems = await runCase(test, fakeStage(test, 'careful'))
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.every((problem) => problem.startsWith('step 1: '))).toBe(true)
  })
})

describe('the list of cases', () => {
  it('has each id once, in kebab-case, with a clause and a promise', () => {
    const ids = CASES.map(({ id }) => id)
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([])
    expect(ids.filter((id) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(id))).toEqual([])
    expect(CASES.filter(isOdd).map(titleOf)).toEqual([])
  })

  it('waits for no longer than two seconds over sockets', () => {
    expect(CASES.filter(isSlow).map(titleOf)).toEqual([])
  })
})

function isOdd({ clause, promise }: Case): boolean {
  return !/^RFC \d{4} §\d+(?:\.\d+)*$/.test(clause) || promise.length < 10
}

function isSlow({ only, steps }: Case): boolean {
  return (
    only?.world !== 'fakes' &&
    steps.some(({ afterSeconds = 0, origin }) => afterSeconds + (origin?.delaySeconds ?? 0) > 2)
  )
}
