import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { CacheKey } from '#core/entry/cache-key.ts'
import { NO_FIELDS } from '#core/entry/fields.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import type { Balance, Member } from '#core/upstream/pick.ts'
import { createPick } from '#core/upstream/pick.ts'
import { createTestScope } from '../../../support/scopes.ts'

interface Told {
  readonly weight?: number
  readonly isBackup?: boolean
  waitMs?: number
  runningCount?: number
}

/** Members that answer nothing, and say by an error which of them was asked. */
function createFixture(told: Readonly<Record<string, Told>>, balance: Balance = 'round-robin') {
  const members: Member[] = Object.entries(told).map(([address, facts]) => ({
    address,
    weight: facts.weight ?? 1,
    isBackup: facts.isBackup ?? false,
    waitMs: () => facts.waitMs ?? 0,
    runningCount: () => facts.runningCount ?? 0,
    upstream: failing(),
  }))
  const pick = createPick(members, balance)
  async function ask(key = '/a', avoid: readonly string[] = []): Promise<string | undefined> {
    const request = {
      method: 'GET',
      target: '/a',
      fields: NO_FIELDS,
      authority: undefined,
      key: key as CacheKey,
      body: undefined,
      avoid: new Set(avoid),
    }
    try {
      await pick.fetch(request, createTestScope())
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      return error.address ?? `${error.kind} for ${error.retryAfterMs} ms`
    }
    return undefined
  }
  return { ask, pick }
}

function failing(): Upstream {
  return {
    async fetch() {
      throw new UpstreamError('connection_refused', 'Nobody there', { retryable: true })
    },
  }
}

async function countsOf(
  ask: (key: string) => Promise<string | undefined>,
  count: number,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const address = (await ask(`/${i}`)) ?? ''
    counts[address] = (counts[address] ?? 0) + 1
  }
  return counts
}

describe('of several addresses', () => {
  it('each gets its share in turn, well mixed', async () => {
    const { ask } = createFixture({ a: { weight: 3 }, b: {}, c: {} })
    let order = ''
    for (let i = 0; i < 5; i++) order += await ask()
    expect(order).toBe('abaca')
    expect(await countsOf(ask, 500)).toEqual({ a: 300, b: 100, c: 100 })
  })

  it('the one with the fewest transfers for its weight is asked', async () => {
    const told = {
      a: { runningCount: 4, weight: 4 },
      b: { runningCount: 2 },
      c: { runningCount: 9 },
    }
    const { ask } = createFixture(told, 'least')
    expect(await countsOf(ask, 10)).toEqual({ a: 10 })
    told.b.runningCount = 1
    expect(await countsOf(ask, 10)).toEqual({ a: 8, b: 2 })
  })

  it('a key goes to the same one, and only those of a lost one go elsewhere', async () => {
    const told: Record<string, Told> = { a: {}, b: {}, c: { weight: 2 } }
    const { ask } = createFixture(told, 'key')
    const keys = Array.from({ length: 1000 }, (_, i) => `/${i}`)
    const before = await Promise.all(keys.map((key) => ask(key)))
    expect(await Promise.all(keys.map((key) => ask(key)))).toEqual(before)
    told['b'] = Object.assign(told['b'] ?? {}, { waitMs: 1000 })
    const after = await Promise.all(keys.map((key) => ask(key)))
    expect(after).not.toContain('b')
    const moved = before.filter((address, i) => address !== 'b' && address !== after[i])
    expect(moved).toEqual([])
    const share = before.filter((address) => address === 'c').length
    expect(share).toBeGreaterThan(430)
    expect(share).toBeLessThan(570)
  })

  it('a backup is asked when no other can be, and not before', async () => {
    const told: Record<string, Told> = { a: {}, b: {}, far: { isBackup: true } }
    const { ask } = createFixture(told)
    expect(Object.keys(await countsOf(ask, 10))).not.toContain('far')
    // One that failed for this request counts as one that cannot be used.
    expect(await ask('/a', ['a', 'b'])).toBe('far')
    Object.assign(told['a'] ?? {}, { waitMs: 500 })
    expect(await countsOf(ask, 10)).toEqual({ b: 10 })
    Object.assign(told['b'] ?? {}, { waitMs: 300 })
    expect(await countsOf(ask, 10)).toEqual({ far: 10 })
  })

  it('with none to be used it is said at once, and when to ask again', async () => {
    const { ask } = createFixture({ a: { waitMs: 500 }, b: { waitMs: 300, isBackup: true } })
    expect(await ask()).toBe('destination_unavailable for 300 ms')
  })

  it('never goes to one that cannot be used, nor twice to one while there is another', async () => {
    const flags = fc.record({ waits: fc.boolean(), isBackup: fc.boolean(), avoided: fc.boolean() })
    const balances = fc.constantFrom<Balance>('round-robin', 'least', 'key')
    await fc.assert(
      fc.asyncProperty(
        fc.array(flags, { minLength: 1, maxLength: 6 }),
        balances,
        async (all, how) => {
          const told = Object.fromEntries(
            all.map(({ waits, isBackup }, i) => [`m${i}`, { waitMs: waits ? 1 : 0, isBackup }]),
          )
          const { ask, pick } = createFixture(told, how)
          const avoid = all.flatMap(({ avoided }, i) => (avoided ? [`m${i}`] : []))
          const asked = await ask('/a', avoid)
          const usable = all.flatMap(({ waits }, i) => (waits ? [] : [`m${i}`]))
          const untried = usable.filter((address) => !avoid.includes(address))
          expect(pick.hasOther(new Set(avoid))).toBe(untried.length > 0)
          const right = untried.length > 0 ? untried : usable
          const isNone = asked?.startsWith('destination_unavailable') === true
          expect(right.length === 0 ? isNone : right.includes(asked ?? '')).toBe(true)
        },
      ),
    )
  })
})
