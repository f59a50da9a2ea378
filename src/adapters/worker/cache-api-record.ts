import type { CacheKey } from '#core/entry/cache-key.ts'
import type { Mark, StoredResponse } from '#core/entry/stored-response.ts'
import { CACHE_CONTROL } from './cache-api-segment.ts'

/** A head with where the log of its isolate was when it was written. */
export interface RecordedHead {
  readonly head: StoredResponse
  readonly logPosition: number
  readonly logId: string
}

/** What is kept of a key. */
export interface KeyRecord {
  /** The most recent first. */
  readonly heads: readonly RecordedHead[]
  readonly mark: Mark | undefined
}

/** Changes with the shape of a record: one of another shape is a miss. */
const FORMAT = 2

export function encodeRecord({ heads, mark }: KeyRecord, key: CacheKey): Response {
  return new Response(JSON.stringify({ format: FORMAT, key, heads, mark }), {
    headers: { 'cache-control': CACHE_CONTROL, 'content-type': 'application/json' },
  })
}

/** @returns `undefined` for a record of another key, of another format, or cut short. */
export function decodeRecord(text: string, key: CacheKey): KeyRecord | undefined {
  const found: unknown = JSON.parse(text)
  if (!isRecord(found) || found.format !== FORMAT || found.key !== key) return undefined
  // Written by `encodeRecord` of this format, in a cache that nobody else writes to.
  return { heads: found.heads as readonly RecordedHead[], mark: found.mark as Mark | undefined }
}

interface EncodedRecord {
  readonly format: unknown
  readonly key: unknown
  readonly heads: readonly unknown[]
  readonly mark?: unknown
}

function isRecord(value: unknown): value is EncodedRecord {
  if (typeof value !== 'object' || value === null) return false
  return 'format' in value && 'key' in value && 'heads' in value && Array.isArray(value.heads)
}

/** The digest finds the record; the key in it is compared whole. */
export async function recordUrlOf(key: CacheKey): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key))
  let hex = ''
  for (const byte of new Uint8Array(digest)) hex += byte.toString(16).padStart(2, '0')
  return `https://sluice.invalid/head/${hex}`
}
