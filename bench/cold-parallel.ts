// A large cold download from an origin of which one connection is slow, and from one that is fast.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Faults } from '../test/support/fault-proxy.ts'
import { readLean } from '../test/support/lean-reader.ts'
import { oracleBytes } from '../test/support/oracle.ts'
import { startColdNginx, startColdOrigin } from './cold-peers.ts'
import type { ColdOrigin } from './cold-peers.ts'
import type { Peer } from './peers.ts'
import { LOAD_CORE, SERVER_CORE, startSluice } from './peers.ts'
import { startRelay } from './relay.ts'
import { formatSpread } from './scenario.ts'
import type { Scenario, Table } from './scenario.ts'

const MIB = 1024 * 1024
const PATH = '/large.bin'
const ROUND_COUNT = 3
const ROUND_TRIP_MS = 30
const WINDOW_BYTES = 640 * 1024

interface Setup {
  readonly name: string
  readonly title: string
  readonly objectBytes: number
  /** Between the origin and everybody; without it they are next to each other. */
  readonly faults?: Faults
}

export const COLD_PARALLEL: readonly Scenario[] = [
  scenarioOf({
    name: 'cold-parallel-rate',
    title: 'a connection of the origin gives 20 MiB/s',
    objectBytes: 96 * MIB,
    faults: { bytesPerSecond: 20 * MIB },
  }),
  scenarioOf({
    name: 'cold-parallel-rtt',
    title: `a round trip of ${ROUND_TRIP_MS} ms, with a window of ${WINDOW_BYTES / 1024} KiB`,
    objectBytes: 96 * MIB,
    faults: {
      latencyMs: ROUND_TRIP_MS / 2,
      bytesPerSecond: (WINDOW_BYTES * 1000) / ROUND_TRIP_MS,
    },
  }),
  scenarioOf({
    name: 'cold-parallel-fast',
    title: 'the origin is fast and near',
    objectBytes: 256 * MIB,
  }),
]

interface Way {
  readonly name: string
  readonly port: number
  stop(): Promise<void>
}

interface Round {
  readonly seconds: number
  /** Transfers from the origin, and bytes for each byte of the object. */
  readonly transferCount: number
  readonly fetched: number
}

function scenarioOf(setup: Setup): Scenario {
  return {
    name: setup.name,
    async run(directory) {
      const origin = await startColdOrigin(directory, { [PATH]: setup.objectBytes })
      const ways: Way[] = [origin]
      try {
        ways.push(...(await startWays(setup, directory, origin.port)))
        const measured = setup.faults === undefined ? ways : ways.slice(1)
        const { objectBytes } = setup
        const object = oracleBytes({ object: PATH, version: 1, startByte: 0, endByte: objectBytes })
        const rounds = new Map<Way, Round[]>(measured.map((way) => [way, []]))
        for (let round = 0; round < ROUND_COUNT; round++) {
          for (const [way, done] of rounds) {
            done.push(
              await download(
                way,
                origin,
                object,
                `${PATH}?${way.name.replaceAll(/[ ,]+/g, '-')}-${round}`,
              ),
            )
          }
        }
        return tableOf(setup, [...rounds])
      } finally {
        for (const way of ways.toReversed()) await way.stop()
      }
    },
  }
}

const ONE_STREAM = 'one stream'
const ALONE = 'Sluice, one transfer at a time'

/** With faults all of them ask the relay that has these; without, a relay is one that merely passes on. */
async function startWays(
  { faults }: Setup,
  directory: string,
  originPort: number,
): Promise<readonly Way[]> {
  const core = faults === undefined ? SERVER_CORE : LOAD_CORE
  const relay = await startRelay(originPort, core, faults)
  const port = faults === undefined ? originPort : relay.port
  return [
    { ...relay, name: ONE_STREAM },
    await startColdNginx(directory, port, 'whole'),
    await startColdNginx(directory, port, 'slice'),
    await startSluice(directory, port),
    { ...(await startSluiceAlone(directory, port)), name: ALONE },
  ]
}

/** As it is when nothing is ever slow enough for it. */
async function startSluiceAlone(directory: string, port: number): Promise<Peer> {
  const own = join(directory, 'alone')
  mkdirSync(own)
  const config = join(own, 'config.json')
  writeFileSync(config, JSON.stringify({ limits: { fillConnections: 1 } }))
  return await startSluice(own, port, ['--config', config])
}

async function download(
  { name, port }: Way,
  origin: ColdOrigin,
  object: Uint8Array,
  target: string,
): Promise<Round> {
  const { problem, lastByteMs } = await readLean({ port, target, object }).done
  if (problem !== undefined) throw new Error(`Cannot measure "${target}": ${name} gave ${problem}`)
  const { count, bytes } = await origin.transfers(target)
  return { seconds: lastByteMs / 1000, transferCount: count, fetched: bytes / object.length }
}

function tableOf(
  { name, title, objectBytes }: Setup,
  rounds: readonly (readonly [Way, readonly Round[]])[],
): Table {
  const one = rounds.find(([way]) => way.name === ONE_STREAM)?.[1] ?? []
  return {
    title: `${name}: ${objectBytes / MIB} MiB, cold; ${title}`,
    columns: ['through', 'MiB/s', '÷ one stream', 'transfers', 'bytes from the origin ÷ bytes'],
    rows: rounds.map(([way, own]) => [
      way.name === 'origin' ? 'nothing: the origin itself' : way.name,
      formatSpread(own.map(({ seconds }) => objectBytes / MIB / seconds)),
      formatSpread(
        own.map(({ seconds }, index) => (one[index]?.seconds ?? Number.NaN) / seconds),
        2,
      ),
      formatSpread(
        own.map(({ transferCount }) => transferCount),
        0,
      ),
      formatSpread(
        own.map(({ fetched }) => fetched),
        2,
      ),
    ]),
    notes: [
      `Median over ${ROUND_COUNT} interleaved rounds; every byte is verified.`,
      '"one stream" is one plain download through a process that does nothing but pass it on, where the',
      'origin is slow the one that makes it so.',
    ],
  }
}
