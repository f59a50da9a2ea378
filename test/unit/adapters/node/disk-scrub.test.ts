import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { DiskStore } from '../../../../src/adapters/node/disk-store.ts'
import type { DiskFixture } from '../../../support/disk-fixture.ts'
import { createDiskFixture } from '../../../support/disk-fixture.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'
import { testBody, testHead, testKey, testSegment } from '../../../support/stored.ts'

const DAY_MS = 86_400_000
const COUNT = 20

describe('the scrub of openDiskStore', () => {
  const clock = createSteppedClock()
  let disk: DiskFixture
  beforeEach(async () => {
    disk = await createDiskFixture(clock)
    const before = await disk.open()
    for (let i = 0; i < COUNT; i++) {
      const [key, body] = [testKey(`${i}`), testBody(`${i}`)]
      const ticket = before.ticket(key)
      await before.writeHead(ticket, testHead(key, body))
      for (let index = 0; index < 3; index++) {
        await before.writeSegment(ticket, body, index, testSegment(body, index))
      }
    }
    await before.close()
  })
  afterEach(() => disk.end())

  /** Changes one byte of what follows these bytes on disk. */
  async function damage(bytes: Uint8Array): Promise<void> {
    const [slab = ''] = await disk.slabs()
    const path = join(disk.directory, slab)
    const file = await readFile(path)
    const at = file.indexOf(bytes)
    expect(at).toBeGreaterThan(0)
    file[at + 9] = (file[at + 9] ?? 0) ^ 1
    await writeFile(path, file)
  }

  /** Steps the clock until so much was read again; each step waits for the disk itself. */
  async function scrubbed(store: DiskStore, bytes: number): Promise<void> {
    await vi.waitFor(
      async () => {
        await clock.step(600_000)
        expect(store.stats().scrubbedBytes).toBeGreaterThanOrEqual(bytes)
      },
      { timeout: 20_000, interval: 1 },
    )
  }

  it('reads all again within its time, and finds nothing where nothing is wrong', async () => {
    const store = await disk.open({ scrubIntervalMs: DAY_MS })
    const { bytes } = store.stats()
    await scrubbed(store, bytes * 0.9)
    expect(store.stats().damagedCount).toBe(0)
    expect(store.stats().segmentCount).toBe(3 * COUNT)
    expect(disk.events).toEqual([])
  })

  it('lets go of damaged segments and heads, tells of each once, and they are to be fetched', async () => {
    const body = testBody('7')
    await damage(testSegment(body, 1).subarray(0, 64))
    await damage(Buffer.from('"key":"test\\n/9"'))
    const store = await disk.open({ scrubIntervalMs: DAY_MS })
    expect(store.presence(body).has(1)).toBe(true)
    await scrubbed(store, store.stats().bytes * 0.9)
    expect(store.stats()).toMatchObject({ damagedCount: 2, segmentCount: 3 * COUNT - 1 })
    expect(store.presence(body).has(1)).toBe(false)
    expect(store.presence(body).has(0)).toBe(true)
    expect(store.peek(testKey('9'))).toBeUndefined()
    expect(disk.events).toEqual([
      { kind: 'store-failed', message: expect.stringContaining('damaged data') },
      { kind: 'store-failed', message: expect.stringContaining('the head is damaged') },
    ])
    await store.close()
    await disk.loseIndex()
    const again = await disk.open()
    expect(again.peek(testKey('9'))).toBeUndefined()
  })

  it('begins again at the end, and so finds what was damaged since', async () => {
    const store = await disk.open({ scrubIntervalMs: DAY_MS })
    const { bytes } = store.stats()
    await scrubbed(store, bytes * 0.9)
    await damage(testSegment(testBody('3'), 2).subarray(0, 64))
    await scrubbed(store, bytes * 1.9)
    expect(store.stats().damagedCount).toBe(1)
  })

  it('takes its time: no more is read than its rate allows', async () => {
    const store = await disk.open({ scrubIntervalMs: DAY_MS })
    await scrubbed(store, 1)
    const { scrubbedBytes, bytes } = store.stats()
    expect(scrubbedBytes).toBeLessThan(bytes)
    for (let i = 0; i < 50; i++) await clock.step(DAY_MS / 200)
    expect(store.stats().scrubbedBytes).toBeLessThanOrEqual(bytes * 0.25 + 2 * 256 * 1024)
  })

  it('reads nothing unless it is told to, and nothing after close', async () => {
    const store = await disk.open()
    await clock.step(DAY_MS)
    expect(store.stats().scrubbedBytes).toBe(0)
    await store.close()
    const scrubbing = await disk.open({ scrubIntervalMs: DAY_MS })
    await scrubbed(scrubbing, 1)
    await scrubbing.close()
    expect(clock.pendingCount()).toBe(0)
  })
})
