// `npm run bench [-- CLASS …]`: Sluice beside nginx in the same run.
//
// Each server runs alone on one core, the load generator and the origin on the other. Where CPU time per
// request is what is compared, rounds are interleaved, and what counts is the median over rounds of the
// ratio within a round.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { CLASSES } from './classes.ts'
import type { BenchClass } from './classes.ts'
import { hitRatioTable } from './hit-ratio.ts'
import { outageTable } from './outage.ts'
import { LOAD_CORE, startNginx, startOrigin, startSluice } from './peers.ts'
import { missingPrograms } from './programs.ts'
import { restartTable } from './restart.ts'
import { writeResult } from './results.ts'
import { ROW_COLUMNS, cellsOf, compare } from './rounds.ts'
import type { Row } from './rounds.ts'
import { formatTable } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'

const wanted = process.argv.slice(2)
// Of the store alone: these take no server, and no load.
if (wanted.length === 1 && wanted[0] === 'hit-ratio') {
  writeResult('hit-ratio', hitRatioTable())
  process.exit(0)
}
if (wanted.length === 1 && wanted[0] === 'restart') {
  writeResult('restart', await restartTable())
  process.exit(0)
}
if (wanted[0] === 'outage') {
  const { text, isWhole } = await outageTable(wanted.slice(1))
  // What was cut short is to be looked at, and not to stand for the day.
  if (isWhole) writeResult('outage', text)
  else process.stdout.write(text)
  process.exit(0)
}
const missing = missingPrograms()
if (missing.length > 0) {
  process.stderr.write(`bench needs ${missing.join(', ')}: apt-get install ${missing.join(' ')}\n`)
  process.exit(1)
}
const isWanted = ({ name }: { readonly name: string }) =>
  wanted.length === 0 || wanted.some((word) => name.includes(word))
const classes = CLASSES.filter(isWanted)
const scenarios = SCENARIOS.filter(isWanted)
if (classes.length + scenarios.length === 0) {
  const names = [...CLASSES, ...SCENARIOS].map(({ name }) => `"${name}"`).join(', ')
  process.stderr.write(`No class has a name with ${wanted.join(' or ')}; there are ${names}\n`)
  process.exit(2)
}

const texts: string[] = []
if (classes.length > 0) texts.push(await inDirectory((directory) => runClasses(classes, directory)))
// This process is the load generator of what follows.
execFileSync('taskset', ['-a', '-c', '-p', LOAD_CORE, String(process.pid)], { stdio: 'ignore' })
for (const { name, run } of scenarios) {
  const startedAtMs = performance.now()
  texts.push(await inDirectory(async (directory) => formatTable(await run(directory))))
  const seconds = (performance.now() - startedAtMs) / 1000
  process.stderr.write(`${name}: ${seconds.toFixed(0)} s\n`)
}
report(texts.join('\n'))

async function inDirectory(run: (directory: string) => Promise<string>): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  try {
    return await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function runClasses(benchClasses: readonly BenchClass[], directory: string): Promise<string> {
  const rows: Row[] = []
  const origin = await startOrigin(directory)
  const nginx = await startNginx(directory, origin.port)
  const sluice = await startSluice(directory, origin.port)
  try {
    for (const benchClass of benchClasses) rows.push(await compare(benchClass, nginx, sluice))
  } finally {
    for (const peer of [sluice, nginx, origin]) await peer.stop()
  }
  return formatTable({
    title: 'CPU time of the server per request',
    columns: ROW_COLUMNS,
    rows: rows.map(cellsOf),
    notes: ['Both write an access log.'],
  })
}

function report(text: string): void {
  process.stdout.write(text)
  const results = new URL('./results/', import.meta.url)
  mkdirSync(results, { recursive: true })
  const day = new Date().toISOString().slice(0, 10)
  const head = `# ${day}, Node ${process.versions.node}\n\n`
  if (wanted.length === 0) writeFileSync(new URL(`${day}.md`, results), head + text)
}
