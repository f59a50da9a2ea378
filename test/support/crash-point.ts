// One crash: a process that writes to a disk store is killed at a system call, or at a moment, and the next must
// find everything absent or right.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { createInvalidations } from '#web/invalidations.ts'

import type { DiskStore } from '../../src/adapters/node/disk-store.ts'
import { openDiskStore } from '../../src/adapters/node/disk-store.ts'
import type { CrashOrder, CrashStep } from './crash-child.ts'
import type { CrashFindings, Told } from './crash-entries.ts'
import {
  CRASH_STORE,
  ENTRY_COUNT,
  entryBody,
  entryHead,
  entryKey,
  entrySegment,
  findWhatIsLeft,
  takeLines,
} from './crash-entries.ts'
import type { SeededRandom } from './seeded-random.ts'
import { createSteppedClock } from './stepped-clock.ts'
import { ONE_THREAD, indexPaths, slabPaths, straceArgs } from './strace.ts'

/** Where a process was killed, by what the call was about. */
export type CrashPlace =
  | 'data write'
  | 'head update'
  | 'purge write'
  | 'purge sync'
  | 'index post'
  | 'slab open'
  | 'slab seal'
  | 'slab unlink'

/** A system call to be the last one. */
export interface CrashAim {
  readonly place: CrashPlace
  readonly call: string
  readonly when: number
  readonly mostly: CrashStep
  /** A part of what the last call was to write is in the file: else nothing is. */
  readonly isTorn: boolean
}

export interface Crash {
  /** Where it was in fact, which may be another place than was aimed at. */
  readonly place: CrashPlace
  readonly isTorn: boolean
}

const CHILD = fileURLToPath(new URL('crash-child.ts', import.meta.url))
const KNOWN_NAME = /^(?:[0-9a-f]{8}|index\.sqlite(?:-wal|-shm)?|lock(?:\.pid)?)$/
const SLAB_NAME = /^[0-9a-f]{8}$/
/** A process that does not come to its last call. */
const CHILD_MS = 60_000
const POLL_MS = 5
/** Slabs that a process may come to. */
const SLAB_COUNT = 120
/** Of a call that is to be torn, all is logged. */
const TORN_BYTES = 2 ** 20

const PURGE_CALLS: readonly string[] = ['fdatasync', 'fsync']

/** A directory and all that processes which wrote to it have told. */
export interface CrashSite {
  readonly directory: string
  /** Of system calls. */
  readonly logPath: string
  /** What the process says. */
  readonly sayPath: string
  readonly told: Told
}

/** Lets a process write until it comes to this call, and no further. */
export async function crashAt(
  site: CrashSite,
  aim: CrashAim,
  random: SeededRandom,
): Promise<Crash> {
  const { directory, logPath, told } = site
  const isOfIndex = aim.place === 'index post'
  const names = await slabNames(directory)
  // A slab is sealed where the next begins, which is not there yet.
  const name = aim.place === 'slab seal' ? names.at(-1) : names[0]
  const firstSlab = name === undefined ? 1 : Number.parseInt(name, 16)
  const paths = isOfIndex ? indexPaths(directory) : slabPaths(directory, firstSlab, SLAB_COUNT)
  const action = 'signal=SIGKILL'
  const args = straceArgs({ call: aim.call, action, when: String(aim.when), paths }, logPath)
  const inFull = aim.isTorn ? ['-xx', '-s', String(TORN_BYTES)] : ['-s', '0']
  const order = orderOf(site, aim.mostly, random)
  const command = [process.execPath, CHILD, JSON.stringify(order)]
  takeLines(told, await runAndDie(site, ['strace', ...inFull, ...args, ...command], CHILD_MS))
  const last = lastCall(await readFile(logPath, 'latin1'), aim.call)
  await rm(logPath)
  if (last === undefined) throw new Error(`Never came to ${aim.call}: ${JSON.stringify(aim)}`)
  const isTorn = aim.isTorn && (await tear(last, random))
  return { place: placeOf(aim.call, last, told.lastStep), isTorn }
}

/** Lets a process write until some time after it has opened the store. */
export async function crashAfter(site: CrashSite, ms: number, random: SeededRandom): Promise<void> {
  const order = orderOf(site, random.pick(['fill', 'update', 'purge']), random)
  takeLines(site.told, await runAndDie(site, [process.execPath, CHILD, JSON.stringify(order)], ms))
}

async function slabNames(directory: string): Promise<readonly string[]> {
  // A first process makes it.
  const names = await readdir(directory).catch(() => [])
  return names.filter((name) => SLAB_NAME.test(name)).toSorted()
}

function orderOf(
  { directory, told }: CrashSite,
  mostly: CrashStep,
  random: SeededRandom,
): CrashOrder {
  // What was written but not told of has stamps as well.
  const firstStamp = told.lastStamp + 100
  return { directory, seed: random.integer(0, 2 ** 31), firstStamp, mostly }
}

/** Kills it some time after it has begun to speak, if it has not died before. @returns What it said. */
async function runAndDie(
  { sayPath }: CrashSite,
  [program = '', ...args]: readonly string[],
  ms: number,
): Promise<string> {
  // A file keeps what was said, and takes it at once whatever the reader does.
  const says = await open(sayPath, 'w+')
  const child = spawn(program, args, {
    stdio: ['ignore', says.fd, 'pipe'],
    env: { ...process.env, ...ONE_THREAD },
  })
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const closed = once(child, 'close')
  try {
    while (child.exitCode === null && child.signalCode === null) {
      const { size } = await says.stat()
      if (size > 0) break
      await Promise.race([closed, sleep(POLL_MS)])
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), ms)
    await closed
    clearTimeout(timer)
    if (child.signalCode !== 'SIGKILL') throw new Error(`Not killed: ${complaint}`)
    return await readFile(sayPath, 'utf8')
  } finally {
    await says.close()
    await rm(sayPath)
  }
}

/** As logged: `PID call(args`, and perhaps what came of it. */
function lastCall(log: string, call: string): string | undefined {
  return log.split('\n').findLast((line) => / *\d+ +(\w+)\(/.exec(line)?.[1] === call)
}

function placeOf(call: string, line: string, step: string): CrashPlace {
  const text = unescaped(line)
  if (text.includes('index.sqlite')) return 'index post'
  if (call.startsWith('unlink')) return 'slab unlink'
  if (call.startsWith('p') && call.includes('read')) return 'slab open'
  if (call === 'openat') return text.includes('O_CREAT') ? 'slab seal' : 'slab open'
  if (PURGE_CALLS.includes(call)) return 'purge sync'
  if (/, 0(?: <unfinished \.\.\.>|\) +=.*)$/.test(line)) return 'slab seal'
  if (step === 'update') return 'head update'
  return step === 'purge' ? 'purge write' : 'data write'
}

/** Writes the beginning of what the call would have written; the file may be as long as if it had written all. */
async function tear(line: string, random: SeededRandom): Promise<boolean> {
  const [, path = ''] = /^ *\d+ +\w+\(\d+<([^>]*)>/.exec(line) ?? []
  const [, offset] = /, (\d+)(?: <unfinished \.\.\.>|\) +=.*)$/.exec(line) ?? []
  const [, args = ''] = /^[^>]*>(.*)$/.exec(line) ?? []
  const bytes = Buffer.concat(
    [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = '']) =>
      Buffer.from(hex.replaceAll('\\x', ''), 'hex'),
    ),
  )
  if (offset === undefined || bytes.length < 2) return false
  const tornByte = random.integer(1, bytes.length - 1)
  const isZeroFilled = random.chance(0.5)
  const left = isZeroFilled ? bytes.fill(0, tornByte) : bytes.subarray(0, tornByte)
  const file = await open(unescaped(path), 'r+')
  try {
    await file.write(left, 0, left.length, Number(offset))
  } finally {
    await file.close()
  }
  return true
}

function unescaped(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/** Opens what is left, looks at all of it, and writes to it again. */
export async function inspect({ directory, told }: CrashSite): Promise<CrashFindings> {
  const store = await openDiskStore({
    ...CRASH_STORE,
    directory,
    invalidations: createInvalidations(),
    clock: createSteppedClock(),
    record: () => undefined,
  })
  try {
    // What is found while the log is still being read must be right as well.
    const early = await findWhatIsLeft(store, told)
    await store.flush()
    const findings = await findWhatIsLeft(store, told)
    findings.wrong.push(...early.wrong, ...(await leftOver(directory, store)))
    findings.wrong.push(...(await writeAgain(store, told)))
    return findings
  } finally {
    await store.close()
  }
}

/** Files that are of no use to the store, or more than it counts. */
async function leftOver(directory: string, store: DiskStore): Promise<readonly string[]> {
  const names = await readdir(directory)
  const wrong = names.filter((name) => !KNOWN_NAME.test(name)).map((name) => `left over: ${name}`)
  const slabs = await slabNames(directory)
  const { slabCount, bytes, isDegraded } = store.stats()
  if (slabs.length !== slabCount) wrong.push(`${slabs.length} slab files, ${slabCount} known`)
  const sizes = await Promise.all(slabs.map((name) => stat(join(directory, name))))
  const fileBytes = sizes.reduce((sum, { size }) => sum + size, 0)
  if (fileBytes !== bytes) wrong.push(`slab files of ${fileBytes} bytes, ${bytes} counted`)
  if (fileBytes > CRASH_STORE.maxBytes * 1.05) wrong.push(`${fileBytes} bytes on disk`)
  if (isDegraded) wrong.push('takes no writes')
  return wrong
}

/** Not everything must be let in: that something is proves it. */
async function writeAgain(store: DiskStore, told: Told): Promise<readonly string[]> {
  const firstStamp = told.lastStamp + 50
  for (let entry = 0; entry < ENTRY_COUNT; entry++) {
    const stamp = firstStamp + entry
    const written = { entry, version: stamp, stamp }
    const ticket = store.ticket(entryKey(entry))
    await store.writeHead(ticket, entryHead(written))
    await store.writeSegment(ticket, entryBody(written), 0, entrySegment(written, 0))
    await store.flush()
    takeLines(told, `wrote ${entry} ${stamp} ${stamp}\nflushed\n`)
    const found = (await store.read(entryKey(entry)))?.variants[0]?.head
    const hasBody = store.presence(entryBody(written)).has(0)
    if (found?.body === entryBody(written) && hasBody) return []
  }
  return ['nothing that is written is found']
}
