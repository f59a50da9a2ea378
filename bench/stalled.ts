// Two thousand readers that stop reading: what a server holds for them, and for how long.

import { setTimeout as sleep } from 'node:timers/promises'

import { readLean } from '../test/support/lean-reader.ts'
import { openConnectionCount, startStalledCrowd } from '../test/support/stalled-crowd.ts'
import { startColdNginx, startColdOrigin } from './cold-peers.ts'
import type { Peer } from './peers.ts'
import { startSluice } from './peers.ts'
import { watchRss } from './rss.ts'
import type { Scenario } from './scenario.ts'

const MIB = 1024 * 1024
const CLIENT_COUNT = 2000
const OBJECT_BYTES = 256 * MIB
const PATHS = ['/0.bin', '/1.bin', '/2.bin', '/3.bin'] as const
const MEMORY_BYTES = 256 * MIB
const STALL_SECONDS = 20
/** Twice the limit and some more: then it is given up. */
const PATIENCE_MS = 50_000
const MAX_RSS_BYTES = 1.3 * MEMORY_BYTES + 160 * MIB + CLIENT_COUNT * (16 + 256) * 1024

export const STALLED: Scenario = {
  name: 'stalled',
  async run(directory) {
    const files = Object.fromEntries(PATHS.map((path) => [path, OBJECT_BYTES]))
    const origin = await startColdOrigin(directory, files)
    const rows: string[][] = []
    try {
      const memory = ['--memory', String(MEMORY_BYTES), '--disk-size', '8GiB']
      const sluice = await startSluice(directory, origin.port, memory)
      try {
        rows.push(await measure(sluice))
      } finally {
        await sluice.stop()
      }
      const nginx = await startColdNginx(directory, origin.port, 'slice')
      try {
        rows.push(await measure(nginx))
      } finally {
        await nginx.stop()
      }
    } finally {
      await origin.stop()
    }
    return {
      title: `stalled: ${CLIENT_COUNT} readers that stop at different offsets of 1 GiB on disk`,
      columns: [
        'asked of',
        'until all have begun, s',
        'until all are closed, s after that',
        `RSS at most, MiB (limit ${Math.round(MAX_RSS_BYTES / MIB)})`,
        'RSS every 5 s, MiB',
      ],
      rows,
      notes: [
        `${PATHS.length} objects of ${OBJECT_BYTES / MIB} MiB; each reader asks from an offset of its own to the end, reads 1 KiB`,
        'and then no more, with a window of 4 KiB and segments of 1460 bytes.',
        `Closed by time: ${STALL_SECONDS} s in both. The limit is 1.3 × ${MEMORY_BYTES / MIB} MiB of memory tier, 160 MiB,`,
        'and 16 + 256 KiB for each connection and stream.',
      ],
    }
  },
}

async function measure(peer: Peer): Promise<string[]> {
  for (const target of PATHS) {
    const { problem } = await readLean({ port: peer.port, target }).done
    if (problem !== undefined) throw new Error(`Cannot fill ${peer.name}: ${problem}`)
  }
  using rss = watchRss(peer.pid)
  const stepBytes = Math.floor((OBJECT_BYTES * PATHS.length) / CLIENT_COUNT)
  const requests = Array.from({ length: CLIENT_COUNT }, (_, index) => {
    const startByte = Math.floor(index / PATHS.length) * stepBytes
    return { target: PATHS[index % PATHS.length] ?? '', startByte, endByte: OBJECT_BYTES }
  })
  const startedAtMs = performance.now()
  const crowd = await startStalledCrowd(peer.port, requests)
  const begunAtMs = performance.now()
  if (crowd.startedCount !== CLIENT_COUNT) {
    throw new Error(`Cannot measure "stalled": ${crowd.startedCount} readers were answered`)
  }
  while (openConnectionCount(peer.port) > 0 && performance.now() - begunAtMs < PATIENCE_MS) {
    await sleep(100)
  }
  const leftCount = openConnectionCount(peer.port)
  const closedSeconds = (performance.now() - begunAtMs) / 1000
  await crowd.leave()
  const samples = rss.samples.filter((_, second) => second % 5 === 0)
  return [
    peer.name,
    ((begunAtMs - startedAtMs) / 1000).toFixed(1),
    leftCount === 0
      ? closedSeconds.toFixed(1)
      : `${leftCount} open after ${closedSeconds.toFixed(0)}`,
    String(Math.round(rss.maxBytes() / MIB)),
    samples.map((bytes) => Math.round(bytes / MIB)).join(', '),
  ]
}
