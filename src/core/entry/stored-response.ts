import type { DigestAlgorithm, ExpectedDigest } from '../http/digest-fields.ts'
import type { Validators } from '../http/preconditions.ts'
import type { BodyId } from './body-id.ts'
import type { CacheKey } from './cache-key.ts'
import type { Fields } from './fields.ts'
import type { GroupId } from './invalidation-scope.ts'

/** When and how a stored response may be used; the verdict of `policy/freshness.ts`. */
export interface Freshness {
  /** The instant at which its current age was zero (RFC 9111 §4.2.3), so that age is `nowMs - bornAtMs`. */
  readonly bornAtMs: number
  readonly freshnessLifetimeMs: number
  /** How long past its lifetime it may be served while it is validated (RFC 5861 §3). */
  readonly staleWhileRevalidateMs: number
  /** How long past its lifetime it may be served when the origin fails (RFC 5861 §4). */
  readonly staleIfErrorMs: number
  /** Never to be served stale, whatever is asked (`must-revalidate` and its kin, RFC 9111 §5.2.2). */
  readonly mustRevalidate: boolean
  /** To be served stale in the windows that it names itself, and no others (`s-maxage`, RFC 9111 §5.2.2.10). */
  readonly ownWindowsOnly: boolean
  /** To be validated before each use (`no-cache`, RFC 9111 §5.2.2.4). */
  readonly mustValidate: boolean
  /** Not to be validated as long as it is fresh, as it cannot change (RFC 8246 §2). */
  readonly immutable: boolean
  /** May answer requests with credentials: `public`, `s-maxage` or `must-revalidate` (RFC 9111 §3.5). */
  readonly sharedWithCredentials: boolean
}

/** Nominated field names (Vary, RFC 9111 §4.1) and the values they had in the forwarded request. */
export interface Nominated {
  readonly names: readonly string[]
  /** One for each name, normalised: empty for a field that is absent, else `=` and its value. */
  readonly values: readonly string[]
}

export const NOTHING_NOMINATED: Nominated = { names: [], values: [] }

/** The head of a stored response: everything but the bytes, which hang from `body`. */
export interface StoredResponse extends Freshness {
  readonly key: CacheKey
  readonly nominated: Nominated
  /** Never 206: a partial response is stored as what it is a part of. */
  readonly status: number
  /** End-to-end fields, without Age, Content-Length and Content-Range, which each answer gets anew. */
  readonly fields: Fields
  readonly validators: Validators
  readonly body: BodyId
  /** Whether bytes of separate fetches may be put together: the body has a strong validator. */
  readonly joinable: boolean
  readonly segmentBytes: number
  /** `undefined` only while a body of unknown length is being received. Never so in a store. */
  readonly completeLength: number | undefined
  /** When the origin last said that this is current. */
  readonly validatedAtMs: number
  /** Invalidated (RFC 9111 §4.4): not to be used before it has been validated. */
  readonly invalidated: boolean
  /** Until then its origin is known to answer ranges of it with the whole. */
  readonly rangesIgnoredUntilMs?: number
  /** Groups with which it may be invalidated (RFC 9875 §2). */
  readonly groups: readonly GroupId[]
  /** What the origin said that all bytes of the body together have, the strongest first; absent, nothing. */
  readonly digests?: readonly ExpectedDigest[]
  /** The one of them that all bytes, when they had come, turned out to have. */
  readonly verified?: DigestAlgorithm
}

/**
 * What stands in for a response that is not stored.
 *
 * - `hit-for-miss`: it was for one client alone; nothing waits for the next.
 * - `mismatch`: it was not what its digest said; the next is passed on, and not looked at.
 */
export interface Mark {
  readonly kind: 'hit-for-miss' | 'mismatch'
  readonly expiresAtMs: number
}

/** A variant with its bytes, where one segment holds them all and the store has it at hand. */
export interface Variant {
  readonly head: StoredResponse
  readonly onlySegment?: Uint8Array | undefined
  /** Where the log of invalidations was when it was fetched. */
  readonly logPosition: number
}

/** What a store holds for a key. */
export interface Entry {
  /** The most recent first. */
  readonly variants: readonly Variant[]
  readonly mark?: Mark | undefined
}

/** Whether both are what the same requests select. */
export function isSameSelection(
  { nominated: a }: Pick<StoredResponse, 'nominated'>,
  { nominated: b }: Pick<StoredResponse, 'nominated'>,
): boolean {
  return (
    a.names.length === b.names.length &&
    a.names.every((name, i) => name === b.names[i]) &&
    a.values.every((value, i) => value === b.values[i])
  )
}
