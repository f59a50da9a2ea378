// What a start finds: the written index with the end of the log, or the log alone.

import { join } from 'node:path'

import type { CacheKey } from '#core/entry/cache-key.ts'

import { ensureFile, findSlabs } from './disk-files.ts'
import type { FoundSlab } from './disk-files.ts'
import type { CopyState, LoadedCopy } from './disk-index-copy.ts'
import type { DiskLog } from './disk-log.ts'
import { tellFailure } from './disk-log.ts'
import { Replay } from './disk-replay.ts'
import { readSlabHeader } from './disk-scan.ts'
import type { SlabHeader } from './disk-record.ts'
import type { Slab } from './slabs.ts'

export const INDEX_NAME = 'index.sqlite'

/**
 * Fills the index with what an earlier process has left.
 *
 * @returns Resolves when it may be served; `rest` resolves when the last of it has been read.
 */
export async function recover(log: DiskLog): Promise<{ readonly rest: Promise<void> }> {
  const found = await findSlabs(log.directory)
  const copy = await loadCopy(log)
  for (const { slab } of found) log.slabs.reserve(slab)
  if (copy?.state.isComplete !== true) return readWithoutCopy(log, found)
  log.slabs.reserve(copy.state.slab)
  switch (await readWithCopy(log, found, copy)) {
    case 'whole':
      log.replay = undefined
      return { rest: Promise.resolve() }
    case 'gap':
      await discardAll(
        log,
        log.slabs.all.map((slab) => ({ slab })),
      )
      break
    case 'unreadable':
      await log.slabs.close()
      break
    default:
      throw new Error('Cannot recover: unknown outcome')
  }
  log.index.clear()
  await log.copy.erase().catch((error: unknown) => tellFailure(log, error))
  return readWithoutCopy(log, await findSlabs(log.directory))
}

/** What the written index says of its own state; it is complete only once all has been read. */
export function copyStateOf(log: DiskLog): CopyState {
  return {
    slab: log.indexedSlab,
    endByte: log.indexedEndByte,
    lastPosition: log.lastPosition,
    sequence: log.sequence,
    isComplete: log.isCopyComplete,
  }
}

async function loadCopy(log: DiskLog): Promise<LoadedCopy | undefined> {
  try {
    await ensureFile(join(log.directory, INDEX_NAME))
    return await log.copy.load()
  } catch (error) {
    tellFailure(log, error)
    return undefined
  }
}

type Outcome = 'whole' | 'gap' | 'unreadable'

/** Whatever does not fit together leaves the decision to the log alone. */
async function readWithCopy(
  log: DiskLog,
  found: readonly FoundSlab[],
  { state, slabs, invalidated }: LoadedCopy,
): Promise<Outcome> {
  const replay = beginReplay(log, 'tail')
  const nonces = new Map(slabs.map(({ slab, nonce }) => [slab, nonce]))
  for (const { slab: number, bytes } of found.toReversed()) {
    const nonce = nonces.get(number)
    nonces.delete(number)
    if (number > state.slab) {
      const known = await adopt(log, number, bytes)
      if (known === undefined) continue
      const isWhole = await replay.readSlab(known.slab, 0, known.header.lastPosition)
      if (!isWhole) return 'gap'
    } else if (nonce === undefined) {
      // Of a slab that the index has let go of, nothing is wanted.
      await discard(log, log.slabs.adopt(number, new Uint8Array(8), bytes))
    } else {
      const slab = log.slabs.adopt(number, nonce, bytes)
      if (number !== state.slab) continue
      if (!(await replay.readSlab(slab, state.endByte, undefined))) return 'gap'
    }
  }
  if (replay.expectedPosition > state.lastPosition) return 'gap'
  takePosition(log, state)
  for (const ticket of invalidated) replay.takeTicket(ticket)
  try {
    await log.copy.loadRows((rows) => replay.takeRows(rows))
  } catch (error) {
    tellFailure(log, error)
    return 'unreadable'
  }
  replay.finish()
  for (const slab of nonces.keys()) log.copy.push({ kind: 'evict', slab })
  return 'whole'
}

/** The newest slab is read before anything is served, as it knows the last position; the others after. */
async function readWithoutCopy(
  log: DiskLog,
  found: readonly FoundSlab[],
): Promise<{ readonly rest: Promise<void> }> {
  log.isCopyComplete = false
  const replay = beginReplay(log, 'whole')
  const adopted: AdoptedSlab[] = []
  for (const { slab, bytes } of found.toReversed()) {
    const known = await adopt(log, slab, bytes)
    if (known !== undefined) adopted.push(known)
  }
  const older = adopted.splice(1)
  const isWhole = await readSlabs(log, replay, adopted)
  if (!isWhole) await discardAll(log, older)
  const rest = readSlabs(log, replay, isWhole ? older : [])
    .catch((error: unknown) => tellFailure(log, error))
    .then(async () => {
      log.replay = undefined
      log.isCopyComplete = true
      await log.copy.settle()
    })
  if (older.length === 0) await rest
  return { rest }
}

interface AdoptedSlab {
  readonly slab: Slab
  readonly header: SlabHeader
}

/** From the newest to the oldest. */
async function readSlabs(
  log: DiskLog,
  replay: Replay,
  slabs: readonly AdoptedSlab[],
): Promise<boolean> {
  for (const { slab, header } of slabs) {
    if (slab.isGone) continue
    log.copy.push({ kind: 'slab', slab: slab.number, nonce: slab.nonce })
    if (await replay.readSlab(slab, 0, header.lastPosition)) continue
    await discardAll(
      log,
      slabs.filter((other) => other.slab.number < slab.number),
    )
    return false
  }
  return true
}

/** An invalidation is missing before this: what it was about could come back, so nothing older is kept. */
async function discardAll(log: DiskLog, slabs: readonly { readonly slab: Slab }[]): Promise<void> {
  if (slabs.length === 0) return
  const message = `Cannot read the log further back: ${slabs.length} slabs were dropped`
  log.record({ kind: 'store-failed', message })
  for (const { slab } of slabs) {
    if (slab.isGone) continue
    for (const slot of log.index.slotsOf(slab.number)) log.index.forget(slot)
    log.copy.push({ kind: 'evict', slab: slab.number })
    await discard(log, slab)
  }
}

async function adopt(
  log: DiskLog,
  number: number,
  bytes: number,
): Promise<AdoptedSlab | undefined> {
  const { slabs } = log
  const nonce = new Uint8Array(8)
  const startedAtByte = Number.NEGATIVE_INFINITY
  const unknown: Slab = { number, nonce, endByte: bytes, startedAtByte, isGone: false }
  const header = await readSlabHeader(slabs, unknown)
  if (header !== undefined) return { slab: slabs.adopt(number, header.nonce, bytes), header }
  await discard(log, slabs.adopt(number, unknown.nonce, bytes))
  return undefined
}

async function discard(log: DiskLog, slab: Slab): Promise<void> {
  await log.slabs.unlink(slab).catch((error: unknown) => tellFailure(log, error))
}

function beginReplay(log: DiskLog, part: 'tail' | 'whole'): Replay {
  const replay = new Replay(log, part)
  log.replay = replay
  return replay
}

function takePosition(log: DiskLog, state: CopyState): void {
  log.lastPosition = Math.max(log.lastPosition, state.lastPosition)
  log.sequence = Math.max(log.sequence, state.sequence)
  // Where a tail was read, the index is as far as that.
  if (log.indexedSlab !== 0) return
  log.indexedSlab = state.slab
  log.indexedEndByte = state.endByte
}

/**
 * Positions go on from where they were, which no record tells for certain: what concerns nothing on disk is counted and
 * not written. No process counts as fast as the clock goes, so they go on from the time. No key is empty: this concerns
 * no response.
 */
export function restorePosition(log: DiskLog): void {
  const nothing = '' as CacheKey
  if (log.slabs.count === 0) return
  const position = Math.max(log.lastPosition, Math.floor(log.clock.nowMs()))
  log.invalidations.restore([{ key: nothing, position, generation: 0 }])
}
