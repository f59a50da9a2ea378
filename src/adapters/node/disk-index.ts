// The index that decides, in memory: where the head of each key and each segment stand. One table of slots of
// 48 bytes, found by an open hash; the segments of a key hang from the key's slot, so that dropping a key
// finds them all. Nothing is ever scanned but the slots of a slab that is evicted.

import { createHash, randomInt } from 'node:crypto'

import type { BodyId } from '#core/entry/body-id.ts'
import type { InvalidationScope } from '#core/entry/invalidation-scope.ts'

import type { UseClass } from './disk-retention.ts'
import type { Fingerprint } from './frequency-sketch.ts'

/** 16 bytes as four numbers: a body, or the beginning of a key's digest. */
export type Id = Uint32Array

export interface Place {
  readonly slab: number
  readonly offset: number
  readonly dataBytes: number
  /** Of a head; 0 for a segment, even where its record has a head. */
  readonly headBytes: number
}

/** All of it checked against its checksums, or written, by this process. */
export const VERIFIED = 1
/** Read since it was written. */
export const USED = 2
/** A head whose variants must all be validated before use. */
export const INVALIDATED = 4
/** Flags from here on tell how its use is judged. */
const CLASS_AT = 8
const MAX_CLASS = 63
/** And from here on, which of the sixteen parts of the data have been compared with their checksums. */
const PARTS_AT = 16

export const NO_SLOT = 0
const NOWHERE: Place = { slab: 0, offset: 0, dataBytes: 0, headBytes: 0 }
/** Stands where a segment has its index. */
const HEAD = 0xffffffff
const STRIDE = 12
const SEGMENT = 4
const SLAB = 5
const OFFSET = 6
const DATA = 7
const HEADS = 8
const FLAGS = 9
const NEXT = 10
const PREVIOUS = 11
/** A segment has no head of its own: there it names the slot of its key. */
const OWNER = HEADS
/** A key's slot is the first of its chain: there it counts what its segments take, in units. */
const UNITS = PREVIOUS
const UNIT_BYTES = 4096

export function digestOf(key: InvalidationScope): Buffer {
  return createHash('sha256').update(key).digest()
}

export function idOf(bytes: Uint8Array): Id {
  return new Uint32Array(Uint8Array.from(bytes.subarray(0, 16)).buffer)
}

export function bodyIdOf(body: BodyId): Id {
  return idOf(Buffer.from(body, 'hex'))
}

/** Of a key. */
export function headName(key: Id): Fingerprint {
  return fingerprint(key[0] ?? 0, key[1] ?? 0)
}

export function segmentName(body: Id, segmentIndex: number): Fingerprint {
  return fingerprint((body[0] ?? 0) ^ Math.imul(segmentIndex + 1, 0x9e3779b1), body[1] ?? 0)
}

function fingerprint(low: number, high: number): Fingerprint {
  return (low >>> 0) + (high & 0x1fffff) * 2 ** 32
}

/** Flags of a record that was just written. */
export function flagsOf(flags: number, useClass: UseClass): number {
  return flags | (useClass << CLASS_AT)
}

export class DiskIndex {
  headCount = 0
  segmentCount = 0

  // Without a secret, keys could be made to fall on each other.
  readonly #seed = randomInt(0x7fffffff)
  #words = new Uint32Array(STRIDE * 1024)
  #table = new Uint32Array(2048)
  /** Slot 0 means none. Free slots hang from each other by NEXT. */
  #endSlot = 1
  #freeSlot = NO_SLOT
  #slotCount = 0

  /** Memory the table takes. */
  get bytes(): number {
    return this.#words.byteLength + this.#table.byteLength
  }

  /** Heads and segments. */
  get recordCount(): number {
    return this.headCount + this.segmentCount
  }

  /** What the segments of the key take, roughly. */
  segmentBytesOf(key: Id): number {
    return this.#word(this.#find(key, HEAD), UNITS) * UNIT_BYTES
  }

  /** The name by which uses of a record are counted. */
  nameOf(slot: number): Fingerprint {
    const named = this.#speakerOf(slot)
    const [low, high] = [this.#word(named, 0), this.#word(named, 1)]
    if (this.isHead(named)) return fingerprint(low, high)
    return segmentName(new Uint32Array([low, high]), this.#word(named, SEGMENT))
  }

  isUsed(slot: number): boolean {
    return this.has(slot, USED) || this.has(this.#speakerOf(slot), USED)
  }

  useClassOf(slot: number): UseClass {
    return (this.#word(slot, FLAGS) >>> CLASS_AT) & MAX_CLASS
  }

  /** The slot of the key's head, or `NO_SLOT`. */
  findHead(key: Id): number {
    const slot = this.#find(key, HEAD)
    return this.#word(slot, SLAB) === 0 ? NO_SLOT : slot
  }

  findSegment(body: Id, segmentIndex: number): number {
    return this.#find(body, segmentIndex)
  }

  /** Whether anything of the key is here. */
  hasKey(key: Id): boolean {
    return this.#find(key, HEAD) !== NO_SLOT
  }

  putHead(key: Id, place: Place, flags: number): void {
    const slot = this.#find(key, HEAD) || this.#allocate(key, HEAD)
    if (this.#word(slot, SLAB) === 0) this.headCount++
    this.#setPlace(slot, place, flags)
  }

  putSegment(key: Id, body: Id, segmentIndex: number, place: Place, flags: number): void {
    let slot = this.#find(body, segmentIndex)
    if (slot === NO_SLOT) {
      slot = this.#allocate(body, segmentIndex)
      const owner = this.#find(key, HEAD) || this.#allocate(key, HEAD)
      const next = this.#word(owner, NEXT)
      this.#setWord(slot, OWNER, owner)
      this.#setWord(slot, NEXT, next)
      this.#setWord(slot, PREVIOUS, owner)
      if (next !== NO_SLOT) this.#setWord(next, PREVIOUS, slot)
      this.#setWord(owner, NEXT, slot)
      this.segmentCount++
    }
    this.#setPlace(slot, place, flags)
  }

  placeOf(slot: number): Place {
    return {
      slab: this.#word(slot, SLAB),
      offset: this.#word(slot, OFFSET) * UNIT_BYTES,
      dataBytes: this.#word(slot, DATA),
      headBytes: this.isHead(slot) ? this.#word(slot, HEADS) : 0,
    }
  }

  isAt(slot: number, { slab, offset }: Place): boolean {
    if (slot === NO_SLOT || this.#word(slot, SLAB) !== slab) return false
    return this.#word(slot, OFFSET) * UNIT_BYTES === offset
  }

  has(slot: number, flag: number): boolean {
    return (this.#word(slot, FLAGS) & flag) !== 0
  }

  /** @param parts Of the data, a bit each. */
  isChecked(slot: number, parts: number): boolean {
    const checked = this.#word(slot, FLAGS) >>> PARTS_AT
    return this.has(slot, VERIFIED) || (checked & parts) === parts
  }

  addChecked(slot: number, parts: number): void {
    this.add(slot, parts << PARTS_AT)
  }

  add(slot: number, flag: number): void {
    if (slot !== NO_SLOT) this.#setWord(slot, FLAGS, (this.#word(slot, FLAGS) | flag) >>> 0)
  }

  /** Takes out one head or one segment. */
  forget(slot: number): void {
    if (this.#word(slot, SEGMENT) === HEAD) {
      if (this.#word(slot, SLAB) !== 0) this.headCount--
      this.#setPlace(slot, NOWHERE, 0)
      return this.#releaseIfEmpty(slot)
    }
    const owner = this.#word(slot, OWNER)
    const previous = this.#word(slot, PREVIOUS)
    const next = this.#word(slot, NEXT)
    this.#setWord(previous, NEXT, next)
    if (next !== NO_SLOT) this.#setWord(next, PREVIOUS, previous)
    this.#count(slot, -1)
    this.segmentCount--
    this.#release(slot)
    this.#releaseIfEmpty(owner)
  }

  /** Takes out the key's head and all its segments. */
  dropKey(key: Id): void {
    for (let slot = this.#find(key, HEAD); slot !== NO_SLOT; slot = this.#find(key, HEAD)) {
      const next = this.#word(slot, NEXT)
      this.forget(next === NO_SLOT ? slot : next)
    }
  }

  slotsOf(slab: number): readonly number[] {
    const slots: number[] = []
    for (let slot = 1; slot < this.#endSlot; slot++) {
      if (this.#words[slot * STRIDE + SLAB] === slab) slots.push(slot)
    }
    return slots
  }

  isHead(slot: number): boolean {
    return this.#word(slot, SEGMENT) === HEAD
  }

  /** The beginning of the digest of the key, of a head or of a segment. */
  keyOf(segment: number): Uint8Array {
    const slot = this.isHead(segment) ? segment : this.#word(segment, OWNER)
    return new Uint8Array(this.#words.slice(slot * STRIDE, slot * STRIDE + 4).buffer)
  }

  /** What stands in the slot of a segment: 16 bytes that name the body, and which of its segments. */
  segmentAt(slot: number): { readonly body: Uint8Array; readonly segmentIndex: number } {
    const body = new Uint8Array(this.#words.slice(slot * STRIDE, slot * STRIDE + 4).buffer)
    return { body, segmentIndex: this.#word(slot, SEGMENT) }
  }

  clear(): void {
    this.#words = new Uint32Array(STRIDE * 1024)
    this.#table = new Uint32Array(2048)
    this.#endSlot = 1
    this.#freeSlot = NO_SLOT
    this.#slotCount = this.headCount = this.segmentCount = 0
  }

  /** A first segment is used with its head, and that may be in memory: so the head speaks for it. */
  #speakerOf(slot: number): number {
    return this.#word(slot, SEGMENT) === 0 ? this.#word(slot, OWNER) : slot
  }

  #word(slot: number, field: number): number {
    return this.#words[slot * STRIDE + field] ?? 0
  }

  #setWord(slot: number, field: number, value: number): void {
    this.#words[slot * STRIDE + field] = value
  }

  #setPlace(slot: number, place: Place, flags: number): void {
    if (!this.isHead(slot)) this.#count(slot, -1)
    this.#setWord(slot, SLAB, place.slab)
    this.#setWord(slot, OFFSET, place.offset / UNIT_BYTES)
    this.#setWord(slot, DATA, place.dataBytes)
    if (this.isHead(slot)) this.#setWord(slot, HEADS, place.headBytes)
    this.#setWord(slot, FLAGS, flags)
    if (!this.isHead(slot)) this.#count(slot, 1)
  }

  /** Adds what the segment takes to what its key takes, or takes it away again. */
  #count(segment: number, sign: 1 | -1): void {
    const owner = this.#word(segment, OWNER)
    const units = Math.ceil(this.#word(segment, DATA) / UNIT_BYTES)
    this.#setWord(owner, UNITS, this.#word(owner, UNITS) + sign * units)
  }

  #find(id: Id, segment: number): number {
    const mask = this.#table.length - 1
    let at = this.#hash(id[0] ?? 0, id[1] ?? 0, segment) & mask
    for (let slot = this.#table[at] ?? 0; slot !== NO_SLOT; slot = this.#table[at] ?? 0) {
      if (this.#isSlotOf(slot, id, segment)) return slot
      at = (at + 1) & mask
    }
    return NO_SLOT
  }

  #isSlotOf(slot: number, id: Id, segment: number): boolean {
    const words = this.#words
    const at = slot * STRIDE
    return (
      words[at] === id[0] &&
      words[at + 1] === id[1] &&
      words[at + 2] === id[2] &&
      words[at + 3] === id[3] &&
      words[at + SEGMENT] === segment
    )
  }

  #hash(a: number, b: number, segment: number): number {
    let hash = Math.imul(a ^ this.#seed, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0xc2b2ae35)
    hash = Math.imul(hash ^ (hash >>> 13) ^ segment, 0x9e3779b1)
    return (hash ^ (hash >>> 16)) >>> 0
  }

  #homeOf(slot: number): number {
    const hash = this.#hash(this.#word(slot, 0), this.#word(slot, 1), this.#word(slot, SEGMENT))
    return hash & (this.#table.length - 1)
  }

  #enter(slot: number): void {
    const mask = this.#table.length - 1
    let at = this.#homeOf(slot)
    while (this.#table[at] !== NO_SLOT) at = (at + 1) & mask
    this.#table[at] = slot
  }

  #leave(slot: number): void {
    const mask = this.#table.length - 1
    let at = this.#homeOf(slot)
    while (this.#table[at] !== slot) at = (at + 1) & mask
    // What follows moves up, so that no search ends at the gap.
    for (let next = (at + 1) & mask; ; next = (next + 1) & mask) {
      const moved = this.#table[next] ?? 0
      if (moved === NO_SLOT) break
      const home = this.#homeOf(moved)
      if (((next - home) & mask) < ((next - at) & mask)) continue
      this.#table[at] = moved
      at = next
    }
    this.#table[at] = NO_SLOT
  }

  #allocate(id: Id, segment: number): number {
    if (this.#slotCount * 2 >= this.#table.length) this.#growTable()
    const slot = this.#takeSlot()
    this.#words.fill(0, slot * STRIDE, (slot + 1) * STRIDE)
    this.#words.set(id, slot * STRIDE)
    this.#setWord(slot, SEGMENT, segment)
    this.#slotCount++
    this.#enter(slot)
    return slot
  }

  #takeSlot(): number {
    const free = this.#freeSlot
    if (free !== NO_SLOT) {
      this.#freeSlot = this.#word(free, NEXT)
      return free
    }
    const slot = this.#endSlot++
    if (this.#endSlot * STRIDE > this.#words.length) {
      const grown = new Uint32Array(this.#words.length * 2)
      grown.set(this.#words)
      this.#words = grown
    }
    return slot
  }

  #growTable(): void {
    const before = this.#table
    this.#table = new Uint32Array(before.length * 2)
    for (const slot of before) if (slot !== NO_SLOT) this.#enter(slot)
  }

  #release(slot: number): void {
    this.#leave(slot)
    this.#setWord(slot, SLAB, 0)
    this.#setWord(slot, NEXT, this.#freeSlot)
    this.#freeSlot = slot
    this.#slotCount--
  }

  /** A key without a head still holds its segments together; it has no slab. */
  #releaseIfEmpty(key: number): void {
    if (this.#word(key, SLAB) === 0 && this.#word(key, NEXT) === NO_SLOT) this.#release(key)
  }
}
