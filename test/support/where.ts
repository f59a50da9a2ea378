// Tests that only some subjects can hold. For the others they are left out, and not skipped: a skipped test is
// one that something missing here prevents.

import { describe, it } from 'vitest'

type Define = (name: string, run: () => void) => void
type Test = (name: string, run: () => unknown, timeoutMs?: number) => void

export function describeWhere(holds: boolean): Define {
  return (name, run) => {
    if (holds) describe(name, run)
  }
}

export function itWhere(holds: boolean): Test {
  return (name, run, timeoutMs) => {
    if (holds) it(name, () => run(), timeoutMs)
  }
}
