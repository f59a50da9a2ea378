// A thousand clients at once on one cold object, half of them for a range of it.

import { setTimeout as sleep } from 'node:timers/promises'

import { readLean } from '../test/support/lean-reader.ts'
import { oracleBytes } from '../test/support/oracle.ts'
import { createSeededRandom } from '../test/support/seeded-random.ts'
import { startColdNginx, startColdOrigin } from './cold-peers.ts'
import type { ColdOrigin } from './cold-peers.ts'
import type { Peer } from './peers.ts'
import { startSluice } from './peers.ts'
import { watchRss } from './rss.ts'
import type { Scenario } from './scenario.ts'

const MIB = 1024 * 1024
const PATH = '/64m.bin'
const OBJECT_BYTES = 64 * MIB
const CLIENT_COUNT = 1000
const RANGE_BYTES = MIB

export const THUNDERING: Scenario = {
  name: 'thundering',
  async run(directory) {
    const origin = await startColdOrigin(directory, { [PATH]: OBJECT_BYTES })
    const rows: string[][] = []
    try {
      const starts = [
        () => startColdNginx(directory, origin.port, 'whole'),
        () => startColdNginx(directory, origin.port, 'slice'),
        () => startSluice(directory, origin.port),
      ]
      for (const start of starts) {
        const peer = await start()
        try {
          rows.push(await measure(peer, origin))
        } finally {
          await peer.stop()
        }
      }
    } finally {
      await origin.stop()
    }
    return {
      title: `thundering: ${CLIENT_COUNT} clients of a cold object of ${OBJECT_BYTES / MIB} MiB`,
      columns: [
        'asked of',
        'wrong or broken answers',
        'transfers',
        'bytes from the origin ÷ object',
        'until the slowest has all, s',
        'RSS before, at most, in the end, MiB',
      ],
      rows,
      notes: [
        `Half of them ask for the whole, half for ${RANGE_BYTES / MIB} MiB at a random offset, all at once and each on a`,
        'connection of its own; every byte is verified. One round: 31.7 GiB go to the clients in each.',
        'RSS is that of the serving process, each second and in the end.',
      ],
    }
  },
}

async function measure(peer: Peer, origin: ColdOrigin): Promise<string[]> {
  const target = `${PATH}?${peer.name}`
  const random = createSeededRandom(CLIENT_COUNT)
  const object = oracleBytes({ object: PATH, version: 1, startByte: 0, endByte: OBJECT_BYTES })
  using rss = watchRss(peer.pid)
  const beforeBytes = rss.nowBytes()
  const startedAtMs = performance.now()
  const readers = Array.from({ length: CLIENT_COUNT }, (_, index) => {
    const startByte = random.integer(0, OBJECT_BYTES - RANGE_BYTES)
    const range = { startByte, endByte: startByte + RANGE_BYTES }
    return readLean({ port: peer.port, target, object, ...(index % 2 === 1 && { range }) }).done
  })
  const results = await Promise.all(readers)
  const seconds = (performance.now() - startedAtMs) / 1000
  const problems = results.map(({ problem }) => problem).filter((text) => text !== undefined)
  await sleep(1000)
  const { count, bytes } = await origin.transfers(target)
  const sizes = [beforeBytes, rss.maxBytes(), rss.nowBytes()].map((size) => Math.round(size / MIB))
  return [
    peer.name,
    problems.length === 0 ? '0' : `${problems.length}, such as: ${problems[0]}`,
    String(count),
    (bytes / OBJECT_BYTES).toFixed(2),
    seconds.toFixed(1),
    sizes.join(', '),
  ]
}
