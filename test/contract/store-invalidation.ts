// The Store contract: invalidation and the tickets it supersedes.

import { expect, it } from 'vitest'

import type { Store } from '#core/ports/store.ts'
import type { Invalidations } from '#web/invalidations.ts'

import { testHead, testSegment } from '../support/stored.ts'
import {
  BODY,
  KEY,
  OTHER_BODY,
  OTHER_KEY,
  expectPeekAgrees,
  headsOf,
  nominated,
  onlySegmentOf,
  shortHead,
  shortSegment,
} from './store-facts.ts'

export function testSoftInvalidation(open: () => Store): void {
  it('flags every variant, and nothing else of it (RFC 9111 §4.4)', async () => {
    const store = open()
    const [a, b] = [shortHead(KEY, BODY, nominated('a')), testHead(KEY, OTHER_BODY, nominated('b'))]
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, b)
    await store.writeHead(ticket, a)
    await store.writeSegment(ticket, BODY, 0, shortSegment(BODY))
    await store.writeSegment(ticket, OTHER_BODY, 1, testSegment(OTHER_BODY, 1))
    await store.invalidate(KEY, 'validate')
    expect(await headsOf(store, KEY)).toEqual([
      { ...a, invalidated: true },
      { ...b, invalidated: true },
    ])
    await expectPeekAgrees(store, KEY)
    expect(await onlySegmentOf(store, KEY)).toEqual(shortSegment(BODY))
    expect(await store.readSegment(OTHER_BODY, 1, 0, 1000)).toEqual(testSegment(OTHER_BODY, 1))
  })

  it('is lifted by a head written under a newer ticket, for that variant only', async () => {
    const store = open()
    const [a, b] = [testHead(KEY, BODY, nominated('a')), testHead(KEY, OTHER_BODY, nominated('b'))]
    await store.writeHead(store.ticket(KEY), a)
    await store.writeHead(store.ticket(KEY), b)
    await store.invalidate(KEY, 'validate')
    expect(await store.writeHead(store.ticket(KEY), a)).toBe('stored')
    expect(await headsOf(store, KEY)).toEqual([a, { ...b, invalidated: true }])
  })

  it('keeps the generation: bytes stay joinable with what is fetched later', async () => {
    const store = open()
    const before = store.ticket(KEY)
    await store.invalidate(KEY, 'validate')
    expect(store.ticket(KEY).generation).toBe(before.generation)
  })

  it('leaves other keys alone, and a key without heads without any', async () => {
    const store = open()
    await store.writeHead(store.ticket(OTHER_KEY), testHead(OTHER_KEY, OTHER_BODY))
    await store.invalidate(KEY, 'validate')
    expect(await headsOf(store, KEY)).toEqual([])
    expect(await headsOf(store, OTHER_KEY)).toEqual([testHead(OTHER_KEY, OTHER_BODY)])
  })
}

export function testHardInvalidation(open: () => Store): void {
  it('removes every variant and its bytes', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, shortHead(KEY, BODY, nominated('a')))
    await store.writeSegment(ticket, BODY, 0, shortSegment(BODY))
    await store.writeHead(ticket, testHead(KEY, OTHER_BODY, nominated('b')))
    await store.writeSegment(ticket, OTHER_BODY, 0, testSegment(OTHER_BODY, 0))
    await store.writeSegment(ticket, OTHER_BODY, 2, testSegment(OTHER_BODY, 2))
    await store.invalidate(KEY, 'drop')
    expect(await headsOf(store, KEY)).toEqual([])
    await expectPeekAgrees(store, KEY)
    expect(await store.readSegment(BODY, 0, 0, 333)).toBeUndefined()
    expect(await store.readSegment(OTHER_BODY, 0, 0, 1000)).toBeUndefined()
    expect(await store.readSegment(OTHER_BODY, 2, 0, 1000)).toBeUndefined()
  })

  it('changes the generation of later tickets, each time', async () => {
    const store = open()
    const generations = new Set([store.ticket(KEY).generation])
    for (let i = 0; i < 3; i++) {
      await store.invalidate(KEY, 'drop')
      generations.add(store.ticket(KEY).generation)
    }
    await store.invalidate(KEY, 'validate')
    generations.add(store.ticket(KEY).generation)
    expect(generations.size).toBe(4)
  })

  it('leaves other keys alone', async () => {
    const store = open()
    const ticket = store.ticket(OTHER_KEY)
    await store.writeHead(ticket, shortHead(OTHER_KEY, OTHER_BODY))
    await store.writeSegment(ticket, OTHER_BODY, 0, shortSegment(OTHER_BODY))
    await store.invalidate(KEY, 'drop')
    expect(await headsOf(store, OTHER_KEY)).toEqual([shortHead(OTHER_KEY, OTHER_BODY)])
    expect(await onlySegmentOf(store, OTHER_KEY)).toEqual(shortSegment(OTHER_BODY))
  })

  it('lets the key be filled anew under a new ticket', async () => {
    const store = open()
    await store.writeHead(store.ticket(KEY), shortHead(KEY, BODY))
    await store.invalidate(KEY, 'drop')
    const ticket = store.ticket(KEY)
    expect(await store.writeHead(ticket, shortHead(KEY, OTHER_BODY))).toBe('stored')
    await store.writeSegment(ticket, OTHER_BODY, 0, shortSegment(OTHER_BODY))
    expect(await headsOf(store, KEY)).toEqual([shortHead(KEY, OTHER_BODY)])
    expect(await onlySegmentOf(store, KEY)).toEqual(shortSegment(OTHER_BODY))
  })
}

export function testTickets(open: () => Store, log: () => Invalidations | undefined): void {
  const mark = { kind: 'hit-for-miss', expiresAtMs: 1_700_000_000_000 } as const

  it.each(['validate', 'drop'] as const)('taken before a %s are refused', async (how) => {
    const store = open()
    const ticket = store.ticket(KEY)
    expect(ticket.key).toBe(KEY)
    await store.invalidate(KEY, how)
    expect(await store.writeHead(ticket, testHead(KEY, BODY))).toBe('superseded')
    await store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    await store.writeMark(ticket, mark)
    expect(await headsOf(store, KEY)).toEqual([])
    expect((await store.read(KEY))?.mark).toBeUndefined()
    expect(await store.readSegment(BODY, 0, 0, 1000)).toBeUndefined()
  })

  it.each(['validate', 'drop'] as const)('are refused at once, while a %s runs', async (how) => {
    const store = open()
    const ticket = store.ticket(KEY)
    const invalidated = store.invalidate(KEY, how)
    const written = store.writeHead(ticket, testHead(KEY, BODY))
    await invalidated
    expect(await written).toBe('superseded')
    expect(await headsOf(store, KEY)).toEqual([])
  })

  it('of another key are unaffected by an invalidation', async () => {
    const store = open()
    const ticket = store.ticket(OTHER_KEY)
    await store.invalidate(KEY, 'drop')
    expect(await store.writeHead(ticket, testHead(OTHER_KEY, BODY))).toBe('stored')
    expect(await headsOf(store, OTHER_KEY)).toEqual([testHead(OTHER_KEY, BODY)])
    expect(store.ticket(OTHER_KEY).generation).toBe(ticket.generation)
  })

  it('taken after an invalidation are good, also several times', async () => {
    const store = open()
    await store.invalidate(KEY, 'drop')
    const ticket = store.ticket(KEY)
    expect(await store.writeHead(ticket, testHead(KEY, BODY))).toBe('stored')
    await store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    expect(await store.writeHead(ticket, testHead(KEY, BODY, { status: 203 }))).toBe('stored')
    expect(await headsOf(store, KEY)).toEqual([testHead(KEY, BODY, { status: 203 })])
    expect(await store.readSegment(BODY, 0, 0, 1000)).toEqual(testSegment(BODY, 0))
  })

  it('are superseded by what a sibling records in the shared log', async () => {
    const store = open()
    const ticket = store.ticket(KEY)
    const shared = log()
    if (shared === undefined) return
    shared.record(KEY, 'validate')
    expect(await store.writeHead(ticket, testHead(KEY, BODY))).toBe('superseded')
  })
}
