import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { createInvalidations } from '#web/invalidations.ts'
import type { MemoryStoreOptions } from '#web/memory-store.ts'
import { createMemoryStore } from '#web/memory-store.ts'

import { testBody, testHead, testKey, testSegment } from '../../../support/stored.ts'

const KEY = testKey('object')
const BODY = testBody('one')
const SHORT_BYTES = 900

function create(options: Partial<MemoryStoreOptions> = {}) {
  return createMemoryStore({ maxBytes: 20_000, invalidations: createInvalidations(), ...options })
}

type MemoryStore = ReturnType<typeof create>

/** A head with its only segment under a key of its own. */
function writeShort(store: MemoryStore, name: string): void {
  const [key, body] = [testKey(name), testBody(name)]
  const ticket = store.ticket(key)
  void store.writeHead(ticket, testHead(key, body, { completeLength: SHORT_BYTES }))
  void store.writeSegment(ticket, body, 0, testSegment(body, 0, SHORT_BYTES))
}

describe('createMemoryStore', () => {
  it('stays within its bytes, whatever is written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ name: fc.nat({ max: 30 }), segment: fc.option(fc.nat({ max: 2 })) })),
        async (writes) => {
          const store = create()
          for (const { name, segment } of writes) {
            if (segment === null) writeShort(store, `${name}`)
            else {
              const body = testBody(`long ${name}`)
              const ticket = store.ticket(KEY)
              await store.writeSegment(ticket, body, segment, testSegment(body, segment))
            }
            const { bytes, maxBytes } = store.stats()
            expect(bytes).toBeLessThanOrEqual(maxBytes)
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('counts the bytes of segments and heads, and gives them back when they are dropped', () => {
    const store = create()
    writeShort(store, 'a')
    const { bytes } = store.stats()
    expect(bytes).toBeGreaterThan(SHORT_BYTES)
    expect(bytes).toBeLessThan(SHORT_BYTES + 3000)
    void store.invalidate(testKey('a'), 'drop')
    expect(store.stats()).toMatchObject({ bytes: 0, itemCount: 0 })
  })

  it('evicts the head of a one-segment body and its bytes together', () => {
    const store = create()
    for (let i = 0; i < 30; i++) {
      writeShort(store, `${i}`)
      for (let j = 0; j <= i; j++) {
        const entry = store.peek(testKey(`${j}`))
        const bytes = store.readSegment(testBody(`${j}`), 0, 0, SHORT_BYTES)
        expect(bytes === undefined).toBe(entry === undefined)
        expect(store.presence(testBody(`${j}`))?.has(0)).toBe(entry !== undefined)
      }
    }
    expect(store.peek(testKey('0'))).toBeUndefined()
    expect(store.peek(testKey('29'))).toBeDefined()
  })

  it('evicts what was used longest ago first', () => {
    const store = create()
    for (let i = 0; i < 6; i++) writeShort(store, `${i}`)
    store.peek(testKey('0'))
    for (let i = 6; i < 30 && store.peek(testKey('0')) !== undefined; i++) writeShort(store, `${i}`)
    expect(store.peek(testKey('0'))).toBeDefined()
    expect(store.peek(testKey('1'))).toBeUndefined()
  })

  it('tells presence in step with eviction', () => {
    const store = create()
    const ticket = store.ticket(KEY)
    for (let index = 0; index < 40; index++) {
      void store.writeSegment(ticket, BODY, index, new Uint8Array(1000).fill(index))
      for (let other = 0; other <= index; other++) {
        const isThere = store.readSegment(BODY, other, 0, 1) !== undefined
        expect(store.presence(BODY)?.has(other)).toBe(isThere)
      }
    }
    expect(store.presence(BODY)?.has(39)).toBe(true)
    expect(store.presence(BODY)?.has(0)).toBe(false)
  })
})

describe('sizes and eviction in createMemoryStore', () => {
  it('refuses a segment that is too large, at one byte above the limit', () => {
    const store = create({ maxSegmentBytes: 1000 })
    const ticket = store.ticket(KEY)
    void store.writeSegment(ticket, BODY, 0, new Uint8Array(1001))
    expect(store.readSegment(BODY, 0, 0, 10)).toBeUndefined()
    expect(store.presence(BODY)?.has(0)).toBe(false)
    void store.writeSegment(ticket, BODY, 0, new Uint8Array(1000))
    expect(store.readSegment(BODY, 0, 0, 10)).toHaveLength(10)
  })

  it('keeps nothing, and fails nothing, with no room at all', () => {
    const store = create({ maxBytes: 0 })
    expect(store.writeHead(store.ticket(KEY), testHead(KEY, BODY))).toBe('stored')
    void store.writeSegment(store.ticket(KEY), BODY, 0, testSegment(BODY, 0))
    expect(store.peek(KEY)).toBeUndefined()
    expect(store.presence(BODY)?.has(0)).toBe(false)
    expect(store.stats().bytes).toBe(0)
  })

  it('forgets a record that has grown too large for the tier, with its bytes', () => {
    const store = create({ maxBytes: 6000, maxSegmentBytes: 6000 })
    writeShort(store, 'a')
    const huge = testHead(testKey('a'), testBody('b'), {
      nominated: { names: ['x'], values: ['1'] },
      fields: ['x-huge', 'v'.repeat(6000)],
    })
    void store.writeHead(store.ticket(testKey('a')), huge)
    expect(store.peek(testKey('a'))).toBeUndefined()
    expect(store.presence(testBody('a'))?.has(0)).toBe(false)
    expect(store.readSegment(testBody('a'), 0, 0, 10)).toBeUndefined()
    expect(store.stats().bytes).toBe(0)
  })

  it('counts a segment that is written twice once', () => {
    const store = create()
    const ticket = store.ticket(KEY)
    void store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    const { bytes } = store.stats()
    void store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    expect(store.stats()).toMatchObject({ bytes, itemCount: 1 })
    expect(store.presence(BODY)?.has(0)).toBe(true)
  })

  it('lets a view live on when its segment is evicted', () => {
    const store = create()
    const ticket = store.ticket(KEY)
    void store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    const view = store.readSegment(BODY, 0, 0, 1000)
    for (let i = 1; i < 100; i++) void store.writeSegment(ticket, BODY, i, new Uint8Array(1000))
    expect(store.readSegment(BODY, 0, 0, 1000)).toBeUndefined()
    expect(view).toEqual(testSegment(BODY, 0))
  })
})
