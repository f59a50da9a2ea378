// Reads the log of an earlier process again, from its end to its beginning: what is met first is the newest,
// and an invalidation is met before anything that it concerns. So whatever is in the index at any time may be
// served, also while the older part is still being read.

import type { InvalidationScope } from '#core/entry/invalidation-scope.ts'
import type { Invalidation } from '#web/invalidations.ts'

import { parseEntry } from './disk-entry.ts'
import { bodyIdOf, idOf, INVALIDATED, NO_SLOT } from './disk-index.ts'
import type { Id, Place } from './disk-index.ts'
import type { CopyChange, CopyRows } from './disk-index-copy.ts'
import { HEAD_ROW, SEGMENT_ROW } from './disk-index-copy.ts'
import type { DiskLog } from './disk-log.ts'
import type { RecordHeader } from './disk-record.ts'
import { ALIGN_BYTES } from './disk-record.ts'
import { scanSlab } from './disk-scan.ts'
import type { ScannedRecord } from './disk-scan.ts'
import type { Slab } from './slabs.ts'

/** What is known to have happened to a key after what is still to be read, mildest first. */
const VERDICTS = ['validate', 'forget', 'drop'] as const
type Verdict = (typeof VERDICTS)[number]

export class Replay {
  readonly #log: DiskLog
  readonly #settled = new Map<string, Verdict>()
  /** Of a tail: what the written index does not know yet, the newest first. */
  readonly #changes: CopyChange[] | undefined
  /** Position of the last invalidation before the record read last. */
  #expectedPosition: number | undefined

  /** @param part The whole log, or its tail behind what the written index knows. */
  constructor(log: DiskLog, part: 'tail' | 'whole') {
    this.#log = log
    this.#changes = part === 'tail' ? [] : undefined
  }

  /** Position of the last invalidation before what was read. */
  get expectedPosition(): number {
    return this.#expectedPosition ?? 0
  }

  settle(key: Id, verdict: Verdict): void {
    const name = key.join('.')
    const before = this.#settled.get(name)
    const isMilder = before !== undefined && VERDICTS.indexOf(before) > VERDICTS.indexOf(verdict)
    if (!isMilder) this.#settled.set(name, verdict)
  }

  /**
   * @param headPosition Of the last invalidation before the slab; `undefined` when only its end is read.
   * @returns Whether no invalidation is missing. If one is, nothing older can be believed.
   */
  async readSlab(slab: Slab, fromByte: number, headPosition: number | undefined): Promise<boolean> {
    const records = await scanSlab(this.#log.slabs, slab, fromByte)
    if (slab.isGone) return true
    this.#changes?.push({ kind: 'slab', slab: slab.number, nonce: slab.nonce })
    if (slab.number >= this.#log.indexedSlab) {
      this.#log.indexedSlab = slab.number
      this.#log.indexedEndByte = slab.endByte
    }
    for (const record of records.toReversed()) {
      if (!this.#follows(positionAfter(record.header))) return false
      this.#apply(record)
      this.#log.sequence = Math.max(this.#log.sequence, record.header.sequence + 1)
      if (isLink(record.header, this.#expectedPosition)) {
        this.#expectedPosition = record.header.lastPosition
      }
    }
    if (headPosition === undefined) return true
    if (!this.#follows(headPosition)) return false
    this.#expectedPosition ??= headPosition
    return true
  }

  /** Tells the written index of the tail, in the order in which it happened. */
  finish(): void {
    for (const change of this.#changes?.toReversed() ?? []) this.#log.copy.push(change)
  }

  /** Takes up rows of the written index, which are older than all that was scanned. */
  takeRows({ heads, segments }: CopyRows): void {
    // There may be a hundred thousand of them before anything is served: nothing is made anew for each.
    const key: Id = new Uint32Array(4)
    const body: Id = new Uint32Array(4)
    for (let at = 0; at < heads.length; at += HEAD_ROW) {
      copyId(heads, at, key)
      const place = placeIn(heads, at + 4)
      this.#takeHead(key, { ...place, headBytes: heads[at + 7] ?? 0 }, heads[at + 8] === 1)
    }
    for (let at = 0; at < segments.length; at += SEGMENT_ROW) {
      copyId(segments, at, key)
      copyId(segments, at + 4, body)
      this.#takeSegment(key, body, segments[at + 8] ?? 0, placeIn(segments, at + 9))
    }
  }

  takeTicket(ticket: Invalidation): void {
    this.#log.invalidations.restore([ticket])
    this.#log.lastPosition = Math.max(this.#log.lastPosition, ticket.position)
  }

  #follows(position: number): boolean {
    if (this.#expectedPosition !== undefined && position < this.#expectedPosition) return false
    this.#log.lastPosition = Math.max(this.#log.lastPosition, position)
    return true
  }

  #apply({ header, head }: ScannedRecord): void {
    const id = idOf(header.digest)
    switch (header.kind) {
      case 'drop':
      case 'validate': {
        const { position, generation, slab } = header
        const ticket = { key: (head ?? '') as InvalidationScope, position, generation }
        this.settle(id, header.kind)
        this.takeTicket(ticket)
        if (this.#changes === undefined) this.#push({ kind: 'invalidated', ticket, slab })
        else this.#push({ kind: header.kind, digest: header.digest.subarray(0, 16), ticket, slab })
        return
      }
      case 'forget':
        return this.#forget(header, id)
      case 'head':
      case 'segment':
        return this.#applyRecord(header, head, id)
      default:
        throw new Error(`Cannot read record again: ${JSON.stringify(header.kind satisfies never)}`)
    }
  }

  #applyRecord(header: RecordHeader, head: string | undefined, id: Id): void {
    const { slab, offset, dataBytes, headBytes, body, segmentIndex } = header
    const digest = header.digest.subarray(0, 16)
    if (headBytes > 0) {
      const key = head === undefined ? undefined : parseEntry(head)?.key
      const place = { slab, offset, dataBytes, headBytes }
      // A torn head still says that what came before it is no longer so.
      if (key === undefined) this.#forget(header, id)
      else if (this.#takeHead(id, place, header.isInvalidated)) {
        const slot = this.#log.index.findHead(id)
        const isInvalidated = this.#log.index.has(slot, INVALIDATED)
        const writtenAtMs = this.#log.clock.nowMs()
        this.#push({ kind: 'head', digest, key, ...place, isInvalidated, writtenAtMs })
      }
    }
    if (body === undefined) return
    const place = { slab, offset, dataBytes, headBytes: 0 }
    if (this.#takeSegment(id, bodyIdOf(body), segmentIndex, place)) {
      this.#push({ kind: 'segment', digest, body, segmentIndex, slab, offset, dataBytes })
    }
  }

  #forget(header: RecordHeader, id: Id): void {
    this.settle(id, 'forget')
    if (this.#changes === undefined) return
    this.#push({ kind: 'forget-head', digest: header.digest.subarray(0, 16) })
  }

  #push(change: CopyChange): void {
    if (this.#changes === undefined) this.#log.copy.push(change)
    else this.#changes.push(change)
  }

  #verdictOn(key: Id): Verdict | undefined {
    return this.#settled.size === 0 ? undefined : this.#settled.get(key.join('.'))
  }

  /** A head that is in the index, or waits to be written, is newer. */
  #takeHead(key: Id, place: Place, isInvalidated: boolean): boolean {
    const { index, slabs } = this.#log
    const verdict = this.#verdictOn(key)
    if (verdict === 'drop' || verdict === 'forget') return false
    if (slabs.get(place.slab) === undefined || index.findHead(key) !== NO_SLOT) return false
    index.putHead(key, place, isInvalidated || verdict === 'validate' ? INVALIDATED : 0)
    return true
  }

  #takeSegment(key: Id, body: Id, segmentIndex: number, place: Place): boolean {
    const { index, slabs } = this.#log
    if (this.#verdictOn(key) === 'drop') return false
    if (slabs.get(place.slab) === undefined) return false
    if (index.findSegment(body, segmentIndex) !== NO_SLOT) return false
    index.putSegment(key, body, segmentIndex, place, 0)
    return true
  }
}

function copyId(from: Uint32Array, at: number, to: Id): void {
  for (let i = 0; i < 4; i++) to[i] = from[at + i] ?? 0
}

/** Slab, offset in units, and length of the data, one after the other. */
function placeIn(rows: Uint32Array, at: number): Place {
  const offset = (rows[at + 1] ?? 0) * ALIGN_BYTES
  return { slab: rows[at] ?? 0, offset, dataBytes: rows[at + 2] ?? 0, headBytes: 0 }
}

/** Position of the last invalidation up to and with the record. */
function positionAfter(header: RecordHeader): number {
  return isInvalidation(header) ? header.position : header.lastPosition
}

function isInvalidation({ kind }: RecordHeader): boolean {
  return kind === 'drop' || kind === 'validate'
}

/** A record that was written again after a failure stands twice: only one of them is a link of the chain. */
function isLink(header: RecordHeader, expectedPosition: number | undefined): boolean {
  if (expectedPosition === undefined) return true
  return isInvalidation(header) && header.position === expectedPosition
}
