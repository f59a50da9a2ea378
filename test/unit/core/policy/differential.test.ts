import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { differentialCases } from '../../../support/differential-cases.ts'
import type { DifferentialCase } from '../../../support/differential-cases.ts'
import { QUESTIONS, ourVerdicts, theirVerdicts } from '../../../support/differential-verdicts.ts'
import type { Question, Verdicts } from '../../../support/differential-verdicts.ts'
import type { Difference, Disagreement } from '../../../support/disagreement.ts'
import { DISAGREEMENTS } from '../../../support/disagreements.ts'

/** `SLUICE_FUZZ_SEED=4711 SLUICE_FUZZ_CASES=1000000` looks elsewhere, and for longer. */
const CASE_COUNT = Number(process.env['SLUICE_FUZZ_CASES'] ?? 20_000)
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 20_261_120)
const TIMEOUT_MS = 600_000

/** The first question on which the two differ: the answers to those after it follow from it. */
function differenceOf(ours: Verdicts, theirs: Verdicts): Difference | undefined {
  for (const question of QUESTIONS) {
    const [a, b] = [ours.get(question), theirs.get(question)]
    if (a === undefined || b === undefined) return undefined
    const isEqual =
      typeof a === 'number' && typeof b === 'number' ? Math.abs(a - b) < 1e-6 : a === b
    if (!isEqual) return { question, ours: a, theirs: b, ourVerdicts: ours }
  }
  return undefined
}

/** What the two say of a case, told in plain words where that is the matter. */
interface Judgement {
  readonly ours: Verdicts
  /** As the facts are. */
  readonly difference: Difference | undefined
  /** Which classes it is of. */
  readonly classes: readonly Disagreement[]
  /** What is left then, and nothing on the list explains. */
  readonly rest: Difference | undefined
}

function judge(facts: DifferentialCase): Judgement {
  const ours = ourVerdicts(facts)
  const theirs = theirVerdicts(facts)
  const difference = differenceOf(ours, theirs)
  if (difference === undefined) return { ours, difference, classes: [], rest: undefined }
  const plain = DISAGREEMENTS.reduce((told, { rewrite }) => rewrite?.(told) ?? told, facts)
  const left = differenceOf(ours, theirVerdicts(plain))
  const explaining =
    left === undefined
      ? []
      : DISAGREEMENTS.filter(({ explains }) => explains?.(facts, left) === true)
  const rewriting = DISAGREEMENTS.filter(({ rewrite }) => {
    const told = rewrite?.(facts)
    return told !== undefined && !isSame(facts, told) && isHeardOtherwise(theirs, told)
  })
  return {
    ours,
    difference,
    classes: [...rewriting, ...explaining],
    rest: explaining.length > 0 ? undefined : left,
  }
}

function isSame(facts: DifferentialCase, told: DifferentialCase): boolean {
  return (
    facts.status === told.status &&
    facts.fields === told.fields &&
    facts.request.method === told.request.method &&
    facts.request.fields === told.request.fields &&
    facts.later.method === told.later.method &&
    facts.later.fields === told.later.fields
  )
}

/** Whether it made a difference to them. */
function isHeardOtherwise(before: Verdicts, told: DifferentialCase): boolean {
  const after = theirVerdicts(told)
  const decisive: readonly Question[] = ['storable', 'lifetime', 'age', 'reuse']
  return decisive.some((question) => before.get(question) !== after.get(question))
}

describe('policies, beside http-cache-semantics', () => {
  it(
    'differ only where a clause says that we are right, and there they do',
    () => {
      const occurrences = new Map(DISAGREEMENTS.map(({ name }) => [name, 0]))
      const answers = new Map<Question, number>(QUESTIONS.map((question) => [question, 0]))
      let agreementCount = 0

      function check(facts: DifferentialCase): void {
        const { ours, difference, classes, rest } = judge(facts)
        for (const question of ours.keys()) answers.set(question, (answers.get(question) ?? 0) + 1)
        if (difference === undefined) agreementCount++
        for (const { name } of classes) occurrences.set(name, (occurrences.get(name) ?? 0) + 1)
        if (rest === undefined) return
        const { question, ours: our, theirs } = rest
        throw new Error(`Differs on ${question}: ours ${String(our)}, theirs ${String(theirs)}`)
      }

      fc.assert(fc.property(differentialCases, check), { numRuns: CASE_COUNT, seed: SEED })
      console.log({ agreementCount, ...Object.fromEntries([...answers, ...occurrences]) })
      expect([...occurrences].filter(([, count]) => count === 0)).toEqual([])
      expect(agreementCount).toBeGreaterThan(CASE_COUNT / 4)
    },
    TIMEOUT_MS,
  )

  it('differ in no more than 25 classes, each named once', () => {
    expect(DISAGREEMENTS.length).toBeLessThanOrEqual(25)
    expect(new Set(DISAGREEMENTS.map(({ name }) => name)).size).toBe(DISAGREEMENTS.length)
  })
})
