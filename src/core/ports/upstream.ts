import type { ByteSource } from '../entry/byte-source.ts'
import type { CacheKey } from '../entry/cache-key.ts'
import type { Fields } from '../entry/fields.ts'
import type { ExpectedDigest } from '../http/digest-fields.ts'
import type { ForwardReason } from '../http/cache-status.ts'
import type { RequestScope } from './request-scope.ts'

export interface UpstreamRequest {
  readonly method: string
  /** Origin-form: begins with one `/`. The upstream puts its own prefix before it. */
  readonly target: string
  /** End-to-end fields in lower case, without Host, which the upstream knows. */
  readonly fields: Fields
  /** The client's authority, where the site sends that as Host. */
  readonly authority: string | undefined
  /** Decides the owner among nodes. */
  readonly key: CacheKey
  readonly body: ByteSource | undefined
  /** Length of `body` where it was announced; else it goes chunked. */
  readonly bodyBytes?: number | undefined
  /** A body with a transfer coding that nobody knows is taken, to the end of its connection (RFC 9112 §6.3). */
  readonly takesUnknownCodings?: boolean
  /** It was asked for before: a second attempt, and counted as one. */
  readonly isRetry?: boolean
  /** Who asks will ask again by himself: it is not tried again where it failed. */
  readonly asksAgain?: boolean
  /** Something stored may stand in: it neither waits for a place, nor is it tried again where it failed. */
  readonly hasFallback?: boolean
  /** The connection that was kept for it has ended: another that was kept may end as well. */
  readonly needsFreshConnection?: boolean
  /** Told the address as soon as one is chosen. */
  readonly onAddress?: (address: string) => void
  /** Addresses that failed for this body just now, to be used last. */
  readonly avoid?: ReadonlySet<string> | undefined
}

/** How a body ended: all of it, broken, or because we wanted no more. */
export type Outcome =
  | { readonly kind: 'complete' }
  | { readonly kind: 'broken'; readonly error: UpstreamError }
  | { readonly kind: 'cancelled' }

export interface UpstreamResponse {
  readonly status: number
  /** Checked: names in lower case, values that can be written. */
  readonly fields: Fields
  /** Wall clock just before the request was sent and just after the head came (RFC 9111 §4.2.3). */
  readonly sentAtMs: number
  readonly receivedAtMs: number
  readonly from: { readonly kind: 'origin' | 'peer'; readonly address: string }
  /**
   * Whether the end of the body can be told from a cut: Content-Length or a last chunk, not the mere
   * end of the connection (RFC 9112 §6.3). Without it nothing may be stored.
   */
  readonly isDelimited: boolean
  /** Set by the flow: a field that decides on caching was named by Connection, and so is not among the fields. */
  readonly hidesControl?: boolean
  /**
   * Digests of the whole representation, the strongest first, where an adapter has them of fields that are for nobody
   * else; absent, `fields` say all there is.
   */
  readonly digests?: readonly ExpectedDigest[]
  readonly body: ByteSource
  /** Never rejects. */
  readonly settled: Promise<Outcome>
}

/**
 * Something that fetches. `fetch` rejects with `UpstreamError` when no response head came; a body that
 * breaks rejects in `read` with one, and settles so. Must heed `scope.signal` and `scope.deadlineAtMs`.
 */
export interface Upstream {
  fetch(request: UpstreamRequest, scope: RequestScope): Promise<UpstreamResponse>
}

/** Names of RFC 9209 §2.3. */
export type UpstreamErrorKind =
  | 'dns_timeout'
  | 'dns_error'
  | 'destination_unavailable'
  | 'destination_ip_unroutable'
  | 'connection_refused'
  | 'connection_terminated'
  | 'connection_timeout'
  | 'connection_read_timeout'
  | 'connection_limit_reached'
  | 'tls_protocol_error'
  | 'tls_certificate_error'
  | 'http_response_incomplete'
  | 'http_response_header_section_size'
  | 'http_response_timeout'
  | 'http_protocol_error'
  | 'http_request_denied'
  | 'proxy_internal_error'

export interface UpstreamErrorOptions {
  /** No byte of the request can have been acted upon, or the method is safe to send again. */
  readonly retryable: boolean
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly kind: UpstreamErrorKind
  readonly retryable: boolean
  /** When trying again may help, where that is known. */
  readonly retryAfterMs: number | undefined
  /** Where it happened, set by who chose the address. */
  address: string | undefined
  /** Why the request went forward, set by the flow. */
  forward: ForwardReason | undefined

  constructor(kind: UpstreamErrorKind, message: string, options: UpstreamErrorOptions) {
    super(message, { cause: options.cause })
    this.kind = kind
    this.retryable = options.retryable
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Our own doing, or the client's: no sign of an origin's health. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled'
}

/** The error as an `UpstreamError`, whatever was thrown. */
export function toUpstreamError(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new UpstreamError('proxy_internal_error', message, { retryable: false, cause: error })
}
