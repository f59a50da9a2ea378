// Random faults of an origin (hazards 4.1) for one object, chosen by what they can do to it.

import type { FlippingObject } from './flipping-object.ts'
import type { OriginRequest } from './origin-answer.ts'
import type { Fault, FaultKind } from './origin-faults.ts'
import type { SeededRandom } from './seeded-random.ts'

interface Choice {
  readonly random: SeededRandom
  readonly object: FlippingObject
  /** Somewhere in an answer, the object whole or one of its segments. */
  readonly afterBytes: number
}

/** What is left on a connection strikes the next request on it, which is for something else. */
export type Harm = 'own' | 'others'

type Chosen = FaultKind & Pick<Fault, 'when'>

/** Asks to continue a body that is known. */
function isContinuation(request: OriginRequest): boolean {
  return ['if-match', 'if-unmodified-since'].some((name) => request.header(name) !== undefined)
}

const HARMS_OTHERS: readonly ((choice: Choice) => Chosen)[] = [
  // What could be a response might be taken for one, if it came when the next request had gone out.
  ({ random }) => ({ fault: 'extra-bytes', bytes: random.pick(['x', '\r\n\r\n', 'EVIL EVIL']) }),
  ({ random, object }) => {
    const end = random.pick(['fin', 'open'] as const)
    if (random.chance(0.3)) {
      object.lie(() => 0)
      return { fault: 'content-length', value: '0', end }
    }
    const addBytes = random.pick([-1, 1, random.integer(-5000, 5000)])
    object.lie((sizeBytes) => sizeBytes + addBytes)
    return { fault: 'content-length', addBytes, end }
  },
]

const HARMS_OWN: readonly ((choice: Choice) => Chosen)[] = [
  ({ afterBytes }) => ({ fault: 'truncate', afterBytes, end: 'fin' }),
  ({ afterBytes }) => ({ fault: 'truncate', afterBytes, end: 'rst' }),
  ({ afterBytes }) => ({ fault: 'truncate', afterBytes, end: 'rst', when: isContinuation }),
  ({ afterBytes }) => ({ fault: 'hang-body', afterBytes }),
  ({ random }) => ({ fault: 'status', status: random.pick([502, 503, 504]) }),
  ({ random }) => ({
    fault: 'status',
    status: random.pick([404, 410, 412, 416, 503]),
    when: isContinuation,
  }),
  ({ random, object }) => {
    const addBytes = random.pick([1, random.integer(2, 100_000)])
    object.lie((sizeBytes) => sizeBytes + addBytes)
    return { fault: 'content-length', addBytes }
  },
  ({ random, afterBytes }) => ({
    fault: 'close-delimited',
    end: random.pick(['fin', 'rst']),
    ...(random.chance(0.7) && { afterBytes }),
  }),
  () => ({ fault: 'ignore-range' }),
  ({ random, object }) => {
    const endByte = random.integer(1, Math.max(1, object.current.sizeBytes))
    return { fault: 'unasked-range', startByte: random.integer(0, endByte - 1), endByte }
  },
  wrongContentRange,
  ({ random }) => ({
    fault: 'etag',
    value: random.pick(['"another"', 'W/"another"', false]),
    when: isContinuation,
  }),
]

/** @returns Faults that are to strike, each as often as it says. */
export function pickFaults(
  random: SeededRandom,
  object: FlippingObject,
  harm: Harm,
): readonly Fault[] {
  const makers = harm === 'own' ? HARMS_OWN : [...HARMS_OWN, ...HARMS_OTHERS, ...HARMS_OTHERS]
  const sizeBytes = Math.max(1, object.current.sizeBytes)
  const count = harm === 'own' && random.chance(0.25) ? 2 : 1
  return Array.from({ length: count }, () => {
    const afterBytes = random.integer(0, sizeBytes)
    const chosen = random.pick(makers)({ random, object, afterBytes })
    const times = random.pick([1, 1, 1, 2, 3, 10])
    return { ...chosen, times, skip: random.chance(0.2) ? 1 : 0 }
  })
}

function wrongContentRange({ random, object }: Choice): Chosen {
  const add = random.pick([-1, 1, random.integer(2, 100_000)])
  switch (random.pick(['start', 'end', 'total', 'other', 'value'] as const)) {
    case 'start':
      return { fault: 'content-range', change: 'start', add }
    case 'end':
      return { fault: 'content-range', change: 'end', add }
    case 'total':
      object.lie((sizeBytes) => sizeBytes + add)
      return { fault: 'content-range', change: 'total', add }
    case 'other':
      return {
        fault: 'content-range',
        change: random.pick(['unknown-total', 'missing', 'multipart']),
      }
    case 'value': {
      const value = random.pick(['bytes 9-0/10', 'items 0-9/10', 'bytes */10', 'bytes 0-9', ''])
      return { fault: 'content-range', change: 'value', value }
    }
  }
}
