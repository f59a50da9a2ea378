// Caches as sizes alone, without bytes: what would hit, and what would be written.

import type { UseClass, Retention } from '../src/adapters/node/disk-retention.ts'
import { MIN_FREED_SHARE, Retention as DiskRetention } from '../src/adapters/node/disk-retention.ts'
import { standardSlabBytes } from '../src/adapters/node/slabs.ts'
import type { TraceRequest } from './traces.ts'
import { hashOf } from './traces.ts'

export interface CacheModel {
  /** @returns Whether it was a hit. Afterwards it is stored, if the cache takes it. */
  request(request: TraceRequest): boolean
  readonly writtenBytes: number
}

/** Least recently used goes first; everything is taken. */
export function createLru(capacityBytes: number): CacheModel {
  return createLruOf(capacityBytes, 1)
}

/**
 * nginx with `proxy_cache_min_uses 2`: one list by last use for what is stored and for what was only asked,
 * from whose end its manager deletes, and with it what it has counted.
 */
export function createLruWithMinUses(capacityBytes: number): CacheModel {
  return createLruOf(capacityBytes, 2)
}

function createLruOf(capacityBytes: number, minUseCount: number): CacheModel {
  const nodes = new Map<number, { useCount: number; storedBytes: number }>()
  let bytes = 0
  let writtenBytes = 0
  return {
    get writtenBytes() {
      return writtenBytes
    },
    request(request) {
      const node = nodes.get(request.id) ?? { useCount: 0, storedBytes: 0 }
      nodes.delete(request.id)
      nodes.set(request.id, node)
      node.useCount++
      if (node.storedBytes > 0) return true
      if (node.useCount < minUseCount) return false
      node.storedBytes = request.bytes
      bytes += request.bytes
      writtenBytes += request.bytes
      for (const [oldest, { storedBytes }] of nodes) {
        if (bytes <= capacityBytes) break
        nodes.delete(oldest)
        bytes -= storedBytes
      }
      return false
    },
  }
}

interface ModelRecord {
  readonly id: number
  readonly object: number
  readonly bytes: number
  readonly name: number
  readonly useClass: UseClass
  isUsed: boolean
  readonly isUnknown: false
}

interface ModelSlab {
  readonly records: ModelRecord[]
  bytes: number
  readonly atByte: number
}

/** The disk tier: the policy itself, over slabs of sizes. */
export class DiskModel implements CacheModel {
  writtenBytes = 0
  readonly #capacityBytes: number
  readonly #slabBytes: number
  readonly #maxObjectBytes: number
  readonly #retention: Retention
  readonly #records = new Map<number, { record: ModelRecord; slab: ModelSlab }>()
  readonly #objectBytes = new Map<number, number>()
  readonly #slabs: ModelSlab[] = []
  #bytes = 0

  constructor(capacityBytes: number, objectShare = 0.25) {
    this.#capacityBytes = capacityBytes
    this.#slabBytes = standardSlabBytes(capacityBytes)
    this.#maxObjectBytes = capacityBytes * objectShare
    this.#retention = new DiskRetention(capacityBytes)
  }

  request({ id, object, bytes }: TraceRequest): boolean {
    const retention = this.#retention
    const found = this.#records.get(id)
    const name = hashOf(id) + (hashOf(id + 0.5 * 2 ** 31) & 0x1fffff) * 2 ** 32
    retention.use(name)
    if (found !== undefined) {
      if (!found.record.isUsed) retention.reuse(found.record.useClass, found.slab.atByte)
      found.record.isUsed = true
      return true
    }
    if ((this.#objectBytes.get(object) ?? 0) + bytes > this.#maxObjectBytes) return false
    const useClass = retention.admit(name, bytes)
    if (useClass === undefined) return false
    const keptBytes = this.#slabBytes * (1 - MIN_FREED_SHARE)
    while (this.#bytes + bytes > this.#capacityBytes - keptBytes) this.#evict()
    this.#append({ id, object, bytes, name, useClass, isUsed: false, isUnknown: false })
    return false
  }

  #append(record: ModelRecord): void {
    let slab = this.#slabs.at(-1)
    if (slab === undefined || slab.bytes + record.bytes > this.#slabBytes) {
      slab = { records: [], bytes: 0, atByte: this.#retention.clockBytes }
      this.#slabs.push(slab)
    }
    slab.records.push(record)
    slab.bytes += record.bytes
    this.#bytes += record.bytes
    this.writtenBytes += record.bytes
    this.#records.set(record.id, { record, slab })
    this.#retention.wrote(record.bytes, this.#records.size)
    this.#count(record, record.bytes)
  }

  #evict(): void {
    const slab = this.#slabs.shift()
    if (slab === undefined) return
    for (const record of slab.records) {
      this.#records.delete(record.id)
      this.#count(record, -record.bytes)
    }
    this.#bytes -= slab.bytes
    for (const { candidate, useClass } of this.#retention.keep(slab.records, slab.bytes)) {
      this.#append({ ...candidate, useClass, isUsed: false })
    }
  }

  #count({ object }: ModelRecord, bytes: number): void {
    const now = (this.#objectBytes.get(object) ?? 0) + bytes
    if (now === 0) this.#objectBytes.delete(object)
    else this.#objectBytes.set(object, now)
  }
}
