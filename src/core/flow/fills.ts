import type { BodyId } from '../entry/body-id.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { Clock } from '../ports/clock.ts'
import type { FillScope } from '../ports/request-scope.ts'
import type { Store, WriteTicket } from '../ports/store.ts'
import { BodyFill } from './body-fill.ts'
import type { BodyOrigin } from './body-fill.ts'
import type { FillSettings } from './fill-settings.ts'

export interface FillsOptions {
  readonly store: Store
  readonly clock: Clock
  /** In `[0, 1)`; for jitter. */
  readonly random: () => number
  /** What all fills together may hold ahead of their readers, in bytes. */
  readonly budgetBytes: number
}

export interface OpenFill {
  readonly head: StoredResponse
  readonly origin: BodyOrigin
  readonly ticket: WriteTicket
  readonly scope: FillScope
  readonly settings: FillSettings
  readonly mayResume: boolean
}

/** The bodies that are being filled, each under its id. */
export interface Fills {
  get(body: BodyId): BodyFill | undefined
  /** The fill of the body, made if there is none. */
  open(options: OpenFill): BodyFill
  count(): number
}

export function createFills({ store, clock, random, budgetBytes }: FillsOptions): Fills {
  const fills = new Map<BodyId, BodyFill>()
  return {
    get: (body) => fills.get(body),
    open(options) {
      const { body, segmentBytes } = options.head
      const existing = fills.get(body)
      if (existing !== undefined) {
        existing.renew(options.ticket)
        return existing
      }
      const fill = new BodyFill({
        ...options,
        store,
        clock,
        random,
        // Two segments are the least with which a reader and a transfer can both move.
        windowBytes: () =>
          Math.min(
            options.settings.windowBytes,
            Math.max(2 * segmentBytes, budgetBytes / Math.max(1, fills.size)),
          ),
        onClose: () => {
          if (fills.get(body) === fill) fills.delete(body)
        },
      })
      fills.set(body, fill)
      return fill
    },
    count: () => fills.size,
  }
}
