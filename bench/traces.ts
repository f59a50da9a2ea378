// Requests to a cache of a certain size, by seed: who asks for what, in which order.

import { createSeededRandom } from '../test/support/seeded-random.ts'
import type { SeededRandom } from '../test/support/seeded-random.ts'

export interface TraceRequest {
  /** Of the record: an object, or a segment of a large one. */
  readonly id: number
  /** Of the object. */
  readonly object: number
  readonly bytes: number
  /** Whether it counts for the hit ratio: the warming-up does not, nor does a scan that nothing could hit. */
  readonly isCounted: boolean
}

export interface Trace {
  readonly name: string
  requests(capacityBytes: number, seed: number): Generator<TraceRequest>
}

export const RECORD_BYTES = 2 ** 20
/** Ids of scans, of the large object and of what is popular later begin here, beyond any catalogue. */
const SCAN = 2 ** 32
const LARGE = 2 ** 33
const LATER = 2 ** 34

type BytesOf = (id: number) => number
const equal: BytesOf = () => RECORD_BYTES
/** From 16 KiB to 1 MiB, evenly over the powers. */
const mixed: BytesOf = (id) => Math.round(2 ** (14 + 6 * (hashOf(id) / 2 ** 32)))

export interface ScanOptions {
  readonly sizes?: 'equal' | 'mixed'
  /** How often the scan asks for the same: more than once where it asks with HEAD first, or for parts. */
  readonly useCount?: number
}

/**
 * Popular objects of a catalogue (Zipf 0.9), while ten times the capacity is asked for that nobody asks again.
 *
 * @param catalogueShare In capacities.
 * @param scanRate Requests of the scan to one for a popular object; 0: no scan, but as many requests as with 1.
 */
export function zipfWithScan(
  catalogueShare: number,
  scanRate: number,
  { sizes = 'equal', useCount = 1 }: ScanOptions = {},
): Trace {
  const bytesOf = sizes === 'equal' ? equal : mixed
  const often = useCount === 1 ? '' : `, each ${useCount} times`
  const scan = scanRate === 0 ? 'no scan' : `scan of 10 × capacity at ${scanRate} : 1${often}`
  return {
    name: `Zipf 0.9 over ${catalogueShare} × capacity, ${sizes} sizes, ${scan}`,
    *requests(capacityBytes, seed) {
      const random = createSeededRandom(seed)
      const zipf = createZipf(catalogueOf(catalogueShare, capacityBytes, bytesOf), random)
      yield* warm(zipf, bytesOf, capacityBytes)
      let scannedBytes = 0
      for (let i = 0; scannedBytes < 10 * capacityBytes; i++) {
        const scanned = SCAN + i
        scannedBytes += bytesOf(scanned)
        for (let use = 0; scanRate > 0 && use < useCount; use++) {
          yield { id: scanned, object: scanned, bytes: bytesOf(scanned), isCounted: false }
        }
        if (scanRate > 0 && i % scanRate !== 0) continue
        const id = zipf()
        yield { id, object: id, bytes: bytesOf(id), isCounted: true }
      }
    },
  }
}

/** One object of so many times the capacity, read once from end to end, while the popular ones are asked. */
export function zipfWithLargeObject(catalogueShare: number, objectShare: number): Trace {
  return {
    name: `Zipf 0.9 over ${catalogueShare} × capacity, one object of ${objectShare} × capacity`,
    *requests(capacityBytes, seed) {
      const random = createSeededRandom(seed)
      const zipf = createZipf(catalogueOf(catalogueShare, capacityBytes, equal), random)
      yield* warm(zipf, equal, capacityBytes)
      for (let i = 0; i * RECORD_BYTES < objectShare * capacityBytes; i++) {
        yield { id: LARGE + i, object: LARGE, bytes: RECORD_BYTES, isCounted: false }
        const id = zipf()
        yield { id, object: id, bytes: RECORD_BYTES, isCounted: true }
      }
    },
  }
}

/**
 * What was asked lately is asked again, however often it was asked before: each request goes a random way
 * back in the order of last use, a tenth of them to something new.
 *
 * @param meanShare Of the way, in capacities.
 */
export function recency(meanShare: number): Trace {
  return {
    name: `recency alone, ${meanShare} × capacity back on average`,
    *requests(capacityBytes, seed) {
      const random = createSeededRandom(seed)
      const capacity = capacityBytes / RECORD_BYTES
      const used: number[] = []
      let newest = 0
      for (let i = 0; i < 20 * capacity; i++) {
        const back = Math.floor(-Math.log(1 - random.next()) * meanShare * capacity)
        const isNew = random.chance(0.1) || back >= used.length
        const [known] = isNew ? [] : used.splice(used.length - 1 - back, 1)
        const id = known ?? newest++
        used.push(id)
        if (used.length > 16 * capacity) used.splice(0, capacity)
        yield { id, object: id, bytes: RECORD_BYTES, isCounted: i >= 10 * capacity }
      }
    },
  }
}

/** From one moment to the next, others are popular. */
export function zipfThenOthers(catalogueShare: number): Trace {
  return {
    name: `Zipf 0.9 over ${catalogueShare} × capacity, then over others`,
    *requests(capacityBytes, seed) {
      const random = createSeededRandom(seed)
      const count = catalogueOf(catalogueShare, capacityBytes, equal)
      const zipf = createZipf(count, random)
      yield* warm(zipf, equal, capacityBytes)
      for (let i = 0; i < (20 * capacityBytes) / RECORD_BYTES; i++) {
        const id = LATER + zipf()
        yield { id, object: id, bytes: RECORD_BYTES, isCounted: true }
      }
    },
  }
}

/** Two hundred times what fits. */
function* warm(zipf: () => number, bytesOf: BytesOf, capacityBytes: number) {
  for (let bytes = 0; bytes < 200 * capacityBytes; ) {
    const id = zipf()
    bytes += bytesOf(id)
    yield { id, object: id, bytes: bytesOf(id), isCounted: false }
  }
}

/** How many objects make up so many capacities. */
function catalogueOf(share: number, capacityBytes: number, bytesOf: BytesOf): number {
  let count = 0
  for (let bytes = 0; bytes < share * capacityBytes; count++) bytes += bytesOf(count)
  return count
}

/** Ranks from 0; rank `i` is asked in proportion to `1 / (i + 1) ** 0.9`. */
export function createZipf(count: number, random: SeededRandom): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let i = 0; i < count; i++) {
    sum += (i + 1) ** -0.9
    sums[i] = sum
  }
  return () => {
    const wanted = random.next() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

export function hashOf(id: number): number {
  let hash = Math.imul((id | 0) ^ Math.imul(Math.floor(id / 2 ** 32), 0x9e3779b1), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
