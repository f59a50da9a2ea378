// A mebibyte from within a cold gibibyte: how soon it comes, and what the origin pays for it.

import { oracleBytes } from '../test/support/oracle.ts'
import { readLean } from '../test/support/lean-reader.ts'
import type { LeanResult } from '../test/support/lean-reader.ts'
import { createSeededRandom } from '../test/support/seeded-random.ts'
import { startColdNginx, startColdOrigin } from './cold-peers.ts'
import type { ColdOrigin } from './cold-peers.ts'
import { median } from './median.ts'
import type { Peer } from './peers.ts'
import { startSluice } from './peers.ts'
import { formatSpread } from './scenario.ts'
import type { Scenario, Table } from './scenario.ts'

const MIB = 1024 * 1024
const PATH = '/1g.bin'
const OBJECT_BYTES = 1024 * MIB
const RANGE_BYTES = MIB
/** Far enough apart that none is near another. */
const PLACE_BYTES = 16 * MIB
const ROUND_COUNT = 3
const RANGE_COUNT = 16

interface Round {
  readonly firstByteMs: number
  readonly lastByteMs: number
  /** Bytes from the origin for each byte asked. */
  readonly fetched: number
}

export const COLD_RANGE: Scenario = {
  name: 'cold-range',
  async run(directory) {
    const origin = await startColdOrigin(directory, { [PATH]: OBJECT_BYTES })
    const peers = [
      origin,
      await startColdNginx(directory, origin.port, 'whole'),
      await startColdNginx(directory, origin.port, 'slice'),
      await startSluice(directory, origin.port),
    ]
    try {
      const rounds = new Map<Peer, Round[]>(peers.map((peer) => [peer, []]))
      for (let round = 0; round < ROUND_COUNT; round++) {
        for (const [peer, done] of rounds) done.push(await measureRound(peer, origin, round))
      }
      return tableOf([...rounds])
    } finally {
      for (const peer of peers.toReversed()) await peer.stop()
    }
  },
}

/** Each round has an object of its own under the same bytes, so each is cold. */
async function measureRound(peer: Peer, origin: ColdOrigin, round: number): Promise<Round> {
  const random = createSeededRandom(round)
  const target = `${PATH}?${peer.name}-${round}`
  const places = Array.from({ length: OBJECT_BYTES / PLACE_BYTES }, (_, index) => index)
  // nginx fetches a whole gibibyte for the first of them, and has the rest.
  const rangeCount = peer.name === 'nginx-whole' ? 1 : RANGE_COUNT
  const results: LeanResult[] = []
  for (let count = 0; count < rangeCount; count++) {
    const [place = 0] = places.splice(random.integer(0, places.length - 1), 1)
    const startByte = place * PLACE_BYTES + random.integer(0, PLACE_BYTES - 2 * RANGE_BYTES)
    results.push(await readRange(peer, target, startByte))
  }
  const { bytes } = await origin.transfers(target)
  return {
    firstByteMs: median(results.map(({ firstByteMs }) => firstByteMs)),
    lastByteMs: median(results.map(({ lastByteMs }) => lastByteMs)),
    fetched: bytes / (rangeCount * RANGE_BYTES),
  }
}

async function readRange(peer: Peer, target: string, startByte: number): Promise<LeanResult> {
  const range = { startByte, endByte: startByte + RANGE_BYTES }
  const part = oracleBytes({ object: PATH, version: 1, ...range })
  const { port } = peer
  const result = await readLean({ port, target, range, part }).done
  if (result.problem === undefined) return result
  throw new Error(`Cannot measure "cold-range": ${peer.name} gave ${result.problem}`)
}

function tableOf(rounds: readonly (readonly [Peer, readonly Round[]])[]): Table {
  const slice = rounds.find(([{ name }]) => name === 'nginx-slice')?.[1] ?? []
  const ratiosToSlice = (own: readonly Round[], field: 'firstByteMs' | 'lastByteMs') =>
    own.map((round, index) => round[field] / (slice[index]?.[field] ?? Number.NaN))
  return {
    title: 'cold-range: 1 MiB at a random place of a cold object of 1 GiB',
    columns: [
      'asked of',
      'first byte, ms',
      'last byte, ms',
      'first byte ÷ nginx slice',
      'last byte ÷ nginx slice',
      'bytes from the origin for each asked',
    ],
    rows: rounds.map(([peer, own]) => [
      peer.name === 'origin' ? 'the origin itself' : peer.name,
      formatSpread(own.map(({ firstByteMs }) => firstByteMs)),
      formatSpread(own.map(({ lastByteMs }) => lastByteMs)),
      formatSpread(ratiosToSlice(own, 'firstByteMs'), 2),
      formatSpread(ratiosToSlice(own, 'lastByteMs'), 2),
      formatSpread(
        own.map(({ fetched }) => fetched),
        2,
      ),
    ]),
    notes: [
      `Median over ${ROUND_COUNT} interleaved rounds of the median of ${RANGE_COUNT} ranges, one after the other,`,
      'each on a connection of its own, at least 1 MiB and on average 16 MiB from the next; of nginx without',
      'slices one range a round, for it has the whole object then. Every byte is verified.',
    ],
  }
}
