// `npm run bench -- hit-ratio`: what the disk tier's policy hits, beside plain LRU and nginx's `min_uses 2`,
// on traces drawn by a seed. The policy is the disk tier's own; only its bytes are left out.

import { createLru, createLruWithMinUses, DiskModel } from './cache-models.ts'
import type { CacheModel } from './cache-models.ts'
import type { Trace } from './traces.ts'
import { RECORD_BYTES, recency, zipfThenOthers, zipfWithLargeObject } from './traces.ts'
import { zipfWithScan } from './traces.ts'

/** In percent, of the requests that count. */
export interface HitRatio {
  readonly objects: number
  readonly bytes: number
  /** Written while the trace ran, in capacities. */
  readonly written: number
}

export interface HitRatios {
  readonly lru: HitRatio
  readonly minUses: HitRatio
  readonly sluice: HitRatio
}

export function measureHitRatios(trace: Trace, capacityBytes: number, seed: number): HitRatios {
  return {
    lru: measureModel(createLru(capacityBytes), trace, capacityBytes, seed),
    minUses: measureModel(createLruWithMinUses(capacityBytes), trace, capacityBytes, seed),
    sluice: measureModel(new DiskModel(capacityBytes), trace, capacityBytes, seed),
  }
}

function measureModel(
  model: CacheModel,
  trace: Trace,
  capacityBytes: number,
  seed: number,
): HitRatio {
  let count = 0
  let bytes = 0
  let hitCount = 0
  let hitBytes = 0
  for (const request of trace.requests(capacityBytes, seed)) {
    const isHit = model.request(request)
    if (!request.isCounted) continue
    count++
    bytes += request.bytes
    if (!isHit) continue
    hitCount++
    hitBytes += request.bytes
  }
  return {
    objects: (100 * hitCount) / count,
    bytes: (100 * hitBytes) / bytes,
    written: model.writtenBytes / capacityBytes,
  }
}

const TRACES: readonly Trace[] = [
  zipfWithScan(30, 1),
  zipfWithScan(30, 1, { useCount: 2 }),
  zipfWithScan(30, 1, { sizes: 'mixed' }),
  zipfWithScan(10, 1),
  zipfWithScan(10, 0),
  zipfWithScan(0.8, 1),
  zipfWithLargeObject(10, 10),
  recency(0.1),
  recency(0.3),
  recency(1),
  zipfThenOthers(10),
]
const CAPACITY_BYTES = 4000 * RECORD_BYTES
const SEED = 1

/** @returns A table in Markdown: objects hit and bytes hit, in percent, and what was written. */
export function hitRatioTable(): string {
  const rows = TRACES.map((trace) => {
    const { lru, minUses, sluice } = measureHitRatios(trace, CAPACITY_BYTES, SEED)
    const shown = [lru, minUses, sluice].map(
      ({ objects, bytes, written }) =>
        `${objects.toFixed(1)} / ${bytes.toFixed(1)} (${written.toFixed(0)})`,
    )
    const gains = [lru, minUses].map(({ objects }) => signed(sluice.objects - objects))
    process.stderr.write(`${trace.name}: ${gains.join(', ')}\n`)
    return `| ${trace.name} | ${shown.join(' | ')} | ${gains.join(' | ')} |`
  })
  return [
    '| trace | LRU | LRU, min_uses 2 | Sluice | over LRU | over min_uses 2 |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function signed(points: number): string {
  return `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(1)}`
}
