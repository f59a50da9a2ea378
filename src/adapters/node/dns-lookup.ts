// A `lookup` for `net.connect`: a few addresses of a name, others each time.

import type { LookupFunction } from 'node:net'

import type { DnsName, DnsNameOptions } from './dns-name.ts'
import { createDnsName } from './dns-name.ts'
import type { Address } from './dns-question.ts'

export interface DnsLookup {
  /** Does not wait for a name in use. */
  readonly lookup: LookupFunction
  /** Asks nothing by itself any more. */
  close(): void
}

/** To be raced by one connection. With more of them none would have time to answer. */
const MAX_RACE_COUNT = 4

interface Used {
  readonly name: DnsName
  /** So that many addresses are used in turn. */
  count: number
}

export function createDnsLookup(options: DnsNameOptions): DnsLookup {
  const names = new Map<string, Used>()

  function use(name: string): Used {
    const used = names.get(name) ?? { name: createDnsName(name, options), count: 0 }
    names.set(name, used)
    return used
  }

  return {
    lookup(name, { family, all }, callback) {
      const used = use(name)
      const tell = (addresses: readonly Address[]) => {
        used.count += 1
        const raced = toRace(addresses, used.count, family)
        const [first] = raced
        if (first === undefined) callback(noAddress(name), '', 0)
        else if (all === true) callback(null, raced)
        else callback(null, first.address, first.family)
      }
      const fail = (error: NodeJS.ErrnoException) => callback(error, '', 0)
      Promise.resolve(used.name.addresses()).then(tell, fail)
    },
    close() {
      for (const { name } of names.values()) name.close()
    },
  }
}

function noAddress(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`No address for "${name}"`), { code: 'ENOTFOUND' })
}

/** Some addresses, others each time, the families in turn (RFC 8305 §4). */
function toRace(
  addresses: readonly Address[],
  turn: number,
  only: number | string | undefined,
): Address[] {
  const v4 = only === 6 ? [] : rotate(addresses, 4, turn)
  const v6 = only === 4 ? [] : rotate(addresses, 6, turn)
  const raced: Address[] = []
  for (let i = 0; i < MAX_RACE_COUNT; i += 1)
    raced.push(...v4.slice(i, i + 1), ...v6.slice(i, i + 1))
  return raced.slice(0, MAX_RACE_COUNT)
}

function rotate(addresses: readonly Address[], family: 4 | 6, turn: number): readonly Address[] {
  const own = addresses.filter((address) => address.family === family)
  const at = own.length === 0 ? 0 : turn % own.length
  return [...own.slice(at), ...own.slice(0, at)]
}
