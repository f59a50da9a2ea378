// What a disk store promises when it is killed, when its files are damaged, and when the disk is full or broken.

import { execFileSync, fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { DiskStore } from '../../../../src/adapters/node/disk-store.ts'
import type { Acknowledged } from '../../../support/disk-crash.ts'
import {
  CRASH_KEY_COUNT,
  acknowledge,
  checkAfterCrash,
  crashBody,
  crashHead,
  crashKey,
  crashSegment,
} from '../../../support/disk-crash.ts'
import type { DiskFixture } from '../../../support/disk-fixture.ts'
import { createDiskFixture, diskFixtureAt } from '../../../support/disk-fixture.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'
import { testBody, testHead, testKey } from '../../../support/stored.ts'

const MIB = 2 ** 20

describe('openDiskStore', () => {
  let disk: DiskFixture
  const clock = createSteppedClock()
  beforeEach(async () => {
    disk = await createDiskFixture(clock)
  })
  afterEach(() => disk.end())

  it('has everything absent or right after kill -9 at any moment, and nothing dropped back', {
    timeout: 60_000,
  }, async () => {
    const other = await createDiskFixture(clock)
    try {
      const lanes = await Promise.all([killAgainAndAgain(disk), killAgainAndAgain(other)])
      for (const { entryCount, segmentCount, acknowledgedCount } of lanes) {
        // Else nothing was proved.
        expect(entryCount).toBeGreaterThan(30)
        expect(segmentCount).toBeGreaterThan(30)
        expect(acknowledgedCount).toBeGreaterThan(5)
      }
    } finally {
      await other.end()
    }
  })

  it('serves no wrong byte from slabs with flipped bits, zeroed pages, holes or cut ends', async () => {
    let missingCount = 0
    for (let round = 0; round < 14; round++) {
      const before = await disk.open({ maxBytes: 4 * MIB, slabBytes: MIB / 2 })
      await fillAll(before, round + 1)
      await before.close()
      for (const name of await disk.slabs()) await damage(join(disk.directory, name))
      if (round % 3 === 0) await disk.loseIndex()
      if (round % 7 === 1 && round % 3 !== 0) await damage(join(disk.directory, 'index.sqlite'))
      const after = await disk.open({ maxBytes: 4 * MIB, slabBytes: MIB / 2 })
      await after.flush()
      const { wrong, segmentCount } = await checkAfterCrash(after, new Map())
      expect(wrong).toEqual([])
      missingCount += 2 * CRASH_KEY_COUNT - segmentCount
      await after.close()
    }
    // Else nothing was damaged.
    expect(missingCount).toBeGreaterThan(10)
    expect(disk.events.filter(({ kind }) => kind === 'store-failed')).not.toHaveLength(0)
  })

  it('tells of damage once, and has the segment no more', async () => {
    const before = await disk.open()
    await fillAll(before, 1)
    await before.close()
    const [slab = ''] = await disk.slabs()
    const path = join(disk.directory, slab)
    const bytes = await readFile(path)
    const body = crashBody(3, 1)
    const at = bytes.indexOf(crashSegment(body, 1).subarray(0, 64))
    bytes[at + 9999] = (bytes[at + 9999] ?? 0) ^ 1
    await writeFile(path, bytes)
    const after = await disk.open()
    expect(await after.readSegment(body, 0, 0, 10)).toEqual(crashSegment(body, 0).slice(0, 10))
    expect(after.presence(body).has(1)).toBe(true)
    expect(await after.readSegment(body, 1, 0, 10)).toBeUndefined()
    expect(after.presence(body).has(1)).toBe(false)
    expect(await after.readSegment(body, 1, 0, 10)).toBeUndefined()
    expect(disk.events).toEqual([
      { kind: 'store-failed', message: expect.stringContaining('damaged data') },
    ])
    // Fetched again, it is here again.
    await after.writeSegment(after.ticket(crashKey(3)), body, 1, crashSegment(body, 1))
    await after.flush()
    expect(await after.readSegment(body, 1, 0, 10)).toEqual(crashSegment(body, 1).slice(0, 10))
  })

  it('reads and checks of a segment only the blocks that are asked for', async () => {
    const [key, body] = [testKey('large'), testBody('large')]
    const bytes = new Uint8Array(MIB).map((_, i) => i >>> 8)
    const before = await disk.open()
    const ticket = before.ticket(key)
    const shape = { segmentBytes: MIB, completeLength: 2 * MIB }
    await before.writeHead(ticket, testHead(key, body, shape))
    await before.writeSegment(ticket, body, 1, bytes)
    await before.close()
    const [slab = ''] = await disk.slabs()
    const path = join(disk.directory, slab)
    const file = await readFile(path)
    // In the tenth of sixteen blocks of 64 KiB.
    const at = file.indexOf(bytes) + 9 * 65_536 + 77
    file[at] = (file[at] ?? 0) ^ 1
    await writeFile(path, file)
    const after = await disk.open()
    const readBefore = await readByThisProcess()
    const part = await after.readSegment(body, 1, 5 * 65_536 + 3, 6 * 65_536 - 3)
    expect(await readByThisProcess()).toBeLessThan(readBefore + 200_000)
    expect(part).toEqual(bytes.slice(5 * 65_536 + 3, 6 * 65_536 - 3))
    // Again, and across blocks of which one is new.
    expect(await after.readSegment(body, 1, 327_680, 458_752)).toEqual(
      bytes.slice(327_680, 458_752),
    )
    expect(await after.readSegment(body, 1, 0, 10)).toEqual(bytes.slice(0, 10))
    expect(disk.events).toEqual([])
    expect(await after.readSegment(body, 1, 9 * 65_536, 9 * 65_536 + 1)).toBeUndefined()
    expect(after.presence(body).has(1)).toBe(false)
    expect(disk.events).toEqual([
      { kind: 'store-failed', message: expect.stringContaining('damaged data') },
    ])
  })

  it('believes nothing before a record of an invalidation that is lost', async () => {
    const before = await disk.open()
    await fillAll(before, 1)
    await before.flush()
    await before.invalidate(crashKey(3), 'drop')
    await before.writeHead(before.ticket(crashKey(4)), crashHead(4, 2, 2))
    await before.close()
    const [slab = ''] = await disk.slabs()
    const path = join(disk.directory, slab)
    const bytes = await readFile(path)
    // The one record whose text is the key and nothing else.
    const at = bytes.lastIndexOf(crashKey(3))
    bytes.fill(0, at - (at % 4096), at - (at % 4096) + 4096)
    await writeFile(path, bytes)
    await disk.loseIndex()
    const after = await disk.open()
    expect(await after.read(crashKey(3))).toBeUndefined()
    expect(after.presence(crashBody(3, 1)).has(0)).toBe(false)
    expect((await after.read(crashKey(4)))?.variants[0]?.head).toEqual(crashHead(4, 2, 2))
  })

  it('goes on without a directory, degraded after five errors, and writes again when it is back', async () => {
    const store = await disk.open()
    await rm(disk.directory, { recursive: true })
    for (let i = 0; i < 6; i++) {
      await fillAll(store, i + 1)
      await store.flush()
    }
    expect(store.stats().isDegraded).toBe(true)
    await store.writeSegment(
      store.ticket(crashKey(1)),
      crashBody(1, 9),
      0,
      crashSegment(crashBody(1, 9), 0),
    )
    expect(store.presence(crashBody(1, 9)).has(0)).toBe(false)
    await store.invalidate(crashKey(1), 'drop')
    await clock.step(10_000)
    await store.flush()
    expect(store.stats().isDegraded).toBe(true)
    await mkdir(disk.directory, { mode: 0o700 })
    await clock.step(10_000)
    await store.flush()
    expect(store.stats().isDegraded).toBe(false)
    await fillAll(store, 77)
    await store.flush()
    expect((await checkAfterCrash(store, new Map())).segmentCount).toBe(2 * CRASH_KEY_COUNT)
  })

  const canMount = process.getuid?.() === 0 && tryMount()
  it.skipIf(!canMount)(
    'goes on when the disk is full, and takes only what it has room for',
    async () => {
      const directory = join(disk.directory, 'full')
      await mkdir(directory)
      execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=700', 'tmpfs', directory])
      const full = diskFixtureAt(directory, clock)
      try {
        // Far more than there is.
        const store = await full.open({ maxBytes: 1024 * MIB, slabBytes: 2 * MIB })
        for (let version = 1; version <= 60; version++) {
          await fillAll(store, version)
          await store.flush()
        }
        expect(store.stats().bytes).toBeGreaterThan(8 * MIB)
        // The index grows on the same disk: a write that it left no room pauses until the next look.
        await clock.step(10_000)
        await store.flush()
        expect(store.stats().isDegraded).toBe(false)
        // Somebody else takes the rest, behind the store's back.
        await fillDisk(join(directory, 'other'))
        const acknowledged: Acknowledged = new Map()
        for (let version = 61; version <= 70; version++) {
          await fillAll(store, version)
          await store.flush()
        }
        await store.invalidate(crashKey(2), 'drop')
        acknowledged.set('drop 2', 70)
        expect((await checkAfterCrash(store, acknowledged)).wrong).toEqual([])
        await rm(join(directory, 'other'))
        await clock.step(10_000)
        await clock.step(10_000)
        await store.flush()
        expect(store.stats().isDegraded).toBe(false)
        await fillAll(store, 80)
        await store.flush()
        expect((await checkAfterCrash(store, acknowledged)).entryCount).toBe(CRASH_KEY_COUNT)
        await store.close()
        const again = await full.open({ maxBytes: 1024 * MIB, slabBytes: 2 * MIB })
        expect((await checkAfterCrash(again, acknowledged)).wrong).toEqual([])
        await again.close()
      } finally {
        execFileSync('/bin/umount', ['-l', directory])
      }
    },
  )
})

/** Kills a writer, looks at what is left, and lets the next go on from there. */
async function killAgainAndAgain(disk: DiskFixture) {
  const acknowledged: Acknowledged = new Map()
  let entryCount = 0
  let segmentCount = 0
  for (let round = 1; round <= 12; round++) {
    await runAndKill(disk.directory, round * 1_000_000, acknowledged)
    if (round % 4 === 0) await disk.loseIndex()
    const store = await disk.open({ maxBytes: 4 * MIB, slabBytes: MIB / 2 })
    await store.flush()
    const findings = await checkAfterCrash(store, acknowledged)
    expect(findings.wrong).toEqual([])
    entryCount += findings.entryCount
    segmentCount += findings.segmentCount
    await store.close()
  }
  return { entryCount, segmentCount, acknowledgedCount: acknowledged.size }
}

/** Lets a process write until a moment of chance; notes what it has acknowledged. */
async function runAndKill(
  directory: string,
  version: number,
  acknowledged: Acknowledged,
): Promise<void> {
  const child = fork(new URL('../../../support/disk-child.ts', import.meta.url), {
    execArgv: [],
    env: { ...process.env, SLUICE_DISK: directory, SLUICE_VERSION: String(version) },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  let lines = ''
  const { promise: opened, resolve } = Promise.withResolvers<void>()
  child.stdout?.on('data', (chunk: Buffer) => {
    lines += chunk.toString()
    if (lines.includes('\n')) resolve()
  })
  const closed = once(child, 'close')
  await Promise.race([opened, closed])
  setTimeout(() => child.kill('SIGKILL'), randomInt(120))
  await closed
  expect(child.signalCode).toBe('SIGKILL')
  acknowledge(acknowledged, lines)
}

async function fillAll(store: DiskStore, version: number): Promise<void> {
  for (let i = 0; i < CRASH_KEY_COUNT; i++) {
    const ticket = store.ticket(crashKey(i))
    await store.writeHead(ticket, crashHead(i, version, 2))
    const body = crashBody(i, version)
    for (const index of [0, 1]) {
      await store.writeSegment(ticket, body, index, crashSegment(body, index))
    }
  }
}

async function damage(path: string): Promise<void> {
  const { size } = await stat(path)
  const file = await open(path, 'r+')
  try {
    for (let i = randomInt(4); i > 0; i--) {
      const at = randomInt(size)
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
      await file.write(Buffer.from([(buffer[0] ?? 0) ^ (1 << randomInt(8))]), 0, 1, at)
    }
    if (randomInt(4) === 0) {
      await file.write(Buffer.alloc(4096), 0, 4096, Math.floor(randomInt(size) / 4096) * 4096)
    }
    if (randomInt(6) === 0) {
      // A page that belongs elsewhere.
      const { buffer } = await file.read(Buffer.alloc(4096), 0, 4096, 4096)
      await file.write(buffer, 0, 4096, Math.floor(randomInt(size) / 4096) * 4096)
    }
  } finally {
    await file.close()
  }
  if (randomInt(6) === 0) await truncate(path, randomInt(size))
}

async function fillDisk(path: string): Promise<void> {
  const file = await open(path, 'w')
  const chunk = Buffer.alloc(2 ** 16)
  try {
    for (;;) await file.write(chunk)
  } catch {
    await file.close()
  }
}

function tryMount(): boolean {
  try {
    execFileSync('/usr/bin/unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

/** Bytes of all reads so far, of files and of all else. */
async function readByThisProcess(): Promise<number> {
  const text = await readFile('/proc/self/io', 'utf8')
  return Number(/rchar: (\d+)/.exec(text)?.[1])
}
