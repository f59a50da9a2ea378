// GET /origins on the admin listener: what is known of each origin now, and why it is used or not.

import { first } from '#core/entry/fields.ts'
import type { AdminAccess, AdminCall } from './admin-access.ts'
import { findDenial } from './admin-access.ts'

/** One origin of a site. */
export interface OriginStatus {
  readonly address: string
  readonly weight: number
  readonly backup: boolean
  /** Whether requests may go there now. */
  readonly usable: boolean
  readonly breaker: 'closed' | 'open' | 'half-open' | 'ramp' | 'off'
  /** In the window of the breaker. */
  readonly requests: number
  readonly failures: number
  /** Until it may be tried again; 0 when it may be now. */
  readonly retryAfterMs: number
  /** Transfers there may be at once, and those that there are. */
  readonly limit: number
  readonly running: number
  /** Requests that wait for a place. */
  readonly queued: number
  readonly health: 'well' | 'unwell' | 'off'
  /** A status, or what went wrong. */
  readonly lastCheck: string | undefined
}

export interface OriginGroupStatus {
  readonly site: string
  readonly balance: string
  readonly origins: readonly OriginStatus[]
}

export interface OriginsEndpointOptions {
  status(): readonly OriginGroupStatus[]
  /** Addresses of origins are not for everybody. */
  access(peer: string, authorization: string | undefined): AdminAccess
}

export type OriginsEndpoint = (call: AdminCall) => Response

export function createOriginsEndpoint({ status, access }: OriginsEndpointOptions): OriginsEndpoint {
  return function originsEndpoint({ head, peer }) {
    const denial = findDenial(access(peer, first(head.fields, 'authorization')), 'see origins')
    if (denial !== undefined) {
      const headers = { 'cache-control': 'no-store', ...denial.headers }
      return new Response(`${denial.text}\n`, { status: denial.status, headers })
    }
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    return new Response(`${JSON.stringify({ sites: status() }, undefined, 2)}\n`, { headers })
  }
}
