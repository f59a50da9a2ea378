// `npm run bench [-- CLASS …]`: Sluice beside nginx, by CPU time per request in the same run.
//
// Each server runs alone on one core, the load generator and the origin on the other; rounds are
// interleaved, and what counts is the median over rounds of the ratio within a round.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { CLASSES } from './classes.ts'
import type { BenchClass } from './classes.ts'
import { median } from './median.ts'
import type { Peer } from './peers.ts'
import { startNginx, startOrigin, startSluice } from './peers.ts'
import { missingPrograms } from './programs.ts'
import { measure } from './wrk.ts'
import type { Measured } from './wrk.ts'

const ROUND_COUNT = 3
const ROUND_SECONDS = 3
/** What a first round warms up and is not counted. */
const WARM_SECONDS = 1

interface Row {
  readonly name: string
  readonly nginxMicros: number
  readonly sluiceMicros: number
  readonly ratio: number
  readonly spread: readonly [number, number]
  readonly nginxPerSecond: number
  readonly sluicePerSecond: number
}

const missing = missingPrograms()
if (missing.length > 0) {
  process.stderr.write(`bench needs ${missing.join(', ')}: apt-get install ${missing.join(' ')}\n`)
  process.exit(1)
}
const wanted = process.argv.slice(2)
const classes = CLASSES.filter(
  ({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)),
)
if (classes.length === 0) {
  const names = CLASSES.map(({ name }) => `"${name}"`).join(', ')
  process.stderr.write(`No class has a name with ${wanted.join(' or ')}; there are ${names}\n`)
  process.exit(2)
}

const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const rows: Row[] = []
try {
  const origin = await startOrigin(directory)
  const nginx = await startNginx(directory, origin.port)
  const sluice = await startSluice(directory, origin.port)
  try {
    for (const benchClass of classes) rows.push(await benchOne(benchClass, nginx, sluice))
  } finally {
    for (const peer of [sluice, nginx, origin]) await peer.stop()
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
report(rows)

async function benchOne(benchClass: BenchClass, nginx: Peer, sluice: Peer): Promise<Row> {
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

function report(table: readonly Row[]): void {
  const lines = [
    '| class | nginx µs | Sluice µs | Sluice ÷ nginx (spread) | nginx /s | Sluice /s |',
    '|---|---|---|---|---|---|',
    ...table.map((row) => {
      const [low, high] = row.spread
      const ratio = `**${row.ratio.toFixed(2)}** (${low.toFixed(2)}–${high.toFixed(2)})`
      const micros = `${row.nginxMicros.toFixed(1)} | ${row.sluiceMicros.toFixed(1)}`
      const rates = `${row.nginxPerSecond.toFixed(0)} | ${row.sluicePerSecond.toFixed(0)}`
      return `| ${row.name} | ${micros} | ${ratio} | ${rates} |`
    }),
  ]
  const text = `${lines.join('\n')}\n`
  process.stdout.write(text)
  const results = new URL('./results/', import.meta.url)
  mkdirSync(results, { recursive: true })
  const day = new Date().toISOString().slice(0, 10)
  const head = `CPU time of the server per request, Node ${process.versions.node}, ${day}; both write an access log.\n\n`
  if (wanted.length === 0) writeFileSync(new URL(`${day}.md`, results), head + text)
}
