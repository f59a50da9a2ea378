import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'
import type { Store } from '#core/ports/store.ts'
import { createInvalidations } from '#web/invalidations.ts'

import type { DiskFixture } from '../../../support/disk-fixture.ts'
import { createDiskFixture } from '../../../support/disk-fixture.ts'
import { testBody, testHead, testKey, testSegment } from '../../../support/stored.ts'

const MIB = 2 ** 20

describe('openDiskStore', () => {
  let disk: DiskFixture
  beforeEach(async () => {
    disk = await createDiskFixture()
  })
  afterEach(() => disk.end())

  describe('after a restart', () => {
    it.each(['with', 'without'])('is warm %s its written index', async (index) => {
      const before = await disk.open()
      for (let i = 0; i < 40; i++) await fill(before, i)
      await before.close()
      if (index === 'without') await disk.loseIndex()
      const after = await disk.open()
      expect(after.stats()).toMatchObject({ headCount: 40, segmentCount: 120 })
      for (let i = 0; i < 40; i++) await expectFilled(after, i)
      expect(disk.events).toEqual([])
    })

    it('gives the head and the bytes of a one-segment body in one read', async () => {
      const before = await disk.open()
      const [key, body] = [testKey('short'), testBody('short')]
      const head = testHead(key, body, { completeLength: 333 })
      const ticket = before.ticket(key)
      await before.writeHead(ticket, head)
      await before.flush()
      // The head was written alone; with its only segment it is written once more.
      await before.writeSegment(ticket, body, 0, testSegment(body, 0, 333))
      await before.close()
      const after = await disk.open()
      expect(after.peek(key)).toBe('ask')
      const { variants } = (await after.read(key)) ?? {}
      expect(variants).toMatchObject([{ head, onlySegment: testSegment(body, 0, 333) }])
    })

    it.each(['with', 'without'])('keeps what was dropped dropped, %s its index', async (index) => {
      const before = await disk.open()
      for (let i = 0; i < 10; i++) await fill(before, i)
      await before.flush()
      for (let i = 0; i < 10; i += 2) await before.invalidate(testKey(`${i}`), 'drop')
      const { generation } = before.ticket(testKey('2'))
      await before.close()
      if (index === 'without') await disk.loseIndex()
      const invalidations = createInvalidations()
      const after = await disk.open({ invalidations })
      expect(after.stats()).toMatchObject({ headCount: 5, segmentCount: 15 })
      for (let i = 0; i < 10; i++) {
        const entry = await after.read(testKey(`${i}`))
        expect(entry?.variants.map(({ head }) => head)).toEqual(
          i % 2 === 1 ? [headOf(i)] : undefined,
        )
        expect(after.presence(testBody(`${i}`)).has(1)).toBe(i % 2 === 1)
      }
      // A refetch gets another BodyId than the bytes that were dropped.
      expect(after.ticket(testKey('2')).generation).toBe(generation)
      expect(invalidations.record(testKey('new'), 'drop').position).toBeGreaterThan(5)
    })

    it.each(['with', 'without'])(
      'demands validation of what was invalidated, %s its index (RFC 9111 §4.4)',
      async (index) => {
        const before = await disk.open()
        for (let i = 0; i < 3; i++) await fill(before, i)
        await before.flush()
        await before.invalidate(testKey('0'), 'validate')
        await before.invalidate(testKey('1'), 'validate')
        await before.writeHead(before.ticket(testKey('1')), headOf(1))
        await before.close()
        if (index === 'without') await disk.loseIndex()
        const after = await disk.open()
        const invalidated = [0, 1, 2].map(async (i) => {
          const entry = await after.read(testKey(`${i}`))
          return entry?.variants[0]?.head.invalidated
        })
        expect(await Promise.all(invalidated)).toEqual([true, false, false])
      },
    )

    it('scans what the written index does not know yet', async () => {
      const first = await disk.open()
      for (let i = 0; i < 5; i++) await fill(first, i)
      await first.close()
      const old = await readFile(join(disk.directory, 'index.sqlite'))
      const second = await disk.open()
      for (let i = 5; i < 10; i++) await fill(second, i)
      await second.flush()
      await second.invalidate(testKey('2'), 'drop')
      await second.invalidate(testKey('3'), 'validate')
      await fill(second, 7)
      await second.close()
      // As if the last batches had never been committed, twice.
      await disk.loseIndex()
      await writeFile(join(disk.directory, 'index.sqlite'), old)
      for (let round = 0; round < 2; round++) {
        const third = await disk.open()
        expect(third.stats()).toMatchObject({ headCount: 9, segmentCount: 27 })
        expect(await third.read(testKey('2'))).toBeUndefined()
        expect((await third.read(testKey('3')))?.variants[0]?.head.invalidated).toBe(true)
        for (const i of [0, 1, 4, 5, 6, 7, 8, 9]) await expectFilled(third, i)
        await third.close()
      }
      expect(disk.events).toEqual([])
    })

    it('begins the written index anew when it is of another schema, or no database', async () => {
      const before = await disk.open()
      for (let i = 0; i < 5; i++) await fill(before, i)
      await before.close()
      await disk.loseIndex()
      await writeFile(
        join(disk.directory, 'index.sqlite'),
        'this is not a database at all'.repeat(999),
      )
      for (let round = 0; round < 2; round++) {
        const after = await disk.open()
        for (let i = 0; i < 5; i++) await expectFilled(after, i)
        expect(after.stats().headCount).toBe(5)
        await after.close()
      }
    })
  })

  describe('while records are on their way to the disk', () => {
    it('drops them at once, wherever they are just then', async () => {
      const store = await disk.open()
      for (let turnCount = 0; turnCount < 40; turnCount++) {
        await fill(store, turnCount)
        const flushed = store.flush()
        for (let i = 0; i < turnCount % 20; i++) await Promise.resolve()
        if (turnCount >= 20) await new Promise(setImmediate)
        const dropped = store.invalidate(testKey(`${turnCount}`), 'drop')
        expect(await store.read(testKey(`${turnCount}`))).toBeUndefined()
        await Promise.all([flushed, dropped])
        expect(await store.read(testKey(`${turnCount}`))).toBeUndefined()
        expect(store.presence(testBody(`${turnCount}`)).has(0)).toBe(false)
      }
      expect(store.stats()).toMatchObject({ headCount: 0, segmentCount: 0, writeQueueBytes: 0 })
      await store.close()
      expect((await disk.open()).stats()).toMatchObject({ headCount: 0, segmentCount: 0 })
    })

    it('demands their validation at once, wherever they are just then', async () => {
      const store = await disk.open()
      for (let turnCount = 0; turnCount < 40; turnCount++) {
        const key = testKey(`${turnCount}`)
        await fill(store, turnCount)
        const flushed = turnCount % 2 === 0 ? store.flush() : undefined
        for (let i = 0; i < turnCount % 20; i++) await Promise.resolve()
        if (turnCount >= 20) await new Promise(setImmediate)
        const invalidated = store.invalidate(key, 'validate')
        expect((await store.read(key))?.variants[0]?.head.invalidated).toBe(true)
        await Promise.all([flushed, invalidated])
        expect((await store.read(key))?.variants[0]?.head.invalidated).toBe(true)
      }
      await store.close()
      const after = await disk.open()
      for (let i = 0; i < 40; i++) {
        expect((await after.read(testKey(`${i}`)))?.variants[0]?.head.invalidated).toBe(true)
      }
    })
  })

  describe('within its budget', () => {
    it('never takes more than 5 % over it while ten times as much goes through', async () => {
      const maxBytes = 16 * MIB
      const store = await disk.open({ maxBytes, slabBytes: 2 * MIB })
      const used = testKey('0')
      await fill(store, 0, 100_000)
      let greatestBytes = 0
      for (let i = 1; i < 550; i++) {
        await fill(store, i, 100_000)
        if (i % 8 !== 0) continue
        await store.flush()
        // What is read again stays.
        expect((await store.read(used))?.variants).toHaveLength(1)
        await store.readSegment(testBody('0'), 1, 0, 100_000)
        greatestBytes = Math.max(greatestBytes, await bytesOnDisk(disk))
      }
      expect(greatestBytes).toBeLessThan(maxBytes * 1.05)
      expect(greatestBytes).toBeGreaterThan(maxBytes * 0.7)
      expect(store.stats().bytes).toBe(await bytesOnDisk(disk))
      const [oldest = ''] = await disk.slabs()
      expect(Number.parseInt(oldest, 16)).toBeGreaterThan(1)
      await store.flush()
      const { headCount, segmentCount } = store.stats()
      await store.close()
      const again = await disk.open({ maxBytes, slabBytes: 2 * MIB })
      expect(again.stats()).toMatchObject({ headCount, segmentCount })
      expect(disk.events).toEqual([])
    })

    it('keeps head and bytes of a one-segment body together when either was read', async () => {
      const store = await disk.open({ maxBytes: 4 * MIB, slabBytes: MIB })
      const [key, body] = [testKey('short'), testBody('short')]
      const ticket = store.ticket(key)
      await store.writeHead(ticket, testHead(key, body, { completeLength: 333 }))
      await store.writeSegment(ticket, body, 0, testSegment(body, 0, 333))
      for (let i = 1; i < 60; i++) {
        await fill(store, i, 100_000)
        await store.flush()
        const variant = (await store.read(key))?.variants[0]
        expect(variant?.onlySegment).toEqual(testSegment(body, 0, 333))
      }
      const [oldest = ''] = await disk.slabs()
      expect(Number.parseInt(oldest, 16)).toBeGreaterThan(1)
    })

    it('lets reads of an evicted slab end', async () => {
      const store = await disk.open({ maxBytes: 4 * MIB, slabBytes: MIB })
      await fill(store, 0, 300_000)
      await store.flush()
      const reading = store.readSegment(testBody('0'), 1, 0, 300_000)
      for (let i = 1; i < 20; i++) await fill(store, i, 300_000)
      await store.flush()
      expect(store.presence(testBody('0')).has(1)).toBe(false)
      const bytes = await reading
      expect(bytes === undefined || bytes.byteLength === 300_000).toBe(true)
      expect(disk.events).toEqual([])
    })

    it('evicts at the start what is over a smaller budget', async () => {
      const before = await disk.open({ maxBytes: 16 * MIB, slabBytes: MIB })
      for (let i = 0; i < 40; i++) await fill(before, i, 100_000)
      await before.close()
      const after = await disk.open({ maxBytes: 4 * MIB, slabBytes: MIB })
      expect(after.stats().bytes).toBeLessThanOrEqual(4 * MIB)
      expect(after.stats().bytes).toBeGreaterThan(2 * MIB)
      await expectFilled(after, 39, 100_000)
    })

    it('skips segments while too much waits for the disk, and tells', async () => {
      const store = await disk.open({ writeQueueBytes: 500_000 })
      for (let i = 0; i < 9; i++) await fill(store, i, 100_000)
      expect(store.stats().writeQueueBytes).toBeLessThan(600_000)
      expect(disk.events).toContainEqual({ kind: 'limit', name: 'diskWriteQueueBytes' })
      await store.flush()
      expect(store.stats().writeQueueBytes).toBe(0)
      await expectFilled(store, 0, 100_000)
    })

    it('does not let in a segment that would push out everything else', async () => {
      const store = await disk.open({ maxBytes: MIB })
      await store.writeSegment(
        store.ticket(testKey('a')),
        testBody('a'),
        0,
        new Uint8Array(400_000),
      )
      expect(store.presence(testBody('a')).has(0)).toBe(false)
    })
  })

  describe('its directory', () => {
    it('is refused when another process, or this one, has it', async () => {
      await disk.open()
      await expect(disk.open()).rejects.toThrow(`process ${process.pid} has it`)
      const child = fork(new URL('../../../support/disk-child.ts', import.meta.url), {
        execArgv: [],
        env: { ...process.env, SLUICE_DISK: disk.directory },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      })
      const [code] = await once(child, 'exit')
      expect(code).toBe(3)
    })

    it('is free again after close, also when closed twice', async () => {
      const store = await disk.open()
      await Promise.all([store.close(), store.close()])
      await fill(store, 0)
      expect(await store.read(testKey('0'))).toBeUndefined()
      await (await disk.open()).close()
    })

    it('and all in it is readable by its owner only, and named by digits', async () => {
      const store = await disk.open()
      await fill(store, 0)
      await store.flush()
      expect((await stat(disk.directory)).mode & 0o777).toBe(0o700)
      for (const name of await readdir(disk.directory)) {
        const { mode } = await stat(join(disk.directory, name))
        expect({ name, mode: mode & 0o777 }).toEqual({ name, mode: 0o600 })
        expect(name).toMatch(/^([0-9a-f]{8}|index\.sqlite(-wal|-shm)?|lock(\.pid)?)$/)
      }
    })

    it('is refused when others may write to it, or it is a link, with advice', async () => {
      await chmod(disk.directory, 0o770)
      await expect(disk.open()).rejects.toThrow('chmod 700')
      await chmod(disk.directory, 0o700)
      const target = join(disk.directory, 'target')
      await mkdir(target, { mode: 0o700 })
      await symlink(target, join(disk.directory, 'link'))
      const directory = join(disk.directory, 'link')
      await expect(disk.open({ directory })).rejects.toThrow('symbolic link')
      expect(await readdir(target)).toEqual([])
    })

    it('may hold links in the place of slabs: none is followed', async () => {
      const target = join(disk.directory, 'target')
      await writeFile(target, 'untouched')
      for (const name of ['00000001', '00000002']) await symlink(target, join(disk.directory, name))
      const store = await disk.open()
      for (let i = 0; i < 3; i++) {
        await fill(store, i)
        await store.flush()
      }
      expect(await readFile(target, 'utf8')).toBe('untouched')
    })
  })
})

function headOf(i: number, segmentBytes = 1000): StoredResponse {
  const completeLength = 2 * segmentBytes + 500
  return testHead(testKey(`${i}`), testBody(`${i}`), { segmentBytes, completeLength })
}

/** A head and its three segments. */
async function fill(store: Store, i: number, segmentBytes = 1000): Promise<void> {
  const key = testKey(`${i}`)
  const ticket = store.ticket(key)
  await store.writeHead(ticket, headOf(i, segmentBytes))
  for (const index of [0, 1, 2]) {
    await store.writeSegment(ticket, testBody(`${i}`), index, segmentOf(i, index, segmentBytes))
  }
}

function segmentOf(i: number, index: number, segmentBytes: number): Uint8Array {
  const length = index === 2 ? 500 : segmentBytes
  const bytes = new Uint8Array(length).fill(i)
  bytes.set(testSegment(testBody(`${i}`), index).subarray(0, 500))
  return bytes
}

async function expectFilled(store: Store, i: number, segmentBytes = 1000): Promise<void> {
  const key: CacheKey = testKey(`${i}`)
  const body: BodyId = testBody(`${i}`)
  expect(store.peek(key)).toBe('ask')
  expect((await store.read(key))?.variants).toMatchObject([{ head: headOf(i, segmentBytes) }])
  for (const index of [0, 1, 2]) {
    const bytes = await store.readSegment(body, index, 0, segmentBytes)
    expect(Buffer.compare(bytes ?? new Uint8Array(0), segmentOf(i, index, segmentBytes))).toBe(0)
  }
}

async function bytesOnDisk(disk: DiskFixture): Promise<number> {
  let bytes = 0
  for (const name of await disk.slabs()) bytes += (await stat(join(disk.directory, name))).size
  return bytes
}
