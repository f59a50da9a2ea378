// One class at two servers: interleaved rounds, and the ratio within each.

import type { BenchClass } from './classes.ts'
import { median } from './median.ts'
import type { Peer } from './peers.ts'
import { measure } from './wrk.ts'
import type { Measured } from './wrk.ts'

const ROUND_COUNT = 3
const ROUND_SECONDS = 3
/** What a first round warms up and is not counted. */
const WARM_SECONDS = 1

export interface Row {
  readonly name: string
  readonly nginxMicros: number
  readonly sluiceMicros: number
  readonly ratio: number
  readonly spread: readonly [number, number]
  readonly nginxPerSecond: number
  readonly sluicePerSecond: number
}

export async function compare(benchClass: BenchClass, nginx: Peer, sluice: Peer): Promise<Row> {
  const peers = [nginx, sluice] as const
  for (const peer of peers) await measure(benchClass, peer, WARM_SECONDS)
  const rounds: { readonly nginx: Measured; readonly sluice: Measured }[] = []
  for (let round = 0; round < ROUND_COUNT; round++) {
    rounds.push({
      nginx: await measure(benchClass, nginx, ROUND_SECONDS),
      sluice: await measure(benchClass, sluice, ROUND_SECONDS),
    })
  }
  const ratios = rounds.map(({ nginx: n, sluice: s }) => s.cpuMicros / n.cpuMicros)
  const row: Row = {
    name: benchClass.name,
    nginxMicros: median(rounds.map((round) => round.nginx.cpuMicros)),
    sluiceMicros: median(rounds.map((round) => round.sluice.cpuMicros)),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    nginxPerSecond: median(rounds.map((round) => round.nginx.perSecond)),
    sluicePerSecond: median(rounds.map((round) => round.sluice.perSecond)),
  }
  process.stderr.write(`${row.name}: ${row.ratio.toFixed(2)}\n`)
  return row
}

export const ROW_COLUMNS = [
  'class',
  'nginx µs',
  'Sluice µs',
  'Sluice ÷ nginx (spread)',
  'nginx /s',
  'Sluice /s',
] as const

export function cellsOf(row: Row): readonly string[] {
  const [low, high] = row.spread
  return [
    row.name,
    row.nginxMicros.toFixed(1),
    row.sluiceMicros.toFixed(1),
    `**${row.ratio.toFixed(2)}** (${low.toFixed(2)}–${high.toFixed(2)})`,
    row.nginxPerSecond.toFixed(0),
    row.sluicePerSecond.toFixed(0),
  ]
}
