import type { LookupAddress } from 'node:dns'

import { beforeEach, describe, expect, it } from 'vitest'

import { createDnsLookup } from '../../../../src/adapters/node/dns-lookup.ts'
import type { DnsLookup } from '../../../../src/adapters/node/dns-lookup.ts'
import type { DnsAnswer } from '../../../../src/adapters/node/dns-question.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'
import type { SteppedClock } from '../../../support/stepped-clock.ts'

const HOUR_MS = 3_600_000

let clock: SteppedClock
let dns: DnsLookup
/** What the name servers would say now; undefined: nothing. */
let answer: DnsAnswer | 'NXDOMAIN' | undefined
let askedAtMs: number[]
let waiting: PromiseWithResolvers<DnsAnswer>[]

beforeEach(() => {
  clock = createSteppedClock()
  askedAtMs = []
  waiting = []
  answer = records(['192.0.2.1'])
  dns = createDnsLookup({ clock, ask, random: Math.random, maxStaleMs: HOUR_MS })
})

function records(addresses: readonly string[], ttlMs = 60_000): DnsAnswer {
  return { addresses: addresses.map((address) => ({ address, family: familyOf(address) })), ttlMs }
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4
}

async function ask(): Promise<DnsAnswer> {
  askedAtMs.push(clock.monotonicMs())
  if (answer === undefined) {
    const question = Promise.withResolvers<DnsAnswer>()
    waiting.push(question)
    return await question.promise
  }
  if (answer === 'NXDOMAIN') throw Object.assign(new Error('No such name'), { code: 'ENOTFOUND' })
  return answer
}

function lookUp(family = 0): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    dns.lookup('origin.test', { all: true, family }, (error, found) => {
      if (error !== null) reject(error)
      else resolve((found as LookupAddress[]).map(({ address }) => address))
    })
  })
}

/** Whether it is known without waiting for the name servers. */
async function isAtOnce(): Promise<boolean> {
  const waits = clock.step(0).then(() => clock.step(0))
  const known = lookUp().then(
    () => true,
    () => false,
  )
  return await Promise.race([known, waits.then(() => false)])
}

describe('createDnsLookup', () => {
  it('asks once, however many wait', async () => {
    answer = undefined
    const asked = [lookUp(), lookUp(), lookUp()]
    await clock.step(10)
    waiting[0]?.resolve(records(['192.0.2.1']))
    expect(await Promise.all(asked)).toEqual([['192.0.2.1'], ['192.0.2.1'], ['192.0.2.1']])
    expect(askedAtMs).toHaveLength(1)
  })

  it('asks anew at the end of a TTL, by itself, and nobody waits for that', async () => {
    await lookUp()
    await clock.step(59_999)
    expect(askedAtMs).toHaveLength(1)
    answer = undefined
    await clock.step(1)
    expect(askedAtMs).toHaveLength(2)
    expect(await lookUp()).toEqual(['192.0.2.1'])
    waiting[0]?.resolve(records(['192.0.2.2']))
    await clock.step(0)
    expect(await lookUp()).toEqual(['192.0.2.2'])
    expect(askedAtMs).toHaveLength(2)
  })

  it('does not ask more than once in a second where the TTL is 0', async () => {
    answer = records(['192.0.2.1'], 0)
    await lookUp()
    for (let i = 0; i < 50; i += 1) {
      await clock.step(100)
      await lookUp()
    }
    expect(askedAtMs.length).toBeLessThanOrEqual(6)
  })

  it.each(['NXDOMAIN', undefined] as const)(
    'keeps the last good answer for an hour when there is no other: %s',
    async (said) => {
      await lookUp()
      answer = said
      const goodUntilMs = clock.monotonicMs() + 60_000 + HOUR_MS
      while (clock.monotonicMs() + 60_000 < goodUntilMs) {
        await clock.step(60_000)
        expect(await isAtOnce()).toBe(true)
      }
      await clock.step(goodUntilMs - clock.monotonicMs())
      expect(await isAtOnce()).toBe(false)
    },
  )

  it('asks at most once a second about a name that fails, however many look it up', async () => {
    answer = 'NXDOMAIN'
    for (let i = 0; i < 100; i += 1) {
      await expect(lookUp()).rejects.toMatchObject({ code: 'ENOTFOUND' })
      await clock.step(50)
    }
    const gaps = askedAtMs.slice(1).map((at, i) => at - (askedAtMs[i] ?? 0))
    expect(gaps.length).toBeGreaterThan(2)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000)
  })

  it('finds a name again as soon as there is one', async () => {
    answer = 'NXDOMAIN'
    await expect(lookUp()).rejects.toThrow('No such name')
    answer = records(['192.0.2.9'])
    await clock.step(1000)
    expect(await lookUp()).toEqual(['192.0.2.9'])
  })

  it('leaves a name alone that nobody uses, and waits for the answer when somebody does again', async () => {
    await lookUp()
    await clock.step(HOUR_MS / 2)
    const before = askedAtMs.length
    await clock.step(HOUR_MS / 4)
    expect(askedAtMs).toHaveLength(before)
    answer = records(['192.0.2.2'])
    expect(await lookUp()).toEqual(['192.0.2.2'])
  })

  it('uses three hundred addresses in turn, a few at a time (F-13)', async () => {
    const many = Array.from({ length: 300 }, (_, i) => `192.0.${i >> 8}.${i & 255}`)
    answer = records(many)
    const first = new Map<string, number>()
    for (let i = 0; i < 900; i += 1) {
      const raced = await lookUp()
      expect(new Set(raced).size).toBe(4)
      first.set(raced[0] ?? '', (first.get(raced[0] ?? '') ?? 0) + 1)
    }
    expect(first.size).toBe(300)
    expect([...first.values()].every((count) => count === 3)).toBe(true)
  })

  it('takes the families in turn (RFC 8305 §4), or the one that is asked for', async () => {
    answer = records(['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1'])
    const raced = await lookUp()
    expect(raced).toHaveLength(4)
    expect(raced.map((address) => address.includes(':'))).toEqual([false, true, false, false])
    expect(await lookUp(6)).toEqual(['2001:db8::1'])
  })

  it('asks nothing once it is closed', async () => {
    await lookUp()
    dns.close()
    await clock.step(HOUR_MS)
    expect(askedAtMs).toHaveLength(1)
  })
})
