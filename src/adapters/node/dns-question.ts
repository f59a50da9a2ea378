// One question to the name servers, about both families, with a deadline over all that it takes.

import { promises as dns } from 'node:dns'
import type { RecordWithTtl } from 'node:dns'
import { isIP } from 'node:net'

import type { Clock } from '#core/ports/clock.ts'

export interface Address {
  readonly address: string
  readonly family: 4 | 6
}

/** `ttlMs` is the shortest of the records. */
export interface DnsAnswer {
  readonly addresses: readonly Address[]
  readonly ttlMs: number
}

/** Rejects with an error that has a `code`: `ENOTFOUND`, `ESERVFAIL`, `ETIMEOUT` and their like. */
export type AskDns = (name: string) => Promise<DnsAnswer>

export interface DnsQuestionOptions {
  readonly clock: Clock
  /** Of a question in all, the system's part of it too. */
  readonly timeoutMs: number
  /** `ip` or `ip:port`. Absent: those of the system, and then the system itself, for its hosts file. */
  readonly servers?: readonly string[] | undefined
}

/** One family's answer is waited for this much longer than the other's (RFC 8305 §3). */
const OTHER_FAMILY_MS = 50
/** The system does not say how long its answers hold. */
const SYSTEM_TTL_MS = 30_000
/** Sent again once, after a third of the time: the second wait is twice as long. */
const TRIES = 2

export function createDnsQuestion({ clock, timeoutMs, servers }: DnsQuestionOptions): AskDns {
  async function ask(name: string, resolver: dns.Resolver): Promise<DnsAnswer> {
    // Never to be asked of name servers (RFC 6761 §6.3).
    if (/(^|\.)localhost\.?$/i.test(name)) return await askSystem(name)
    try {
      return await askServers(name, resolver, clock)
    } catch (error) {
      // What only the hosts file or a search domain knows.
      if (servers === undefined) return await askSystem(name)
      throw error
    }
  }

  return async (name) => {
    // A new one each time, as it is told the system's servers once; and cancelled without harm to others.
    const resolver = new dns.Resolver({ timeout: Math.ceil(timeoutMs / 3), tries: TRIES })
    if (servers !== undefined) resolver.setServers(servers)
    const { promise, reject } = Promise.withResolvers<never>()
    const stop = clock.after(timeoutMs, () => {
      const message = `No answer about "${name}" within ${timeoutMs} ms`
      reject(Object.assign(new Error(message), { code: 'ETIMEOUT' }))
    })
    try {
      return await Promise.race([ask(name, resolver), promise])
    } finally {
      stop()
      // What has not come by now would be too late.
      resolver.cancel()
    }
  }
}

async function askServers(name: string, resolver: dns.Resolver, clock: Clock): Promise<DnsAnswer> {
  const found: { address: string; family: 4 | 6; ttl: number }[] = []
  const errors: unknown[] = []
  const { promise: done, resolve: finish } = Promise.withResolvers<void>()
  let stop: (() => void) | undefined
  let pendingCount = 2

  function settle(): void {
    pendingCount -= 1
    if (pendingCount === 0) finish()
    else if (found.length > 0) stop = clock.after(OTHER_FAMILY_MS, finish)
  }
  async function collect(asked: Promise<RecordWithTtl[]>, family: 4 | 6) {
    try {
      for (const { address, ttl } of await asked) found.push({ address, family, ttl })
    } catch (error) {
      errors.push(error)
    }
    settle()
  }
  void collect(resolver.resolve4(name, { ttl: true }), 4)
  void collect(resolver.resolve6(name, { ttl: true }), 6)
  await done
  stop?.()
  if (found.length === 0) throw errors[0]
  return { addresses: found, ttlMs: Math.min(...found.map(({ ttl }) => ttl)) * 1000 }
}

async function askSystem(name: string): Promise<DnsAnswer> {
  const found = await dns.lookup(name, { all: true })
  const addresses = found.map(({ address }) => ({ address, family: familyOf(address) }))
  return { addresses, ttlMs: SYSTEM_TTL_MS }
}

function familyOf(address: string): 4 | 6 {
  return isIP(address) === 6 ? 6 : 4
}
