import type { BodyId } from '../entry/body-id.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { Clock } from '../ports/clock.ts'
import type { Digests } from '../ports/digests.ts'
import type { FillScope } from '../ports/request-scope.ts'
import type { Store, WriteTicket } from '../ports/store.ts'
import { BodyFill } from './body-fill.ts'
import type { BodyOrigin, RangeSupport } from './body-origin.ts'
import { Budget } from './budget.ts'
import type { BudgetBounds } from './budget.ts'
import type { FillSettings } from './fill-settings.ts'

export interface FillsOptions {
  readonly store: Store
  readonly clock: Clock
  /** In `[0, 1)`; for jitter. */
  readonly random: () => number
  readonly bounds: BudgetBounds
  readonly digests: Digests
  /** Whether what seems slow may be so because this process is at its limit. */
  isBusy?(): boolean
}

export interface OpenFill {
  readonly head: StoredResponse
  readonly origin: BodyOrigin
  readonly ticket: WriteTicket
  readonly scope: FillScope
  readonly settings: FillSettings
  readonly ranges: RangeSupport
}

/** The bodies that are being filled, each under its id. */
export interface Fills {
  readonly budget: Budget
  get(body: BodyId): BodyFill | undefined
  /** The fill of the body, made if there is none. */
  open(options: OpenFill): BodyFill
  count(): number
}

export function createFills(options: FillsOptions): Fills {
  const { store, clock, random, bounds, digests } = options
  const fills = new Map<BodyId, BodyFill>()
  const budget = new Budget(bounds)

  /** The oldest first: who reads them has been slow for longest. */
  function relieve(besides: BodyFill): void {
    for (const fill of fills.values()) {
      if (!budget.isFull) return
      if (fill !== besides) fill.relieve()
    }
  }

  function make(opened: OpenFill): BodyFill {
    const { body, segmentBytes } = opened.head
    const fill: BodyFill = new BodyFill({
      ...opened,
      store,
      clock,
      random,
      budget,
      digests,
      isBusy: () => options.isBusy?.() === true,
      // Two segments are the least with which a reader and a transfer can both move.
      windowBytes: () =>
        Math.min(
          opened.settings.windowBytes,
          Math.max(2 * segmentBytes, bounds.maxFillingBytes / Math.max(1, fills.size)),
        ),
      onFull: () => relieve(fill),
      onClose: () => {
        if (fills.get(body) === fill) fills.delete(body)
      },
    })
    return fill
  }

  return {
    budget,
    get: (body) => fills.get(body),
    open(opened) {
      const { body } = opened.head
      const existing = fills.get(body)
      if (existing !== undefined) {
        existing.renew(opened.ticket)
        return existing
      }
      const fill = make(opened)
      fills.set(body, fill)
      return fill
    },
    count: () => fills.size,
  }
}
