// What must hold of all origin transfers together, where nothing goes wrong.

import { segmentIndexOf } from '#core/entry/segment.ts'
import { SEGMENT_BYTES } from './edge.ts'
import type { Edge } from './edge.ts'
import type { SeenFetch } from './fake-upstream.ts'
import type { SimulatedObject } from './simulation-objects.ts'

/** Says which bytes are fetched more often than they have to be. */
export function checkTransfers(
  edge: Edge,
  objects: readonly SimulatedObject[],
  chunkBytes: number,
): string[] {
  const problems: string[] = []
  for (const { path, versions } of objects) {
    const sizeBytes = versions.at(-1)?.sizeBytes ?? 0
    const fetches = edge.origin.requests.filter(({ target }) => target.startsWith(`${path}?`))
    const deliveredBytes = fetches.reduce((sum, fetched) => sum + fetched.deliveredBytes, 0)
    // What of the last chunk lies behind a segment's edge is lost with a transfer that ends there.
    const lostBytes = Math.max(0, fetches.length - 1) * chunkBytes
    if (deliveredBytes > sizeBytes + lostBytes) {
      const told = fetches.map(({ range, deliveredBytes: bytes }) => `${range}: ${bytes}`)
      problems.push(`${path}: ${deliveredBytes} of ${sizeBytes} bytes fetched: ${told.join(', ')}`)
    }
    const twice = findOverlap(fetches, sizeBytes)
    if (twice !== undefined) problems.push(`${path}: segment ${twice} is fetched twice at once`)
  }
  return problems
}

/** A segment that two transfers under way are to bring, both. */
function findOverlap(fetches: readonly SeenFetch[], sizeBytes: number): number | undefined {
  const seen = new Set<number>()
  for (const fetched of fetches) {
    if (fetched.outcome !== undefined || fetched.status === undefined) continue
    const { startByte, endByte } = spanOf(fetched, sizeBytes)
    const firstIndex = segmentIndexOf(startByte + fetched.deliveredBytes, SEGMENT_BYTES)
    for (let i = firstIndex; i * SEGMENT_BYTES < endByte; i++) {
      if (seen.has(i)) return i
      seen.add(i)
    }
  }
  return undefined
}

function spanOf(
  { status, range }: SeenFetch,
  sizeBytes: number,
): { startByte: number; endByte: number } {
  const [, firstPos = '', lastPos = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? []
  if (status === 416) return { startByte: 0, endByte: 0 }
  if (status !== 206) return { startByte: 0, endByte: sizeBytes }
  if (firstPos === '') {
    return { startByte: Math.max(0, sizeBytes - Number(lastPos)), endByte: sizeBytes }
  }
  const endByte = lastPos === '' ? sizeBytes : Math.min(sizeBytes, Number(lastPos) + 1)
  return { startByte: Number(firstPos), endByte }
}
