// `npm run outage`: how Sluice, nginx and Varnish bear an origin that fails, under a load that does not wait for them.
//
// Each system has one core for itself, the load generator and the origin share the other.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { OUTAGE_SYSTEMS, isInstalled } from './outage-peers.ts'
import type { OutageSystem } from './outage-peers.ts'
import { percentOf, quantile, runOutage } from './outage-run.ts'
import type { Outage, OutageOptions } from './outage-run.ts'
import { LOAD_CORE } from './peers.ts'
import type { Peer } from './peers.ts'
import { formatTable } from './scenario.ts'

const FAULTS: Readonly<Record<OutageOptions['fault'], string>> = {
  dead: 'dies',
  silent: 'is a black hole',
  flapping: 'flaps',
  slow: 'slows tenfold',
  failing: 'answers 30 % 500',
  refusing: 'answers 100 % 503',
}

/** Of the table that is kept: a minute of each fault, at every system. */
const DEFAULT_SECONDS = 60
const PER_SECOND = 500
const KEY_COUNT = 1000
const WARM_MS = 5000
const RECOVERY_MS = 10_000

const COLUMNS = [
  'origin',
  'system',
  'stored answered, %',
  'not stored answered, %',
  'p50 ms',
  'p99 ms',
  'max ms',
  'attempts /s',
  'attempts /s after 2 s',
  'most at once after',
  'fresh after s',
]

export interface OutageTable {
  readonly text: string
  /** Whether nothing was left out or cut short. */
  readonly isWhole: boolean
}

/**
 * @param args `--seconds N` for the length of each fault; `--system NAME` and `--fault NAME`, as often as wanted, for
 *   some of them only.
 */
export async function outageTable(args: readonly string[]): Promise<OutageTable> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      system: { type: 'string', multiple: true, default: [] },
      fault: { type: 'string', multiple: true, default: [] },
    },
  })
  const seconds = Number(values.seconds)
  if (!(seconds > 2)) throw new RangeError(`Cannot measure ${values.seconds} seconds: too short`)
  const faultNames = Object.keys(FAULTS) as OutageOptions['fault'][]
  const faults = choose(faultNames, values.fault, (name) => name)
  const systems = choose(OUTAGE_SYSTEMS, values.system, ({ name }) => name)
  // This process is the load generator, and what it starts is pinned anew or stays beside it.
  execFileSync('taskset', ['-a', '-c', '-p', LOAD_CORE, String(process.pid)], { stdio: 'ignore' })
  const rows: string[][] = []
  for (const fault of faults) {
    for (const system of systems) {
      const row = [FAULTS[fault], system.name, ...(await measure(system, fault, seconds))]
      process.stderr.write(`${row.join(' | ')}\n`)
      rows.push(row)
    }
  }
  const text = formatTable({ title: 'Outages', columns: COLUMNS, rows, notes: notesOf(seconds) })
  const isWhole = seconds >= DEFAULT_SECONDS && values.fault.length + values.system.length === 0
  return { text, isWhole }
}

function choose<Item>(
  all: readonly Item[],
  wanted: readonly string[],
  nameOf: (item: Item) => string,
): readonly Item[] {
  if (wanted.length === 0) return all
  return wanted.map((word) => {
    const found = all.find((item) => nameOf(item).toLowerCase() === word.toLowerCase())
    if (found !== undefined) return found
    throw new RangeError(`Cannot find "${word}": there are ${all.map(nameOf).join(', ')}`)
  })
}

async function measure(
  system: OutageSystem,
  fault: OutageOptions['fault'],
  seconds: number,
): Promise<readonly string[]> {
  if (!isInstalled(system)) return COLUMNS.slice(2).map(() => 'not installed')
  const directory = mkdtempSync(join(tmpdir(), 'sluice-outage-'))
  const started: Peer[] = []
  try {
    const start = async (originPort: number) => {
      const peer = await system.start(directory, originPort)
      started.push(peer)
      return peer
    }
    const outage = await runOutage(start, {
      fault,
      faultMs: seconds * 1000,
      perSecond: PER_SECOND,
      keyCount: KEY_COUNT,
      warmMs: WARM_MS,
      recoveryMs: RECOVERY_MS,
    })
    return cellsOf(outage)
  } finally {
    for (const peer of started) await peer.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function cellsOf(outage: Outage): readonly string[] {
  const { stored, unstored, latenciesMs, freshAfterMs } = outage
  return [
    percentOf(stored).toFixed(3),
    percentOf(unstored).toFixed(3),
    ...[0.5, 0.99, 1].map((share) => quantile(latenciesMs, share).toFixed(1)),
    outage.attemptsPerSecond.toFixed(1),
    outage.settledAttemptsPerSecond.toFixed(1),
    String(outage.maxAtOnceCount),
    freshAfterMs === undefined ? 'never' : (freshAfterMs / 1000).toFixed(2),
  ]
}

function notesOf(seconds: number): readonly string[] {
  return [
    `${PER_SECOND} requests a second, open loop, by Zipf 0.9 over ${KEY_COUNT} stored keys of 10 KiB with`,
    '`Cache-Control: max-age=1, stale-if-error=86400`; 2 % for keys that are never stored.',
    `The origin takes 5 ms, fails for ${seconds} s, and is then well for ${RECOVERY_MS / 1000} s.`,
    'Answered: whole and with 2xx, from the beginning of the fault to the end.',
    'Latency from the instant a request was due, for stored keys, during the fault without its first 2 s.',
    'Attempts: requests that reach the origin during the fault, checks of its health among them; where it is dead,',
    'connections, which it resets. A black hole takes connections and requests, and never answers.',
    'Fresh: the first answer that the origin made since.',
  ]
}
