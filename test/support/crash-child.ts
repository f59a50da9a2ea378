// A process that writes to a disk store until it is killed. Its argument says where, from which seed and stamp
// on, and what it does most. What it says on stdout, which is a file, is in crash-entries.ts.

import { writeSync } from 'node:fs'

import { createInvalidations } from '#web/invalidations.ts'
import { createSystemClock } from '#web/system-clock.ts'

import { openDiskStore } from '../../src/adapters/node/disk-store.ts'
import {
  CRASH_STORE,
  ENTRY_COUNT,
  entryGroup,
  entryHead,
  entryKey,
  entrySegment,
  entrySegmentCount,
  entryBody,
  scopeNamed,
  writtenOf,
} from './crash-entries.ts'
import type { Written } from './crash-entries.ts'
import { createSeededRandom } from './seeded-random.ts'

export type CrashStep = 'fill' | 'update' | 'purge' | 'read'

export interface CrashOrder {
  readonly directory: string
  readonly seed: number
  /** The first that it gives to what it writes. */
  readonly firstStamp: number
  readonly mostly: CrashStep
}

const STEPS: readonly CrashStep[] = ['fill', 'fill', 'update', 'purge', 'read']

const order = JSON.parse(process.argv[2] ?? '') as CrashOrder
const random = createSeededRandom(order.seed)
let stamp = order.firstStamp

const store = await openDiskStore({
  ...CRASH_STORE,
  directory: order.directory,
  invalidations: createInvalidations(),
  clock: createSystemClock(),
  record: () => undefined,
})
say('open')

const STEP: Readonly<Record<CrashStep, () => Promise<void>>> = { fill, update, purge, read }
for (let count = 0; ; count++) {
  const chosen = count >= 3 && random.chance(0.7) ? order.mostly : random.pick(STEPS)
  const name = count < 3 ? 'fill' : chosen
  say(`step ${name}`)
  await STEP[name]()
}

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function anEntry(): number {
  return random.integer(0, ENTRY_COUNT - 1)
}

/** New versions, and not always waited for. */
async function fill(): Promise<void> {
  for (let count = random.integer(1, 3); count > 0; count--) {
    const version = stamp
    await write({ entry: anEntry(), version, stamp }, true)
  }
  if (random.chance(0.6)) await flush()
}

/** A head freshened, and nothing else on the way to the disk with it. */
async function update(): Promise<void> {
  await store.flush()
  const entry = anEntry()
  const head = (await store.read(entryKey(entry)))?.variants[0]?.head
  if (head === undefined) return
  await write({ ...writtenOf(entry, head), stamp }, false)
  await flush()
}

async function write(written: Written, hasBody: boolean): Promise<void> {
  stamp++
  const key = entryKey(written.entry)
  const ticket = store.ticket(key, [entryGroup(written.entry)])
  const outcome = await store.writeHead(ticket, entryHead(written))
  if (outcome === 'stored') say(`wrote ${written.entry} ${written.version} ${written.stamp}`)
  if (!hasBody) return
  for (let index = 0; index < entrySegmentCount(written); index++) {
    void store.writeSegment(ticket, entryBody(written), index, entrySegment(written, index))
  }
}

async function flush(): Promise<void> {
  await store.flush()
  say('flushed')
}

async function purge(): Promise<void> {
  const how = random.pick(['drop', 'validate'] as const)
  const entry = anEntry()
  const name = random.pick([`${entry}`, `${entry}`, `${entry}`, `group${entry % 3}`])
  const scope = random.chance(0.04) ? 'all' : name
  await store.invalidate(scopeNamed(scope), how)
  say(`${how} ${scope} ${stamp++}`)
}

async function read(): Promise<void> {
  const entry = anEntry()
  const head = (await store.read(entryKey(entry)))?.variants[0]?.head
  if (head === undefined) return
  for (let index = 0; index < entrySegmentCount(writtenOf(entry, head)); index++) {
    await store.readSegment(head.body, index, 0, head.segmentBytes)
  }
}
