// What a process writes until it is killed, and what must be left of it: heads whose fields say when they were
// written, bodies whose blocks name object, version and place.

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { GroupId, InvalidationScope } from '#core/entry/invalidation-scope.ts'
import { EVERYTHING, groupIdOf } from '#core/entry/invalidation-scope.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'

import type { DiskStore } from '../../src/adapters/node/disk-store.ts'
import { checkOracle, oracleBytes } from './oracle.ts'
import { testBody, testHead, testKey } from './stored.ts'

export const ENTRY_COUNT = 14
const GROUP_COUNT = 3
export const CRASH_STORE = { maxBytes: 2 * 2 ** 20, slabBytes: 2 ** 18 } as const

export const entryKey = (entry: number): CacheKey => testKey(`entry ${entry}`)
export const entryGroup = (entry: number): GroupId =>
  groupIdOf('test', '', `group ${entry % GROUP_COUNT}`)

/** One in four has segments of two blocks with a checksum each. */
const segmentBytesOf = (entry: number): number => (entry % 4 === 0 ? 80_000 : 24_000)

export interface Written {
  readonly entry: number
  /** Of the bytes, which a freshened head keeps. */
  readonly version: number
  /** Greater with every write and every invalidation. */
  readonly stamp: number
}

export function entryBody({ entry, version }: Pick<Written, 'entry' | 'version'>): BodyId {
  return testBody(`entry ${entry} ${version}`)
}

export function entrySegmentCount({ version }: Pick<Written, 'version'>): number {
  return 1 + (version % 3)
}

export function entryHead(written: Written): StoredResponse {
  const { entry, version, stamp } = written
  const segmentBytes = segmentBytesOf(entry)
  return testHead(entryKey(entry), entryBody(written), {
    segmentBytes,
    completeLength: entrySegmentCount(written) * segmentBytes,
    fields: ['x-version', String(version), 'x-stamp', String(stamp)],
    validatedAtMs: 1_700_000_000_000 + stamp,
    groups: [entryGroup(entry)],
  })
}

export function writtenOf(entry: number, { fields }: StoredResponse): Written {
  return { entry, version: Number(fields[1]), stamp: Number(fields[3]) }
}

function expectedSegment({ entry, version }: Written, index: number) {
  const segmentBytes = segmentBytesOf(entry)
  const startByte = index * segmentBytes
  return { object: `/${entry}`, version, startByte, endByte: startByte + segmentBytes }
}

export function entrySegment(written: Written, index: number): Uint8Array {
  return Uint8Array.from(oracleBytes(expectedSegment(written, index)))
}

/** What the process has told: a line for each thing that is done, and cannot be undone by its end. */
export interface Told {
  /** Of the last invalidation, by `drop` or `validate` and scope. */
  readonly invalidated: Map<string, number>
  invalidationCount: number
  /** Heads that were given to the store, by entry. */
  readonly written: Map<number, Written[]>
  /** Stamp of the last head that was flushed, by entry: nothing older may be found in its place. */
  readonly flushed: Map<number, number>
  lastStamp: number
  /** What it was about when it ended. */
  lastStep: string
  isOpen: boolean
}

export function nothingTold(): Told {
  return {
    invalidated: new Map(),
    invalidationCount: 0,
    written: new Map(),
    flushed: new Map(),
    lastStamp: 0,
    lastStep: '',
    isOpen: false,
  }
}

/** Takes up what a process has said, which is about the same directory as what was told before. */
export function takeLines(told: Told, said: string): void {
  told.isOpen = false
  told.lastStep = ''
  // What an earlier process had not flushed, it has lost.
  const waiting = new Map<number, number>()
  // What is not a whole line was not told.
  for (const line of said.split('\n').slice(0, -1)) {
    const [word = '', name = '', first = '', second = ''] = line.split(' ')
    if (word === 'open') told.isOpen = true
    else if (word === 'step') told.lastStep = name
    else if (word === 'flushed') {
      for (const [entry, stamp] of waiting) told.flushed.set(entry, stamp)
      waiting.clear()
    } else if (word === 'wrote') {
      const written = { entry: Number(name), version: Number(first), stamp: Number(second) }
      told.written.set(written.entry, [...(told.written.get(written.entry) ?? []), written])
      told.lastStamp = Math.max(told.lastStamp, written.stamp)
      waiting.set(written.entry, written.stamp)
    } else {
      told.invalidated.set(`${word} ${name}`, Number(first))
      told.invalidationCount++
      told.lastStamp = Math.max(told.lastStamp, Number(first))
    }
  }
}

/** Name of what is invalidated, as it is told: the number of an entry, `group N` without a space, or `all`. */
export function scopeNamed(name: string): InvalidationScope {
  if (name === 'all') return EVERYTHING
  return name.startsWith('group') ? entryGroup(Number(name.slice(5))) : entryKey(Number(name))
}

function invalidatedStamp(told: Told, how: 'drop' | 'validate', entry: number): number {
  const scopes = [String(entry), `group${entry % GROUP_COUNT}`, 'all']
  return Math.max(...scopes.map((scope) => told.invalidated.get(`${how} ${scope}`) ?? 0))
}

export interface CrashFindings {
  headCount: number
  segmentCount: number
  /** Each is a broken promise. */
  readonly wrong: string[]
}

/** Reads everything back: each is absent, or right, and no older than what was flushed or invalidated. */
export async function findWhatIsLeft(store: DiskStore, told: Told): Promise<CrashFindings> {
  const findings: CrashFindings = { headCount: 0, segmentCount: 0, wrong: [] }
  for (let entry = 0; entry < ENTRY_COUNT; entry++) {
    const dropped = invalidatedStamp(told, 'drop', entry)
    const validated = invalidatedStamp(told, 'validate', entry)
    const all = told.written.get(entry) ?? []
    const newest = told.flushed.get(entry) ?? 0
    const found = await store.read(entryKey(entry))
    for (const { head, onlySegment } of found?.variants ?? []) {
      findings.headCount++
      const written = writtenOf(entry, head)
      const facts = `entry ${entry} version ${written.version} of ${written.stamp}`
      const isSame =
        JSON.stringify({ ...head, invalidated: false }) === JSON.stringify(entryHead(written))
      if (!isSame) findings.wrong.push(`wrong head of ${facts}: ${JSON.stringify(head)}`)
      if (written.stamp <= dropped) findings.wrong.push(`back after a drop at ${dropped}: ${facts}`)
      if (written.stamp <= validated && !head.invalidated) {
        findings.wrong.push(`fresh after an invalidation at ${validated}: ${facts}`)
      }
      if (written.stamp < newest) findings.wrong.push(`back after one of ${newest}: ${facts}`)
      await findSegments(store, written, onlySegment, findings)
    }
    const droppedKey = told.invalidated.get(`drop ${entry}`) ?? 0
    for (const written of all) {
      if (written.stamp > droppedKey) continue
      const isBack = store.presence(entryBody(written)).has(0)
      const isNewer = all.some(
        ({ version, stamp }) => version === written.version && stamp > droppedKey,
      )
      if (isBack && !isNewer) {
        findings.wrong.push(`body back after a drop at ${droppedKey}: ${JSON.stringify(written)}`)
      }
    }
  }
  return findings
}

async function findSegments(
  store: DiskStore,
  written: Written,
  onlySegment: Uint8Array | undefined,
  findings: CrashFindings,
): Promise<void> {
  const body = entryBody(written)
  for (let index = 0; index < entrySegmentCount(written); index++) {
    const expected = expectedSegment(written, index)
    const bytes =
      (index === 0 ? onlySegment : undefined) ??
      (await store.readSegment(body, index, 0, expected.endByte - expected.startByte))
    if (bytes === undefined) continue
    findings.segmentCount++
    const problem = checkOracle(bytes, expected)
    if (problem !== undefined) findings.wrong.push(problem)
  }
}
