import { COLD_PARALLEL } from './cold-parallel.ts'
import { COLD_RANGE } from './cold-range.ts'
import { DISK_HITS } from './disk-hits.ts'
import type { Scenario } from './scenario.ts'
import { STALLED } from './stalled.ts'
import { THUNDERING } from './thundering.ts'

export const SCENARIOS: readonly Scenario[] = [
  COLD_RANGE,
  ...COLD_PARALLEL,
  THUNDERING,
  DISK_HITS,
  STALLED,
]
