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
  if (copy?.state.isComplete === true) {
    log.slabs.reserve(copy.state.slab)
    if (await readWithCopy(log, found, copy)) {
      log.replay = undefined
      return { rest: Promise.resolve() }
    }
    log.index.clear()
    for (const slab of log.slabs.all) await discard(log, slab)
    await log.copy.erase().catch((error: unknown) => tellFailure(log, error))
  }
  return readWithoutCopy(log, await findSlabs(log.directory))
}

/** What the written index says of its own state; it is complete only once all has been read. */
export function copyStateOf(log: DiskLog): CopyState {
  return {
    slab: log.indexedSlab,
    endByte: log.indexedEndByte,
    lastPosition: log.lastPosition,
    sequence: log.sequence,
    isComplete: log.replay === undefined,
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

/** @returns False when the two do not fit together: then the log alone decides. */
async function readWithCopy(
  log: DiskLog,
  found: readonly FoundSlab[],
  { state, slabs, invalidated }: LoadedCopy,
): Promise<boolean> {
  const replay = beginReplay(log)
  const nonces = new Map(slabs.map(({ slab, nonce }) => [slab, nonce]))
  for (const { slab: number, bytes } of found.toReversed()) {
    const nonce = nonces.get(number)
    if (nonce !== undefined) {
      const slab = log.slabs.adopt(number, nonce, bytes)
      if (number < state.slab) continue
      const fromByte = number === state.slab ? state.endByte : 0
      const headPosition = number === state.slab ? undefined : state.lastPosition
      if (!(await replay.readSlab(slab, fromByte, headPosition))) return false
    } else {
      const known = await adopt(log, number, bytes)
      // Of a slab that the index has let go of, nothing is wanted.
      if (known === undefined) continue
      const isNewer = number > state.slab
      if (!isNewer) await discard(log, known.slab)
      else if (!(await replay.readSlab(known.slab, 0, known.header.lastPosition))) return false
    }
  }
  if (replay.expectedPosition > state.lastPosition) return false
  takePosition(log, state)
  for (const ticket of invalidated) replay.takeTicket(ticket)
  try {
    await log.copy.loadRows((rows) => replay.takeRows(rows))
    return true
  } catch (error) {
    tellFailure(log, error)
    return false
  }
}

/** The newest slab is read before anything is served, as it knows the last position; the others after. */
async function readWithoutCopy(
  log: DiskLog,
  found: readonly FoundSlab[],
): Promise<{ readonly rest: Promise<void> }> {
  const replay = beginReplay(log)
  const adopted: { readonly slab: Slab; readonly header: SlabHeader }[] = []
  for (const { slab, bytes } of found.toReversed()) {
    const known = await adopt(log, slab, bytes)
    if (known === undefined) continue
    adopted.push(known)
    log.copy.push({ kind: 'slab', slab, nonce: known.slab.nonce })
  }
  const isWhole = await readSlabs(log, replay, adopted.splice(0, 1))
  if (!isWhole) await discardAll(log, adopted)
  const rest = readSlabs(log, replay, isWhole ? adopted : []).then(async (isRestWhole) => {
    if (!isRestWhole) await discardAll(log, adopted)
    log.replay = undefined
    await log.copy.settle()
  })
  if (adopted.length === 0) await rest
  return { rest: rest.catch((error: unknown) => tellFailure(log, error)) }
}

async function readSlabs(
  log: DiskLog,
  replay: Replay,
  slabs: readonly { readonly slab: Slab; readonly header: SlabHeader }[],
): Promise<boolean> {
  for (const { slab, header } of slabs) {
    if (slab.isGone) continue
    if (await replay.readSlab(slab, 0, header.lastPosition)) {
      if (slab.number > log.indexedSlab) {
        log.indexedSlab = slab.number
        log.indexedEndByte = slab.endByte
      }
      continue
    }
    const older = slabs.filter((other) => other.slab.number < slab.number)
    await discardAll(log, older)
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

async function adopt(log: DiskLog, number: number, bytes: number) {
  const { slabs } = log
  const unknown: Slab = { number, nonce: new Uint8Array(8), endByte: bytes, isGone: false }
  const header = await readSlabHeader(slabs, unknown)
  if (header !== undefined) return { slab: slabs.adopt(number, header.nonce, bytes), header }
  await discard(log, slabs.adopt(number, unknown.nonce, bytes))
  return undefined
}

async function discard(log: DiskLog, slab: Slab): Promise<void> {
  await log.slabs.unlink(slab).catch((error: unknown) => tellFailure(log, error))
}

function beginReplay(log: DiskLog): Replay {
  const replay = new Replay(log)
  log.replay = replay
  return replay
}

function takePosition(log: DiskLog, state: CopyState): void {
  log.lastPosition = Math.max(log.lastPosition, state.lastPosition)
  log.sequence = Math.max(log.sequence, state.sequence)
  log.indexedSlab = Math.max(log.indexedSlab, state.slab)
  if (log.indexedSlab === state.slab) log.indexedEndByte = state.endByte
}

/** Positions go on from where they were. No key is empty, so this concerns no response. */
export function restorePosition(log: DiskLog): void {
  const nothing = '' as CacheKey
  if (log.lastPosition === 0) return
  log.invalidations.restore([{ key: nothing, position: log.lastPosition, generation: 0 }])
}
