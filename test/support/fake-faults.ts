// Faults of the fake upstream: those of the test origin, and errors that need no socket.

import type { UpstreamErrorKind } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'

import type { OriginRequest } from './origin-answer.ts'
import { createScript } from './origin-faults.ts'
import type { Fault, FaultUse, Script } from './origin-faults.ts'

/** Beside the test origin's faults: what only shows as an error. `skip`, `times` and `when` as there. */
export type FakeFault =
  | Fault
  | (FaultUse & { readonly fault: 'fail' } & FailureFacts)
  /** Breaks the body before this byte of it is delivered. */
  | (FaultUse & { readonly fault: 'break'; readonly afterBytes: number } & FailureFacts)

interface FailureFacts {
  readonly kind: UpstreamErrorKind
  /** Default true. */
  readonly retryable?: boolean
  readonly retryAfterMs?: number
}

export type FaultNamed<Name extends OwnFault['fault']> = Extract<OwnFault, { fault: Name }>

type OwnFault = Extract<FakeFault, { fault: 'fail' | 'break' }>

export interface FakeScript {
  readonly origin: Script
  readonly own: Set<{ fault: OwnFault; seenCount: number }>
  add(fault: FakeFault): () => void
}

export function createFakeScript(): FakeScript {
  const origin = createScript()
  const own: FakeScript['own'] = new Set()
  return {
    origin,
    own,
    add(fault) {
      if (fault.fault !== 'fail' && fault.fault !== 'break') return origin.add(fault)
      const entry = { fault, seenCount: 0 }
      own.add(entry)
      return () => void own.delete(entry)
    },
  }
}

/** Uses up one strike, as `Script.take` does. */
export function takeOwn<Name extends OwnFault['fault']>(
  scripts: readonly FakeScript[],
  name: Name,
  request: OriginRequest,
): FaultNamed<Name> | undefined {
  const isNamed = (fault: OwnFault): fault is FaultNamed<Name> => fault.fault === name
  for (const { own } of scripts) {
    for (const entry of own) {
      const { fault } = entry
      if (!isNamed(fault) || fault.when?.(request) === false) continue
      const { skip = 0, times = 1 } = fault
      entry.seenCount += 1
      if (entry.seenCount > skip && entry.seenCount <= skip + times) return fault
    }
  }
  return undefined
}
export function errorOf(failure: FailureFacts, message: string): UpstreamError {
  const { kind, retryable = true, retryAfterMs } = failure
  return new UpstreamError(kind, `${message}: scripted ${kind}`, { retryable, retryAfterMs })
}
