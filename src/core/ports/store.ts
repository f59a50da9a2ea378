import type { BodyId } from '../entry/body-id.ts'
import type { Maybe } from '../entry/byte-source.ts'
import type { CacheKey } from '../entry/cache-key.ts'
import type { GroupId, InvalidationScope } from '../entry/invalidation-scope.ts'
import type { SegmentSet } from '../entry/segment.ts'
import type { Entry, Mark, StoredResponse } from '../entry/stored-response.ts'

/** Permission to write under a key what an origin is about to be asked. */
export interface WriteTicket {
  readonly key: CacheKey
  /** Of the last invalidation of the key, when the ticket was taken. A later one supersedes the ticket. */
  readonly position: number
  /** Position of the last hard purge of the key; part of each new `BodyId`. */
  readonly generation: number
  /** Of the whole log, when the ticket was taken: what is stored under it is judged by what came later. */
  readonly logPosition: number
}

export type Recorded = 'recorded' | 'unwritten'

/**
 * Keeps heads by cache key and segments by body. Everything but `peek`, `ticket` and `presence` may answer
 * later. A store never fails a request: what it cannot read is absent, what it cannot write is dropped,
 * and both are told as events by the store itself.
 */
export interface Store {
  /** What memory holds, now. `'ask'`: a slower tier may have it. Never a promise. */
  peek(key: CacheKey): Entry | undefined | 'ask'
  read(key: CacheKey): Promise<Entry | undefined>
  /**
   * Taken before the origin is asked. Writes under a ticket older than an invalidation of the key are refused.
   *
   * @param groups Whose invalidations count for `position` as well.
   */
  ticket(key: CacheKey, groups?: readonly GroupId[]): WriteTicket
  /** Adds the variant or replaces the one with the same nominated values; evicts the oldest above the cap. */
  writeHead(ticket: WriteTicket, head: StoredResponse): Maybe<'stored' | 'superseded'>
  /** Remembers for a while that the key is not worth waiting for. Heads of the key stay as they are. */
  writeMark(ticket: WriteTicket, mark: Mark): Maybe<void>
  /**
   * One line in the log of invalidations, which each access obeys: nothing is scanned. `validate`: reuse only
   * after validation (RFC 9111 §4.4, soft purge). `drop`: never again (hard purge). All variants.
   *
   * @returns `unwritten`: this process obeys it, and one that is started later may not.
   */
  invalidate(scope: InvalidationScope, how: 'validate' | 'drop'): Maybe<Recorded>
  /** Which segments are here: a hint for planning. `undefined`: this store cannot tell cheaply. */
  presence(body: BodyId): SegmentSet | undefined
  /**
   * A read-only view of `[startByte, endByte)` within the segment, or nothing. The view stays as it is for
   * as long as anybody holds it.
   */
  readSegment(
    body: BodyId,
    index: number,
    startByte: number,
    endByte: number,
  ): Maybe<Uint8Array | undefined>
  /** Takes over `bytes`: the caller no longer writes to them. The length is the whole segment's. */
  writeSegment(ticket: WriteTicket, body: BodyId, index: number, bytes: Uint8Array): Maybe<void>
}
