// The breaker of one address: a pure state machine on the monotonic clock.

export interface BreakerRules {
  /** In which requests and failures are counted, sliding. */
  readonly windowMs: number
  /** Requests in the window from which on their failures are held against them; so many failures in a row are enough. */
  readonly minRequestCount: number
  /** Share of failures, above 0 and up to 1, that opens it. */
  readonly failureRatio: number
  /** Connections that failed in a row open it; so do answers that did not come in time. */
  readonly maxRowCount: number
  /** It stays open for this long, and up to half as long again. */
  readonly openMs: number
  /** Requests at once that may try whether the address is back. */
  readonly maxProbeCount: number
  /** In which the requests at once rise from one to all that are allowed, once it is back. */
  readonly rampMs: number
}

/**
 * What became of a request. `unreached`: no connection; `late`: no head in time, which is counted apart;
 * `broken`: a body that died behind an answer; `withdrawn`: our own doing, or the client's.
 */
export type BreakerOutcome = 'answered' | 'failed' | 'broken' | 'unreached' | 'late' | 'withdrawn'

interface Slot {
  readonly number: number
  readonly requestCount: number
  readonly failureCount: number
}

interface Tally {
  /** The oldest first. */
  readonly slots: readonly Slot[]
  /** In a row, and none of them longer ago than the window before the next. */
  readonly failedRowCount: number
  readonly unreachedRowCount: number
  readonly lateRowCount: number
}

/** Fields exist only in the state that uses them. What was let in under another epoch tells nothing any more. */
export type BreakerState = { readonly epoch: number } & (
  | { readonly state: 'closed'; readonly tally: Tally }
  | { readonly state: 'open'; readonly untilMs: number }
  | { readonly state: 'half-open'; readonly probeCount: number }
  | { readonly state: 'ramp'; readonly sinceMs: number; readonly tally: Tally }
)

export type Admission =
  | { readonly isAdmitted: true; readonly state: BreakerState }
  | { readonly isAdmitted: false; readonly state: BreakerState; readonly waitMs: number }

const SLOT_COUNT = 10
const NO_ROWS = { failedRowCount: 0, unreachedRowCount: 0, lateRowCount: 0 }
const NOTHING: Tally = { slots: [], ...NO_ROWS }

export const CLOSED: BreakerState = { state: 'closed', epoch: 0, tally: NOTHING }

/** Whether a request may go out now. One that is admitted has to be settled under the epoch of the new state. */
export function admit(current: BreakerState, rules: BreakerRules, nowMs: number): Admission {
  const { epoch } = current
  switch (current.state) {
    case 'closed':
      return { isAdmitted: true, state: current }
    case 'ramp': {
      const isOver = nowMs - current.sinceMs >= rules.rampMs
      const closed = { state: 'closed', epoch, tally: current.tally } as const
      return { isAdmitted: true, state: isOver ? closed : current }
    }
    case 'open': {
      const waitMs = current.untilMs - nowMs
      if (waitMs > 0) return { isAdmitted: false, state: current, waitMs }
      return { isAdmitted: true, state: { state: 'half-open', epoch: epoch + 1, probeCount: 1 } }
    }
    case 'half-open': {
      const probeCount = current.probeCount + 1
      return probeCount > rules.maxProbeCount
        ? { isAdmitted: false, state: current, waitMs: rules.openMs }
        : { isAdmitted: true, state: { ...current, probeCount } }
    }
  }
}

/**
 * The state after an outcome.
 *
 * @param epoch Of the state under which the request was admitted.
 * @param chance From 0 to 1: how much longer than `openMs` it stays open.
 */
export function settle(
  current: BreakerState,
  { epoch, outcome }: { readonly epoch: number; readonly outcome: BreakerOutcome },
  rules: BreakerRules,
  { nowMs, chance }: { readonly nowMs: number; readonly chance: number },
): BreakerState {
  if (epoch !== current.epoch || current.state === 'open') return current
  const opened = {
    state: 'open',
    epoch: epoch + 1,
    untilMs: nowMs + rules.openMs * (1 + chance / 2),
  } as const
  if (current.state === 'half-open') {
    if (outcome === 'answered') return { state: 'ramp', epoch, sinceMs: nowMs, tally: NOTHING }
    // A probe that was ours to end leaves the question open.
    if (outcome === 'withdrawn') return { ...current, probeCount: current.probeCount - 1 }
    return opened
  }
  if (outcome === 'withdrawn') return current
  const tally = counted(current.tally, outcome, rules, nowMs)
  return isTooMuch(tally, rules) ? opened : { ...current, tally }
}

/** How many requests there may be at once, of as many as are allowed when nothing is wrong. */
export function concurrencyOf(
  current: BreakerState,
  rules: BreakerRules,
  maxCount: number,
  nowMs: number,
): number {
  if (current.state === 'closed') return maxCount
  if (current.state !== 'ramp') return Math.min(rules.maxProbeCount, maxCount)
  const share = Math.min(1, (nowMs - current.sinceMs) / rules.rampMs)
  return Math.max(1, Math.min(maxCount, Math.round(maxCount ** share)))
}

/** Requests and failures in the window, for who wants to see them. */
export function countsOf(
  current: BreakerState,
  rules: BreakerRules,
  nowMs: number,
): { readonly requestCount: number; readonly failureCount: number } {
  if (!('tally' in current)) return { requestCount: 0, failureCount: 0 }
  const oldest = slotNumber(rules, nowMs) - SLOT_COUNT
  return sumOf(current.tally.slots.filter(({ number }) => number > oldest))
}

function counted(
  { slots, ...rows }: Tally,
  outcome: Exclude<BreakerOutcome, 'withdrawn'>,
  rules: BreakerRules,
  nowMs: number,
): Tally {
  const number = slotNumber(rules, nowMs)
  const kept = slots.filter((slot) => slot.number > number - SLOT_COUNT && slot.number < number)
  const now = slots.find((slot) => slot.number === number) ?? {
    number,
    requestCount: 0,
    failureCount: 0,
  }
  const slot = {
    number,
    // It was counted when its head came.
    requestCount: now.requestCount + (outcome === 'broken' ? 0 : 1),
    failureCount: now.failureCount + (outcome === 'answered' ? 0 : 1),
  }
  const isFirst = kept.length === 0 && now.requestCount === 0 && now.failureCount === 0
  const { failedRowCount, unreachedRowCount, lateRowCount } = isFirst ? NO_ROWS : rows
  const hasAnswered = outcome === 'answered' || outcome === 'failed'
  return {
    slots: [...kept, slot],
    failedRowCount: outcome === 'answered' ? 0 : failedRowCount + 1,
    unreachedRowCount: hasAnswered ? 0 : unreachedRowCount + (outcome === 'unreached' ? 1 : 0),
    lateRowCount: hasAnswered ? 0 : lateRowCount + (outcome === 'late' ? 1 : 0),
  }
}

function isTooMuch(tally: Tally, rules: BreakerRules): boolean {
  const { slots, failedRowCount, unreachedRowCount, lateRowCount } = tally
  if (unreachedRowCount >= rules.maxRowCount || lateRowCount >= rules.maxRowCount) return true
  // Long before half of a busy window has failed.
  if (failedRowCount >= rules.minRequestCount) return true
  const { requestCount, failureCount } = sumOf(slots)
  return requestCount >= rules.minRequestCount && failureCount >= rules.failureRatio * requestCount
}

function sumOf(slots: readonly Slot[]) {
  let requestCount = 0
  let failureCount = 0
  for (const slot of slots) {
    requestCount += slot.requestCount
    failureCount += slot.failureCount
  }
  return { requestCount, failureCount }
}

function slotNumber({ windowMs }: BreakerRules, nowMs: number): number {
  return Math.floor((nowMs * SLOT_COUNT) / windowMs)
}
