// What is known of one name: cached by TTL, refreshed off the request path, and kept when the name servers fail.

import type { Clock } from '#core/ports/clock.ts'
import type { Address, AskDns } from './dns-question.ts'

export interface DnsNameOptions {
  readonly clock: Clock
  readonly ask: AskDns
  readonly random: () => number
  /** How long a last good answer is used when no new one can be had. */
  readonly maxStaleMs: number
}

export interface DnsName {
  /** At once for a name in use, whatever the name servers do. */
  addresses(): readonly Address[] | Promise<readonly Address[]>
  /** Asks nothing by itself any more. */
  close(): void
}

/** Nobody is asked about a name more often than this, whatever TTLs say and however many wait. */
const MIN_INTERVAL_MS = 1000
/** However long the TTL. */
const MAX_INTERVAL_MS = 3_600_000
/** After a question that failed. */
const RETRY_MS = 2000
/** A name that was not looked up for so long is not refreshed; connections are renewed more often. */
const IN_USE_MS = 1_200_000

export function createDnsName(name: string, options: DnsNameOptions): DnsName {
  const { clock, ask, random, maxStaleMs } = options
  let known: { readonly addresses: readonly Address[]; readonly expiresAtMs: number } | undefined
  let asking: Promise<readonly Address[]> | undefined
  let failure: unknown
  let askedAtMs = -Infinity
  let usedAtMs = clock.monotonicMs()
  let isClosed = false
  let stopTimer: (() => void) | undefined

  /** Askers share a question, and for a while its failure. */
  function refresh(): Promise<readonly Address[]> {
    if (asking !== undefined) return asking
    const nowMs = clock.monotonicMs()
    if (failure !== undefined && nowMs - askedAtMs < MIN_INTERVAL_MS) return Promise.reject(failure)
    askedAtMs = nowMs
    asking = question()
    return asking
  }

  async function question(): Promise<readonly Address[]> {
    let afterMs = RETRY_MS
    try {
      const answer = await ask(name)
      afterMs = Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, answer.ttlMs))
      const addresses = shuffle(answer.addresses, random)
      known = { addresses, expiresAtMs: clock.monotonicMs() + afterMs }
      failure = undefined
      return addresses
    } catch (error) {
      failure = error
      throw error
    } finally {
      asking = undefined
      stopTimer?.()
      if (!isClosed) stopTimer = clock.after(afterMs, refreshIfUsed)
    }
  }

  function refreshIfUsed(): void {
    if (clock.monotonicMs() - usedAtMs <= IN_USE_MS) refresh().catch(() => undefined)
  }

  return {
    addresses() {
      const nowMs = clock.monotonicMs()
      usedAtMs = nowMs
      if (known === undefined || nowMs >= known.expiresAtMs + maxStaleMs) return refresh()
      const { addresses, expiresAtMs } = known
      if (nowMs < expiresAtMs) return addresses
      // A name in use is asked about all the time. One that was not may have moved long ago: that is worth a wait.
      const isInUse = asking !== undefined || failure !== undefined
      const refreshed = refresh().catch(() => addresses)
      return isInUse ? addresses : refreshed
    },
    close() {
      isClosed = true
      stopTimer?.()
    },
  }
}

/** So that those who were given one order do not all begin with the same address. */
function shuffle(addresses: readonly Address[], random: () => number): readonly Address[] {
  return addresses
    .map((address) => ({ address, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ address }) => address)
}
