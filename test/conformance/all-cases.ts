// The one list of cases, for both worlds and for the document.

import type { Case, Policy, World } from './case.ts'
import { AGE } from './cases/age.ts'
import { ANSWERS } from './cases/answers.ts'
import { CONDITIONAL } from './cases/conditional.ts'
import { FIELDS } from './cases/fields.ts'
import { FRESHNESS } from './cases/freshness.ts'
import { GROUPS } from './cases/groups.ts'
import { HEAD } from './cases/head.ts'
import { IF_ERROR } from './cases/if-error.ts'
import { INVALIDATION } from './cases/invalidation.ts'
import { METHODS } from './cases/methods.ts'
import { NEVER_STALE } from './cases/never-stale.ts'
import { PARTS } from './cases/parts.ts'
import { QUALIFIED } from './cases/qualified.ts'
import { RANGES } from './cases/ranges.ts'
import { REQUEST } from './cases/request.ts'
import { SEARCH } from './cases/search.ts'
import { STATUSES } from './cases/statuses.ts'
import { STORING } from './cases/storing.ts'
import { TARGETED } from './cases/targeted.ts'
import { TOGETHER } from './cases/together.ts'
import { UPDATES } from './cases/updates.ts'
import { VALIDATION } from './cases/validation.ts'
import { VARY } from './cases/vary.ts'
import { VARY_VALUES } from './cases/vary-values.ts'
import { WHILE_REVALIDATE } from './cases/while-revalidate.ts'

export const CASES: readonly Case[] = [
  ...STORING,
  ...METHODS,
  ...STATUSES,
  ...FRESHNESS,
  ...AGE,
  ...TARGETED,
  ...VARY,
  ...VARY_VALUES,
  ...VALIDATION,
  ...UPDATES,
  ...REQUEST,
  ...WHILE_REVALIDATE,
  ...IF_ERROR,
  ...NEVER_STALE,
  ...INVALIDATION,
  ...GROUPS,
  ...CONDITIONAL,
  ...RANGES,
  ...PARTS,
  ...HEAD,
  ...QUALIFIED,
  ...SEARCH,
  ...FIELDS,
  ...ANSWERS,
  ...TOGETHER,
]

export const POLICIES: readonly Policy[] = ['careful', 'rfc']

/** Those that can be run in the world under the policy. */
export function casesOf(world: World, policy: Policy): readonly Case[] {
  return CASES.filter(
    (test) =>
      (test.only === undefined || test.only.world === world) &&
      (test.policy === undefined || test.policy === policy),
  )
}

export function titleOf({ id, promise, clause }: Case): string {
  return `${id}: ${promise} (${clause})`
}
