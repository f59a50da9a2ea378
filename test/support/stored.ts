// Stored responses and bodies for tests of stores: each byte tells which body and place it belongs to.

import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import { cacheKeyOf } from '#core/entry/cache-key.ts'
import { segmentCountOf, segmentLengthOf } from '#core/entry/segment.ts'
import type { StoredResponse } from '#core/entry/stored-response.ts'
import { NOTHING_NOMINATED } from '#core/entry/stored-response.ts'

import { oracleBytes } from './oracle.ts'

/** Small, and no multiple of the oracle's block, so that segments of a body begin differently. */
export const TEST_SEGMENT_BYTES = 1000

export function testKey(name: string): CacheKey {
  return cacheKeyOf('test', '', `/${name}`)
}

/** 32 hexadecimal digits made of a name (FNV-1a, four times), as a real one has. */
export function testBody(name: string): BodyId {
  let hex = ''
  for (let part = 0; part < 4; part++) {
    let hash = 0x811c9dc5
    for (const byte of Buffer.from(`${part}:${name}`)) hash = Math.imul(hash ^ byte, 0x01000193)
    hex += (hash >>> 0).toString(16).padStart(8, '0')
  }
  return hex as BodyId
}

/** A head with every field set to something; `key`, `body` and lengths are what tests vary. */
export function testHead(
  key: CacheKey,
  body: BodyId,
  changes: Partial<StoredResponse> = {},
): StoredResponse {
  return {
    key,
    nominated: NOTHING_NOMINATED,
    status: 200,
    fields: ['content-type', 'text/plain', 'etag', '"v1"', 'x-two', 'a', 'x-two', 'b'],
    validators: {
      etag: { weak: false, opaque: '"v1"' },
      lastModifiedMs: 1_700_000_000_000,
      dateMs: 1_700_000_100_000,
    },
    body,
    joinable: true,
    segmentBytes: TEST_SEGMENT_BYTES,
    completeLength: 2 * TEST_SEGMENT_BYTES + 500,
    validatedAtMs: 1_700_000_100_000,
    invalidated: false,
    groups: [],
    bornAtMs: 1_700_000_090_000,
    freshnessLifetimeMs: 60_000,
    staleWhileRevalidateMs: 30_000,
    staleIfErrorMs: 86_400_000,
    mustRevalidate: false,
    mustValidate: false,
    ownWindowsOnly: false,
    immutable: false,
    sharedWithCredentials: true,
    ...changes,
  }
}

/** A segment of a body as it must be, in a buffer of its own. */
export function testSegment(
  body: BodyId,
  index: number,
  completeLength = 2 * TEST_SEGMENT_BYTES + 500,
): Uint8Array {
  const startByte = index * TEST_SEGMENT_BYTES
  const endByte = startByte + segmentLengthOf(index, completeLength, TEST_SEGMENT_BYTES)
  return Uint8Array.from(oracleBytes({ object: body, version: 0, startByte, endByte }))
}

export function testSegmentCount(completeLength: number): number {
  return segmentCountOf(completeLength, TEST_SEGMENT_BYTES)
}
