// One segment as a response of the Cache API, which answers ranges of it by itself.

import type { BodyId } from '#core/entry/body-id.ts'
import { parseContentRange } from '#core/http/byte-range.ts'

/** How long an entry may stay, whatever its freshness: that is judged by us, from the head. */
export const CACHE_CONTROL = 'public, max-age=31536000, immutable'

/** Our own word for the length, as a cache may serve an entry that it has only in part. */
const LENGTH = 'x-sluice-length'

export function segmentUrlOf(body: BodyId, index: number): string {
  return `https://sluice.invalid/seg/${body}/${index}`
}

export function segmentResponse(bytes: Uint8Array): Response {
  return new Response(bytes as BodyInit, {
    headers: {
      'cache-control': CACHE_CONTROL,
      'content-type': 'application/octet-stream',
      [LENGTH]: String(bytes.byteLength),
    },
  })
}

/** Exactly `[startByte, endByte)` of the segment, cut at its end; anything less is a miss. */
export async function readStoredSegment(
  cache: Cache,
  url: string,
  startByte: number,
  endByte: number,
): Promise<Uint8Array | undefined> {
  const range = `bytes=${startByte}-${endByte - 1}`
  const request = new Request(url, { headers: { range } })
  const response = await cache.match(request)
  if (response === undefined) return undefined
  const length = Number(response.headers.get(LENGTH))
  const wantedBytes = Math.min(endByte, length) - startByte
  if (response.status === 206) {
    const told = parseContentRange(response.headers.get('content-range') ?? '')
    const isRight = told?.completeLength === length && told.span?.startByte === startByte
    const bytes = new Uint8Array(await response.arrayBuffer())
    return isRight && bytes.byteLength === wantedBytes ? bytes : undefined
  }
  // A cache that ignored the range, or had nothing in it (416).
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (response.status !== 200 || bytes.byteLength !== length) return undefined
  return wantedBytes > 0 ? bytes.subarray(startByte, endByte) : undefined
}
