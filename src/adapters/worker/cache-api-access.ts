import type { BodyId } from '#core/entry/body-id.ts'
import type { CacheKey } from '#core/entry/cache-key.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'
import type { KeyRecord } from './cache-api-record.ts'
import { decodeRecord, encodeRecord, recordUrlOf } from './cache-api-record.ts'
import { readStoredSegment, segmentResponse, segmentUrlOf } from './cache-api-segment.ts'

export interface CacheApiAccessOptions {
  /**
   * The cache, opened anew for each operation, as a promise of one request must not be awaited by another. Of its
   * own: whoever shares it could read and replace what is stored.
   */
  cache(): Promise<Cache>
  record(event: FlowEvent): void
}

/** Records and segments in the Cache API. Nothing here throws: what fails is absent, or not done, and is told. */
export interface CacheApiAccess {
  readRecord(key: CacheKey): Promise<KeyRecord | undefined>
  /** @returns Whether it was written. */
  writeRecord(key: CacheKey, written: KeyRecord): Promise<boolean>
  deleteRecord(key: CacheKey): Promise<void>
  readSegment(
    body: BodyId,
    index: number,
    startByte: number,
    endByte: number,
  ): Promise<Uint8Array | undefined>
  writeSegment(body: BodyId, index: number, bytes: Uint8Array): Promise<void>
  deleteSegment(body: BodyId, index: number): Promise<void>
}

export function createCacheApiAccess(options: CacheApiAccessOptions): CacheApiAccess {
  async function attempt<T>(what: string, act: (cache: Cache) => Promise<T>) {
    try {
      return await act(await options.cache())
    } catch (error) {
      const message = `Cannot ${what} in the Cache API: ${String(error)}`
      options.record({ kind: 'store-failed', message })
      return undefined
    }
  }

  return {
    readRecord: (key) =>
      attempt('read record', async (cache) => {
        const response = await cache.match(await recordUrlOf(key))
        return response === undefined ? undefined : decodeRecord(await response.text(), key)
      }),
    async writeRecord(key, written) {
      const isWritten = await attempt('write record', async (cache) => {
        await cache.put(await recordUrlOf(key), encodeRecord(written, key))
        return true
      })
      return isWritten ?? false
    },
    async deleteRecord(key) {
      await attempt('delete record', async (cache) => cache.delete(await recordUrlOf(key)))
    },
    readSegment: (body, index, startByte, endByte) =>
      attempt('read segment', (cache) =>
        readStoredSegment(cache, segmentUrlOf(body, index), startByte, endByte),
      ),
    writeSegment: (body, index, bytes) =>
      attempt('write segment', (cache) =>
        cache.put(segmentUrlOf(body, index), segmentResponse(bytes)),
      ),
    async deleteSegment(body, index) {
      await attempt('delete segment', (cache) => cache.delete(segmentUrlOf(body, index)))
    },
  }
}
