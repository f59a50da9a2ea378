import type { ByteSource } from './byte-source.ts'
import type { Scheme } from '../http/target.ts'
import type { CacheKey } from './cache-key.ts'
import type { Fields } from './fields.ts'
import type { RangeSpec } from '../http/byte-range.ts'
import type { RequestDirectives } from '../http/cache-control.ts'
import type { Preconditions } from '../http/preconditions.ts'

/** A request as it stood on the wire, before anyone has looked at it. */
export interface RawRequest {
  readonly method: string
  /** The request target, byte for byte: never from a parsed URL, which would normalise it. */
  readonly target: string
  /** `1.1`, `1.0`; what else a parser lets by is refused. */
  readonly httpVersion: string
  /** Field lines as received, names in any case. */
  readonly lines: readonly string[]
  readonly body: ByteSource | undefined
}

export const NO_PRECONDITIONS: Preconditions = {
  ifMatch: undefined,
  ifNoneMatch: undefined,
  ifModifiedSince: undefined,
  ifUnmodifiedSince: undefined,
  ifRange: undefined,
}

/** A request that was read strictly: what the cache needs to know of it. */
export interface Asked {
  readonly method: string
  readonly key: CacheKey
  /** Of the connection it came on; no part of the key. */
  readonly scheme: Scheme
  /** Normalised authority of the Host field. */
  readonly authority: string
  /** Raw path and query as they go to the origin, after the site's query rules. */
  readonly target: string
  readonly httpVersion: string
  /** End-to-end fields, names in lower case. */
  readonly fields: Fields
  readonly directives: RequestDirectives
  /** Only of a GET, and only if it was valid (RFC 9110 §14.2). */
  readonly range: readonly RangeSpec[] | undefined
  readonly preconditions: Preconditions
  /** Carries Authorization or Cookie that reaches the origin: its answer may be for one client only. */
  readonly hasCredentials: boolean
  readonly body: ByteSource | undefined
  /** Length of `body` where it was announced. */
  readonly bodyBytes: number | undefined
}

/** Whether If-Match or If-Unmodified-Since was sent: what only the origin may judge, mostly. */
export function asksUnmodified(asked: Asked): boolean {
  const { ifMatch, ifUnmodifiedSince } = asked.preconditions
  return ifMatch !== undefined || ifUnmodifiedSince !== undefined
}

/** Whether If-None-Match or If-Modified-Since was sent. */
export function asksModified(asked: Asked): boolean {
  const { ifNoneMatch, ifModifiedSince } = asked.preconditions
  return ifNoneMatch !== undefined || ifModifiedSince !== undefined
}
