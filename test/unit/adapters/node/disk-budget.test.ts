// The budget while far more than it holds pours through, on the real disk and by the real clock.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { createSystemClock } from '#web/system-clock.ts'

import type { DiskStore } from '../../../../src/adapters/node/disk-store.ts'
import { createDiskFixture } from '../../../support/disk-fixture.ts'
import { testBody, testHead, testKey } from '../../../support/stored.ts'

const MIB = 2 ** 20
const MAX_BYTES = 64 * MIB

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(directory)) {
    const file = await stat(join(directory, name)).catch(() => undefined)
    bytes += file?.size ?? 0
  }
  return bytes
}

/** Ten times a second, until it is told to stop. */
function sample(directory: string): { stop(): Promise<readonly number[]> } {
  const samples: Promise<number>[] = []
  const timer = setInterval(() => samples.push(bytesIn(directory)), 100)
  return {
    stop() {
      clearInterval(timer)
      return Promise.all(samples)
    },
  }
}

/** One that comes back, so that the policy has a reason to take in what is new. */
async function pour(store: DiskStore, i: number): Promise<void> {
  const [key, body] = [testKey(`${i}`), testBody(`${i}`)]
  const ticket = store.ticket(key)
  await store.writeHead(ticket, testHead(key, body, { segmentBytes: MIB, completeLength: MIB }))
  await store.writeSegment(ticket, body, 0, new Uint8Array(MIB).fill(i))
  if (i % 16 === 0) await store.flush()
  await store.read(testKey(`${i - 3}`))
}

it('holds its budget within 5 % while 20 × as much pours through, sampled at 10 Hz', async () => {
  const disk = await createDiskFixture(createSystemClock())
  try {
    const store = await disk.open({ maxBytes: MAX_BYTES, scrubIntervalMs: 86_400_000 })
    const sampling = sample(disk.directory)
    for (let i = 0; i < 20 * 64; i++) await pour(store, i)
    await store.flush()
    const samples = await sampling.stop()
    const [newest = ''] = (await disk.slabs()).toReversed()
    // As many slabs as the budget has room for, several times over.
    expect(Number.parseInt(newest, 16)).toBeGreaterThan(5 * 16)
    expect(samples.length).toBeGreaterThan(5)
    expect(Math.max(...samples, await bytesIn(disk.directory))).toBeLessThan(MAX_BYTES * 1.05)
    expect(await bytesIn(disk.directory)).toBeGreaterThan(MAX_BYTES * 0.7)
    expect(store.stats().isDegraded).toBe(false)
    expect(disk.events).toEqual([])
  } finally {
    await disk.end()
  }
}, 60_000)
