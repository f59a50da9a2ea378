// Uses of what is on disk: counted for the policy, and remembered in the index until the next decision.

import type { Place } from './disk-index.ts'
import { USED } from './disk-index.ts'
import type { DiskLog } from './disk-log.ts'
import { recordBytesOf } from './disk-record.ts'
import type { Candidate } from './disk-retention.ts'
import { UNKNOWN_CLASS } from './disk-retention.ts'
import type { Slab } from './slabs.ts'

/** To be told of each use of a record that is in the index. */
export function useRecord({ index, slabs, retention }: DiskLog, slot: number): void {
  retention.use(index.nameOf(slot))
  if (index.has(slot, USED)) return
  index.add(slot, USED)
  const slab = slabs.get(index.placeOf(slot).slab)
  if (slab !== undefined) retention.reuse(index.useClassOf(slot), slab.startedAtByte)
}

export interface SlabRecord extends Candidate {
  readonly place: Place
}

/** What can still be found of a slab. A head and the segment in one record stay together. */
export function recordsOf({ index }: DiskLog, slab: Slab): readonly SlabRecord[] {
  const records = new Map<number, SlabRecord>()
  for (const slot of index.slotsOf(slab.number)) {
    const place = index.placeOf(slot)
    const other = records.get(place.offset)
    const isUsed = index.isUsed(slot) || other?.isUsed === true
    const isKnown = index.useClassOf(slot) !== UNKNOWN_CLASS || other?.isUnknown === false
    // Where there is a head, it speaks for both.
    const speaks = other === undefined || index.isHead(slot)
    records.set(place.offset, {
      name: speaks ? index.nameOf(slot) : other.name,
      place: speaks ? place : other.place,
      bytes: recordBytesOf(place.dataBytes, Math.max(place.headBytes, other?.place.headBytes ?? 0)),
      isUsed,
      isUnknown: !isUsed && !isKnown,
    })
  }
  return [...records.values()]
}
