import { describe, expect, it } from 'vitest'

import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { Store } from '#core/ports/store.ts'
import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'
import { createTieredStore } from '#web/tiered-store.ts'

import { createFakeStore } from '../../../support/fake-store.ts'
import { createSteppedClock, turn } from '../../../support/stepped-clock.ts'
import { testBody, testHead, testKey, testSegment } from '../../../support/stored.ts'

const KEY = testKey('object')
const BODY = testBody('one')
const OTHER_BODY = testBody('two')

function variant(value: string) {
  return { nominated: { names: ['x-a'], values: [value] } }
}

/** What a disk has after a restart, with nothing in memory. */
async function setUp(maxBytes = 2 ** 20) {
  const invalidations = createInvalidations()
  const memory = createMemoryStore({ maxBytes, invalidations })
  const disk = createFakeStore({ invalidations })
  const events: FlowEvent[] = []
  const store = createTieredStore({ memory, disk, record: (event) => events.push(event) })
  return { memory, disk, store, events }
}

async function valuesOf(store: Store): Promise<readonly (string | undefined)[]> {
  const entry = await store.read(KEY)
  return entry?.variants.map(({ head }) => head.nominated.values[0]) ?? []
}

/** A disk that has the object, and holds what it is asked as long as a test wants. */
async function setUpSlow() {
  const clock = createSteppedClock()
  const invalidations = createInvalidations()
  const memory = createMemoryStore({ maxBytes: 2 ** 20, invalidations })
  const disk = createFakeStore({ invalidations })
  const events: FlowEvent[] = []
  const store = createTieredStore({
    memory,
    disk,
    record: (event) => events.push(event),
    patience: { clock, maxWaitMs: 500 },
  })
  await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY))
  await disk.writeSegment(disk.ticket(KEY), BODY, 0, testSegment(BODY, 0))
  return { memory, disk, store, events, clock }
}

describe('createTieredStore, reading', () => {
  it('asks the disk for what memory has not, once, and has it in memory then', async () => {
    const { memory, disk, store } = await setUp()
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY))
    expect(store.peek(KEY)).toBe('ask')
    const [a, b] = await Promise.all([store.read(KEY), store.read(KEY)])
    expect(a).toEqual(b)
    expect(disk.count('read')).toBe(1)
    expect(memory.peek(KEY)).toMatchObject({ variants: [{ head: testHead(KEY, BODY) }] })
    expect(store.peek(KEY)).not.toBe('ask')
    expect(store.peek(testKey('unknown'))).toBeUndefined()
  })

  it('brings the bytes of a one-segment body along with its head', async () => {
    const { disk, store } = await setUp()
    const head = testHead(KEY, BODY, { completeLength: 700 })
    await disk.writeHead(disk.ticket(KEY), head)
    await disk.writeSegment(disk.ticket(KEY), BODY, 0, testSegment(BODY, 0, 700))
    await store.read(KEY)
    const bytes = store.readSegment(BODY, 0, 0, 700)
    expect(bytes).toEqual(testSegment(BODY, 0, 700))
  })

  it('reads a small part alone, and only what is asked for again as a whole', async () => {
    const { memory, disk, store } = await setUp()
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY))
    await disk.writeSegment(disk.ticket(KEY), BODY, 1, testSegment(BODY, 1))
    await store.read(KEY)
    expect(await store.readSegment(BODY, 1, 20, 30)).toEqual(testSegment(BODY, 1).slice(20, 30))
    expect(memory.presence(BODY)?.has(1)).toBe(false)
    expect(await store.readSegment(BODY, 1, 40, 50)).toEqual(testSegment(BODY, 1).slice(40, 50))
    expect(memory.presence(BODY)?.has(1)).toBe(true)
  })

  it('reads a segment from disk once for all who ask, and whole, for any view', async () => {
    const { disk, store } = await setUp()
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY))
    await disk.writeSegment(disk.ticket(KEY), BODY, 1, testSegment(BODY, 1))
    await store.read(KEY)
    await store.readSegment(BODY, 1, 0, 1)
    const countBefore = disk.count('readSegment')
    const gate = disk.hold('readSegment')
    const reads = [0, 100, 990].map((startByte) =>
      store.readSegment(BODY, 1, startByte, startByte + 50),
    )
    gate.release()
    const views = await Promise.all(reads.map((read) => Promise.resolve(read)))
    expect(views[0]).toEqual(testSegment(BODY, 1).slice(0, 50))
    expect(views[1]).toEqual(testSegment(BODY, 1).slice(100, 150))
    expect(views[2]).toEqual(testSegment(BODY, 1).slice(990))
    expect(disk.count('readSegment')).toBe(countBefore + 1)
    // From memory, at once.
    expect(store.readSegment(BODY, 1, 5, 10)).toEqual(testSegment(BODY, 1).slice(5, 10))
  })

  it('writes nothing back to disk when it promotes', async () => {
    const { disk, store } = await setUp()
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY))
    await disk.writeSegment(disk.ticket(KEY), BODY, 0, testSegment(BODY, 0))
    const before = [disk.count('writeHead'), disk.count('writeSegment')]
    await store.read(KEY)
    await store.readSegment(BODY, 0, 0, 10)
    await turn()
    expect([disk.count('writeHead'), disk.count('writeSegment')]).toEqual(before)
  })

  it('serves a segment whose key it does not know from disk, without promoting it', async () => {
    const { memory, disk, store } = await setUp()
    await disk.writeSegment(disk.ticket(KEY), BODY, 0, testSegment(BODY, 0))
    expect(await store.readSegment(BODY, 0, 0, 10)).toEqual(testSegment(BODY, 0).slice(0, 10))
    expect(memory.presence(BODY)?.has(0)).toBe(false)
  })
})

describe('createTieredStore, invalidated while the disk is read', () => {
  it.each(['validate', 'drop'] as const)('does not bring back an entry after a %s', async (how) => {
    const { memory, disk, store } = await setUp()
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY))
    const gate = disk.hold('read')
    const read = store.read(KEY)
    await gate.arrived()
    await store.invalidate(KEY, how)
    gate.release()
    const entry = await read
    expect(entry?.variants.some(({ head }) => !head.invalidated) ?? false).toBe(false)
    const peeked = memory.peek(KEY)
    const isFlagged = peeked !== 'ask' && peeked?.variants.every(({ head }) => head.invalidated)
    expect(peeked === undefined || isFlagged).toBe(true)
    expect(entry?.variants.length).toBe(how === 'drop' ? undefined : 1)
  })

  it('does not bring back a segment, nor give it to a later read', async () => {
    const { memory, disk, store } = await setUp()
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY))
    await disk.writeSegment(disk.ticket(KEY), BODY, 0, testSegment(BODY, 0))
    await store.read(KEY)
    const gate = disk.hold('readSegment')
    const early = store.readSegment(BODY, 0, 0, 10)
    await gate.arrived()
    await store.invalidate(KEY, 'drop')
    const late = store.readSegment(BODY, 0, 0, 10)
    gate.release()
    await early
    expect(await late).toBeUndefined()
    expect(memory.presence(BODY)?.has(0)).toBe(false)
  })

  it('has no more of a dropped body than what nobody can find, even if the disk kept it', async () => {
    const { disk, store } = await setUp()
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, testHead(KEY, BODY))
    await store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    await turn()
    disk.evictHead(KEY)
    await store.invalidate(KEY, 'drop')
    expect(await disk.readSegment(BODY, 0, 0, 10)).toBeDefined()
    expect(await store.readSegment(BODY, 0, 0, 10)).toBeUndefined()
    expect(store.presence(BODY)?.has(0)).toBe(false)
  })
})

describe('createTieredStore, writing', () => {
  it('answers from memory and writes the disk behind it', async () => {
    const { disk, store } = await setUp()
    const gate = disk.hold('writeHead')
    expect(store.writeHead(store.ticket(KEY), testHead(KEY, BODY))).toBe('stored')
    expect(disk.peek(KEY)).toBeUndefined()
    gate.release()
    await turn()
    expect(disk.peek(KEY)).toBe('ask')
  })

  it('hides no variant of the disk behind one written before the disk was read', async () => {
    const { disk, store } = await setUp()
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY, variant('old')))
    expect(
      await store.writeHead(store.ticket(KEY), testHead(KEY, OTHER_BODY, variant('new'))),
    ).toBe('stored')
    expect(await valuesOf(store)).toEqual(['new', 'old'])
    const peeked = store.peek(KEY)
    expect(peeked !== 'ask' && peeked?.variants).toHaveLength(2)
  })

  it('hides none either where memory has room for one variant only', async () => {
    const { disk, store } = await setUp(3000)
    const wide = { fields: ['x-wide', 'w'.repeat(900)] }
    for (const value of ['a', 'b', 'c']) {
      await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY, { ...variant(value), ...wide }))
    }
    const added = testHead(KEY, OTHER_BODY, { ...variant('d'), ...wide })
    expect(await store.writeHead(store.ticket(KEY), added)).toBe('stored')
    expect(await valuesOf(store)).toEqual(['d', 'c', 'b', 'a'])
  })

  it('promotes an entry whole or not at all', async () => {
    const { disk, store } = await setUp(4000)
    const large = testHead(KEY, BODY, { ...variant('large'), fields: ['x-a', 'w'.repeat(4000)] })
    await disk.writeHead(disk.ticket(KEY), large)
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, OTHER_BODY, variant('small')))
    expect(await valuesOf(store)).toEqual(['small', 'large'])
    expect(await valuesOf(store)).toEqual(['small', 'large'])
  })

  it('does not promote what was read before a write that memory has evicted since', async () => {
    const { memory, disk, store } = await setUp(20_000)
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY, { status: 203 }))
    const gate = disk.hold('read')
    const read = store.read(KEY)
    await gate.arrived()
    disk.evictHead(KEY)
    await store.writeHead(store.ticket(KEY), testHead(KEY, OTHER_BODY, { status: 200 }))
    for (let i = 0; i < 40; i++) {
      await memory.writeSegment(memory.ticket(KEY), testBody('filler'), i, new Uint8Array(1000))
    }
    expect(memory.peek(KEY)).toBeUndefined()
    gate.release()
    await read
    expect(memory.peek(KEY)).toBeUndefined()
    expect((await store.read(KEY))?.variants.map(({ head }) => head.status)).toEqual([200])
  })

  it('does not lay an older entry of the disk over what was written meanwhile', async () => {
    const { disk, store } = await setUp()
    await store.writeHead(store.ticket(KEY), testHead(KEY, BODY, { status: 203 }))
    await turn()
    // A read that began when memory had evicted the key, and the disk had the old head.
    const cold = createTieredStore({
      memory: createMemoryStore({ maxBytes: 2 ** 20, invalidations: disk.invalidations }),
      disk,
      record: () => undefined,
    })
    const gate = disk.hold('read')
    const read = cold.read(KEY)
    await gate.arrived()
    const written = cold.writeHead(cold.ticket(KEY), testHead(KEY, OTHER_BODY, { status: 200 }))
    gate.release()
    await Promise.all([read, written])
    const entry = await cold.read(KEY)
    expect(entry?.variants.map(({ head }) => head.status)).toEqual([200])
  })

  it('never reads the disk behind a write that is still under way', async () => {
    const { disk, store } = await setUp(0)
    await store.writeHead(store.ticket(KEY), testHead(KEY, BODY, { status: 203 }))
    await turn()
    const gate = disk.hold('writeHead')
    const written = store.writeHead(store.ticket(KEY), testHead(KEY, BODY, { status: 200 }))
    await gate.arrived()
    const read = store.read(KEY)
    await turn()
    gate.release()
    await written
    expect((await read)?.variants.map(({ head }) => head.status)).toEqual([200])
  })
})

describe('createTieredStore over a disk that fails', () => {
  it('takes an error for a miss, and tells it', async () => {
    const { disk, store, events } = await setUp()
    await disk.writeHead(disk.ticket(KEY), testHead(KEY, BODY))
    for (const operation of [
      'read',
      'readSegment',
      'writeHead',
      'writeSegment',
      'writeMark',
      'invalidate',
    ] as const) {
      disk.fail(operation, new Error(`Cannot ${operation}`))
    }
    expect(await store.read(KEY)).toBeUndefined()
    expect(await store.readSegment(BODY, 0, 0, 1)).toBeUndefined()
    expect(await store.writeHead(store.ticket(KEY), testHead(KEY, BODY))).toBe('stored')
    await store.writeSegment(store.ticket(KEY), BODY, 0, testSegment(BODY, 0))
    await store.writeMark(store.ticket(KEY), { kind: 'hit-for-miss', expiresAtMs: 0 })
    await store.invalidate(KEY, 'drop')
    await turn()
    expect(events.length).toBeGreaterThanOrEqual(6)
    expect(events.every(({ kind }) => kind === 'store-failed')).toBe(true)
  })

  it('serves from memory what the disk would not take', async () => {
    const { disk, store } = await setUp()
    disk.fail('writeHead', new Error('Cannot write'))
    disk.fail('writeSegment', new Error('Cannot write'))
    const ticket = store.ticket(KEY)
    await store.writeHead(ticket, testHead(KEY, BODY))
    await store.writeSegment(ticket, BODY, 0, testSegment(BODY, 0))
    expect(await valuesOf(store)).toEqual([undefined])
    expect(store.readSegment(BODY, 0, 0, 1000)).toEqual(testSegment(BODY, 0))
  })
})

describe('createTieredStore over a disk that is slow', () => {
  it('waits for a head for 500 ms, and not again while that read goes on', async () => {
    const { disk, store, events, clock } = await setUpSlow()
    const gate = disk.hold('read')
    const read = store.read(KEY)
    await gate.arrived()
    await clock.step(499)
    expect(events).toEqual([])
    await clock.step(1)
    expect(await read).toBeUndefined()
    expect(events).toEqual([{ kind: 'limit', name: 'diskReadTimeout' }])
    expect(await store.read(KEY)).toBeUndefined()
    expect(disk.count('read')).toBe(1)
    gate.release()
    await turn()
    expect((await store.read(KEY))?.variants).toHaveLength(1)
    expect(clock.pendingCount()).toBe(0)
  })

  it('counts a segment that does not come in time as absent, until it has come', async () => {
    const { disk, store, clock } = await setUpSlow()
    await store.read(KEY)
    const gate = disk.hold('readSegment')
    const read = store.readSegment(BODY, 0, 0, 10)
    await gate.arrived()
    expect(store.presence(BODY)?.has(0)).toBe(true)
    await clock.step(500)
    expect(await read).toBeUndefined()
    expect(store.presence(BODY)?.has(0)).toBe(false)
    expect(await store.readSegment(BODY, 0, 0, 10)).toBeUndefined()
    expect(disk.count('readSegment')).toBe(1)
    gate.release()
    await turn()
    expect(store.presence(BODY)?.has(0)).toBe(true)
    expect(await store.readSegment(BODY, 0, 0, 10)).toEqual(testSegment(BODY, 0).slice(0, 10))
  })

  it('begins no more reads while many are late', async () => {
    const { disk, store, clock } = await setUpSlow()
    for (let i = 0; i < 40; i++) {
      const body = testBody(`late ${i}`)
      await disk.writeSegment(disk.ticket(KEY), body, 0, testSegment(body, 0))
    }
    const gate = disk.hold('readSegment')
    const early = Array.from({ length: 32 }, (_, i) =>
      Promise.resolve(store.readSegment(testBody(`late ${i}`), 0, 0, 10)),
    )
    await turn()
    await clock.step(500)
    expect(await Promise.all(early)).toEqual(early.map(() => undefined))
    expect(await store.readSegment(testBody('late 35'), 0, 0, 10)).toBeUndefined()
    expect(disk.count('readSegment')).toBe(32)
    gate.release()
    await turn()
    expect(await store.readSegment(testBody('late 35'), 0, 0, 10)).toHaveLength(10)
  })

  it('lets nobody wait for longer who writes, and lays nothing old over what is written', async () => {
    const { disk, store, clock } = await setUpSlow()
    const gates = [disk.hold('read'), disk.hold('writeHead')]
    const newer = { ...testHead(KEY, OTHER_BODY), fields: ['x-version', '2'] }
    const written = store.writeHead(store.ticket(KEY), newer)
    await turn()
    await clock.step(500)
    await clock.step(500)
    expect(await written).toBe('stored')
    for (const gate of gates) gate.release()
    await turn()
    await turn()
    expect((await store.read(KEY))?.variants).toMatchObject([{ head: { body: OTHER_BODY } }])
  })
})
