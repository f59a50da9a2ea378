// One class of cases in which this cache and `http-cache-semantics` differ, and how its facts can be said otherwise.

import type { Fields } from '#core/entry/fields.ts'

import type { DifferentialCase } from './differential-cases.ts'
import type { Question, Verdict, Verdicts } from './differential-verdicts.ts'
import { withoutMembers } from './plainly-said.ts'

/** The first question that the two answer differently, and all that they said. */
export interface Difference {
  readonly question: Question
  readonly ours: Verdict
  readonly theirs: Verdict
  readonly ourVerdicts: Verdicts
}

export interface Disagreement {
  readonly name: string
  /** The clause that proves us right, in words. */
  readonly because: string
  /**
   * The facts as the clause reads them, in words that the other reads so too; the facts themselves where
   * nothing of the class is in them. Told so, the other must agree with us.
   */
  rewrite?(facts: DifferentialCase): DifferentialCase
  /** Where no words would do: whether the facts are of the class, and the verdicts differ as it says. */
  explains?(facts: DifferentialCase, difference: Difference): boolean
}

export function withFields(facts: DifferentialCase, fields: Fields): DifferentialCase {
  return { ...facts, fields }
}

export function withLater(facts: DifferentialCase, fields: Fields): DifferentialCase {
  return { ...facts, later: { ...facts.later, fields } }
}

export function withoutMaxStale(facts: DifferentialCase): DifferentialCase {
  return withLater(facts, withoutMembers(facts.later.fields, /^max-stale/i))
}

export function withoutWindow(facts: DifferentialCase): DifferentialCase {
  return withFields(facts, withoutMembers(facts.fields, /^stale-while-revalidate/i))
}

/** The response, and the request that comes later, without anything that allows stale reuse. */
export function withoutStale(facts: DifferentialCase): DifferentialCase {
  return withoutMaxStale(withoutWindow(facts))
}
