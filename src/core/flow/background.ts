// Validation behind a stale answer (RFC 5861 §3): one at a time for a key, and not again at once when it fails.

import { NO_PRECONDITIONS } from '../entry/asked.ts'
import { without } from '../entry/fields.ts'
import type { Entry, Variant } from '../entry/stored-response.ts'
import { NO_DIRECTIVES } from '../http/cache-control.ts'
import { UpstreamError } from '../ports/upstream.ts'
import { collapse } from './collapse.ts'
import type { Collapsed } from './collapse.ts'
import type { Exchange } from './exchange.ts'

/** How long a key rests after its origin has failed to validate it. */
const REST_MS = 1000

export function revalidateInBackground(
  x: Exchange,
  variant: Variant,
  entry: Entry | undefined,
): void {
  const { flights } = x.core
  const { key } = x.asked
  if (flights.isResting(key, x.nowMs)) return
  const task = revalidate(asNobody(x, variant), variant, entry).then((hasFailed) => {
    if (hasFailed) flights.rest(key, x.core.clock.nowMs() + REST_MS)
  })
  x.scope.background(task)
}

const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie'])

/** What is validated for all is asked as nobody; but for who selected it by what he is. */
function asNobody(x: Exchange, { head }: Variant): Exchange {
  if (head.nominated.names.some((name) => CREDENTIALS.has(name))) return x
  const { asked } = x
  return {
    ...x,
    asked: {
      ...asked,
      fields: without(asked.fields, CREDENTIALS),
      directives: NO_DIRECTIVES,
      preconditions: NO_PRECONDITIONS,
      hasCredentials: false,
    },
  }
}

/** @returns Whether the origin failed. */
async function revalidate(
  x: Exchange,
  variant: Variant,
  entry: Entry | undefined,
): Promise<boolean> {
  // Nobody waits for it: so it may wait.
  const isAlone = x.asked.hasCredentials
  return letGo(collapse(x, { entry, selected: variant.head, isAlone, hasFallback: false }))
}

/**
 * Looks after what nobody waits for any more.
 *
 * @returns Whether the origin failed.
 */
export async function letGo(collapsing: Promise<Collapsed>): Promise<boolean> {
  try {
    const { fetched, leads, leave } = await collapsing
    if (leads && (fetched.kind === 'unshareable' || fetched.kind === 'failed')) {
      fetched.response.body.cancel('for the background only')
    }
    leave()
    return fetched.kind === 'failed'
  } catch (error) {
    // Told by the upstream already; the stale response has been served.
    if (!(error instanceof UpstreamError)) throw error
    return true
  }
}
