// Where this cache and `http-cache-semantics` differ on purpose: each class once, with the clause that says why.

import type { Disagreement } from './disagreement.ts'
import { READING } from './disagreements-on-reading.ts'
import { FRESHNESS, SELECTION } from './disagreements-on-reuse.ts'
import { STORING, VALIDATION } from './disagreements-on-storing.ts'

export const DISAGREEMENTS: readonly Disagreement[] = [
  ...STORING,
  ...READING,
  ...FRESHNESS,
  ...SELECTION,
  ...VALIDATION,
]
