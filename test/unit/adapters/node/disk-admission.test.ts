import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { Store } from '#core/ports/store.ts'
import { createInvalidations } from '#web/invalidations.ts'
import { createMemoryStore } from '#web/memory-store.ts'

import type { DiskStore } from '../../../../src/adapters/node/disk-store.ts'
import type { DiskFixture } from '../../../support/disk-fixture.ts'
import { createDiskFixture } from '../../../support/disk-fixture.ts'
import { testBody, testHead, testKey } from '../../../support/stored.ts'

const MIB = 2 ** 20
const BYTES = 50_000
const LIMITS = { maxBytes: 8 * MIB, slabBytes: MIB / 2 }

/** An object of one segment, as a miss stores it. */
async function store(to: Store, name: string): Promise<void> {
  const [key, body] = [testKey(name), testBody(name)]
  const ticket = to.ticket(key)
  await to.writeHead(ticket, testHead(key, body, { segmentBytes: 65_536, completeLength: BYTES }))
  await to.writeSegment(ticket, body, 0, new Uint8Array(BYTES).fill(name.length))
}

async function isWhole(from: Store, name: string): Promise<boolean> {
  const [variant] = (await from.read(testKey(name)))?.variants ?? []
  return variant?.onlySegment?.byteLength === BYTES
}

/** A request: a hit, or a miss that is stored. */
async function ask(of: Store, name: string): Promise<boolean> {
  const isHit = await isWhole(of, name)
  if (!isHit) await store(of, name)
  return isHit
}

/** What is asked for once each, and nobody asks for again: five times what fits. */
async function scan(disk: DiskStore, name: string, between?: (i: number) => Promise<void>) {
  for (let i = 0; i < 800; i++) {
    await store(disk, `${name} ${i}`)
    if (i % 8 === 0) await disk.flush()
    await between?.(i)
  }
  await disk.flush()
}

describe('openDiskStore, when its budget is used up,', () => {
  let disk: DiskFixture
  beforeEach(async () => {
    disk = await createDiskFixture()
  })
  afterEach(() => disk.end())

  it('keeps what is read again through a scan, and takes little of the scan', async () => {
    const opened = await disk.open(LIMITS)
    for (let i = 0; i < 60; i++) await store(opened, `popular ${i}`)
    await scan(opened, 'first', async (i) => void (await ask(opened, `popular ${i % 60}`)))
    let hitCount = 0
    let takenCount = 0
    await scan(opened, 'second', async (i) => {
      if (await ask(opened, `popular ${i % 60}`)) hitCount++
      if (await isWhole(opened, `second ${i}`)) takenCount++
    })
    expect(hitCount).toBeGreaterThan(760)
    expect(takenCount).toBeLessThan(200)
    expect(disk.events).toEqual([])
  })

  it('takes head and bytes together or not at all', async () => {
    const opened = await disk.open(LIMITS)
    await scan(opened, 'first')
    for (let i = 700; i < 800; i++) {
      const entry = await opened.read(testKey(`first ${i}`))
      const has = opened.presence(testBody(`first ${i}`)).has(0)
      expect(has).toBe(entry !== undefined)
    }
  })

  it('takes what is asked for again', async () => {
    const opened = await disk.open(LIMITS)
    await scan(opened, 'first')
    for (let use = 0; use < 6; use++) await store(opened, 'wanted')
    await opened.flush()
    expect(await isWhole(opened, 'wanted')).toBe(true)
  })

  it('keeps what is used in memory alone', async () => {
    const opened = await disk.open(LIMITS)
    const memory = createMemoryStore({
      maxBytes: 16 * MIB,
      invalidations: createInvalidations(),
      uses: opened,
    })
    for (let i = 0; i < 20; i++) {
      await store(memory, `popular ${i}`)
      await store(opened, `popular ${i}`)
    }
    // Each is asked for twice, so that enough of them is taken for everything to be written anew.
    for (const name of ['pairs', 'others']) {
      await scan(opened, name, async (i) => {
        memory.peek(testKey(`popular ${i % 20}`))
        await isWhole(opened, `${name} ${i}`)
      })
    }
    const [oldest = ''] = await disk.slabs()
    expect(Number.parseInt(oldest, 16)).toBeGreaterThan(3)
    let keptCount = 0
    for (let i = 0; i < 20; i++) if (await isWhole(opened, `popular ${i}`)) keptCount++
    // Of a slab that has nothing else, some must go.
    expect(keptCount).toBeGreaterThan(8)
  })

  it('gives one object no more than its share, and says so once', async () => {
    const opened = await disk.open({ ...LIMITS, objectShare: 0.125 })
    const [key, body] = [testKey('huge'), testBody('huge')]
    const ticket = opened.ticket(key)
    const completeLength = 100 * 65_536
    await opened.writeHead(ticket, testHead(key, body, { segmentBytes: 65_536, completeLength }))
    for (let i = 0; i < 100; i++) {
      await opened.writeSegment(ticket, body, i, new Uint8Array(65_536).fill(i))
    }
    await opened.flush()
    const { has } = opened.presence(body)
    const stored = Array.from({ length: 100 }, (_, i) => i).filter(has)
    expect(stored.length).toBeGreaterThan(12)
    expect(stored.length).toBeLessThanOrEqual(16)
    expect(disk.events).toEqual([{ kind: 'limit', name: 'diskObjectShare' }])
    // Of another object there may be as much.
    await store(opened, 'other')
    expect(await isWhole(opened, 'other')).toBe(true)
  })
})
