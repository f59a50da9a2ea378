// Min-fresh that was sent twice or was zero counted as not sent: the laxest reading of a limit.

import { expect, it } from 'vitest'

import { parseRequestDirectives } from '#core/http/cache-control.ts'
import { decideReuse } from '#core/policy/reuse.ts'
import { testBody, testHead, testKey } from '../support/stored.ts'

/** Born at 0, fresh for a minute and stale while revalidated for half a one. */
const STORED = testHead(testKey('a'), testBody('a'), { bornAtMs: 0, validatedAtMs: 0 })

function actionOf(control: string, nowMs: number): string {
  return decideReuse(STORED, parseRequestDirectives(control), nowMs).action
}

it.each(['min-fresh=1, min-fresh=50', 'min-fresh=50, min-fresh=1', 'min-fresh=50, min-fresh=x'])(
  'the largest counts of several: %s (RFC 9111 §4.2.1, §5.2.1.3)',
  (control) => {
    expect(actionOf(control, 10_000)).toBe('serve')
    expect(actionOf(control, 10_001)).toBe('revalidate')
  },
)

it.each(['min-fresh=0', 'min-fresh=0, max-stale'])(
  'zero asks for what is not stale: %s (RFC 9111 §5.2.1.3)',
  (control) => {
    expect(actionOf(control, 59_999)).toBe('serve')
    expect(actionOf(control, 60_001)).toBe('revalidate')
  },
)

it.each(['min-fresh=x', 'min-fresh', 'min-fresh=-1'])(
  'what is no number asks for nothing: %s',
  (control) => {
    expect(actionOf(control, 59_999)).toBe('serve')
    expect(actionOf(control, 60_001)).toBe('serve-and-revalidate')
  },
)
