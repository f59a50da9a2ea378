// Hits on what the memory tier has no room for: from the disk tier, beside nginx from the page cache.

import { readLean } from '../test/support/lean-reader.ts'
import type { BenchClass } from './classes.ts'
import { startColdNginx, startColdOrigin } from './cold-peers.ts'
import type { Peer } from './peers.ts'
import { startSluice } from './peers.ts'
import { ROW_COLUMNS, cellsOf, compare } from './rounds.ts'
import type { Scenario } from './scenario.ts'

const MIB = 1024 * 1024
const LARGE_PATH = '/256m.bin'
const LARGE_BYTES = 256 * MIB
const SMALL_COUNT = 128
/** Of 384 MiB that are asked for, it has room for one part in fifty. */
const MEMORY_BYTES = 8 * MIB
const RANGE_BYTES = 64 * 1024

const RANDOM_RANGE = `
  local first = math.random(0, ${LARGE_BYTES - RANGE_BYTES})
  headers["Range"] = "bytes=" .. first .. "-" .. (first + ${RANGE_BYTES - 1})
  return wrk.format("GET", path, headers)
`
const RANDOM_OBJECT = `
  return wrk.format("GET", "/m/" .. math.random(0, ${SMALL_COUNT - 1}), headers)
`

const RANGES: BenchClass = {
  name: '64 KiB ranges',
  path: LARGE_PATH,
  connectionCount: 64,
  lua: RANDOM_RANGE,
  status: 206,
  bodyBytes: RANGE_BYTES,
}
const OBJECTS: BenchClass = {
  name: '1 MiB objects',
  path: '/m/0',
  connectionCount: 64,
  lua: RANDOM_OBJECT,
  status: 200,
  bodyBytes: MIB,
}

export const DISK_HITS: Scenario = {
  name: 'disk-hits',
  async run(directory) {
    const small = Array.from({ length: SMALL_COUNT }, (_, index) => [`/m/${index}`, MIB] as const)
    const files = { [LARGE_PATH]: LARGE_BYTES, ...Object.fromEntries(small) }
    const origin = await startColdOrigin(directory, files)
    const peers: Peer[] = [origin]
    try {
      const memory = ['--memory', String(MEMORY_BYTES)]
      const sluice = await startSluice(directory, origin.port, memory)
      const whole = await startColdNginx(directory, origin.port, 'whole')
      const slice = await startColdNginx(directory, origin.port, 'slice')
      peers.push(sluice, whole, slice)
      for (const peer of [sluice, whole, slice]) await fill(peer, Object.keys(files))
      const before = await origin.transfers('')
      const rows = [
        await compare({ ...RANGES, name: '64 KiB ranges, nginx with slices' }, slice, sluice),
        await compare({ ...RANGES, name: '64 KiB ranges, nginx without' }, whole, sluice),
        await compare(OBJECTS, whole, sluice),
      ]
      const during = await origin.transfers('', false)
      const total = `${before.count} transfers filled the three, ${during.count} came while measuring.`
      return {
        title: 'disk-hits: hits from the disk tier',
        columns: ROW_COLUMNS,
        rows: rows.map(cellsOf),
        notes: [
          `CPU time of the server per request; random ranges of ${LARGE_BYTES / MIB} MiB and random ones of ${SMALL_COUNT} objects,`,
          `with a memory tier of ${MEMORY_BYTES / MIB} MiB, all files in the page cache; nginx sends from it without`,
          `reading. 64 connections, both write an access log. ${total}`,
        ],
      }
    } finally {
      for (const peer of peers.toReversed()) await peer.stop()
    }
  },
}

async function fill(peer: Peer, targets: readonly string[]): Promise<void> {
  for (const target of targets) {
    const { problem } = await readLean({ port: peer.port, target }).done
    if (problem !== undefined) throw new Error(`Cannot fill ${peer.name}: ${problem}`)
  }
}
