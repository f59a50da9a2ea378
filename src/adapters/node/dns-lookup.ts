// Names to addresses through `dns.Resolver`, cached by TTL, refreshed off the request path, and kept when
// the name servers fail.

import { promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'

import type { Clock } from '#core/ports/clock.ts'

interface Address {
  readonly address: string
  readonly family: 4 | 6
}

interface Resolved {
  readonly addresses: readonly Address[]
  readonly expiresAtMs: number
}

export interface DnsLookupOptions {
  readonly clock: Clock
  /** Of one question to the name servers. */
  readonly timeoutMs: number
  /** Shortest time an answer is used, whatever its TTL. */
  readonly minTtlMs: number
  /** How long a last good answer is used when no new one can be had. */
  readonly maxStaleMs: number
}

/** A `lookup` for `net.connect` that never waits once a name is warm. */
export function createDnsLookup(options: DnsLookupOptions): LookupFunction {
  const { clock, timeoutMs, minTtlMs, maxStaleMs } = options
  const resolver = new dns.Resolver({ timeout: timeoutMs, tries: 1 })
  const cache = new Map<string, Resolved>()
  const asking = new Map<string, Promise<Resolved>>()

  /** Concurrent askers share one question. */
  function ask(name: string): Promise<Resolved> {
    const existing = asking.get(name)
    if (existing !== undefined) return existing
    const asked = resolve(name).finally(() => asking.delete(name))
    asking.set(name, asked)
    return asked
  }

  async function resolve(name: string): Promise<Resolved> {
    const [v4, v6] = await Promise.allSettled([
      resolver.resolve4(name, { ttl: true }),
      resolver.resolve6(name, { ttl: true }),
    ])
    const records = [
      ...(v4.status === 'fulfilled' ? v4.value.map((r) => ({ ...r, family: 4 as const })) : []),
      ...(v6.status === 'fulfilled' ? v6.value.map((r) => ({ ...r, family: 6 as const })) : []),
    ]
    // What only the hosts file or a search domain knows, `localhost` first of all.
    if (records.length === 0) return remember(name, await systemLookup(name), minTtlMs)
    const ttlMs = Math.min(...records.map((record) => record.ttl)) * 1000
    return remember(name, records, Math.max(minTtlMs, ttlMs))
  }

  function remember(name: string, addresses: readonly Address[], ttlMs: number): Resolved {
    const resolved = { addresses, expiresAtMs: clock.monotonicMs() + ttlMs }
    cache.set(name, resolved)
    return resolved
  }

  async function current(name: string): Promise<readonly Address[]> {
    const known = cache.get(name)
    const nowMs = clock.monotonicMs()
    if (known !== undefined && nowMs < known.expiresAtMs) return known.addresses
    if (known !== undefined && nowMs < known.expiresAtMs + maxStaleMs) {
      // The next connection has the new answer; this one does not wait for it.
      ask(name).catch(() => undefined)
      return known.addresses
    }
    return (await ask(name)).addresses
  }

  return (name, lookupOptions, callback) => {
    current(name).then(
      (addresses) => {
        const family = lookupOptions.family === 4 || lookupOptions.family === 6
        const usable = family
          ? addresses.filter((address) => address.family === lookupOptions.family)
          : addresses
        const [first] = usable
        if (first === undefined) {
          const error = Object.assign(new Error(`No address for "${name}"`), { code: 'ENOTFOUND' })
          return callback(error, '', 0)
        }
        if (lookupOptions.all === true) return callback(null, [...usable])
        return callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    )
  }
}

async function systemLookup(name: string): Promise<readonly Address[]> {
  const found = await dns.lookup(name, { all: true })
  return found.map(({ address }) => ({ address, family: isIP(address) === 6 ? 6 : 4 }))
}
