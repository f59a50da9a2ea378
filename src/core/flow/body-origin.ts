// How to ask the origin for more of a body, and what its answer is to the bytes that are there.

import type { Fields } from '../entry/fields.ts'
import { first } from '../entry/fields.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { ByteSpan } from '../http/byte-range.ts'
import { formatRange } from '../http/byte-range.ts'
import { checkPartial, isSameVersion } from '../policy/partial.ts'
import { isFailedStatus } from '../policy/stale-on-error.ts'
import { disowned, sameVersionFields } from '../policy/validation.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { Store, WriteTicket } from '../ports/store.ts'
import type { Upstream, UpstreamResponse } from '../ports/upstream.ts'
import { UpstreamError } from '../ports/upstream.ts'

export interface BodyOrigin {
  readonly upstream: Upstream
  readonly target: string
  readonly authority: string | undefined
  /** Forwarded fields, without conditions and range. */
  readonly fields: Fields
  /** Whether `fields` have credentials of a client. */
  readonly hasCredentials: boolean
  /** A response as the policies see it. */
  receive(response: UpstreamResponse): UpstreamResponse
  /** Whether a received response forbids to store what it brings. */
  forbidsStoring(received: UpstreamResponse): boolean
  /** Lays the fields of a received part over what is stored. */
  update(head: StoredResponse, ticket: WriteTicket, part: UpstreamResponse): Promise<void>
  /** Remembers with what is stored that the origin takes no ranges of it. */
  noteRangesIgnored(head: StoredResponse, ticket: WriteTicket): Promise<void>
}

/** What is known of an origin's ranges of a body: `unknown` is worth an attempt. */
export type RangeSupport = 'taken' | 'unknown' | 'ignored'

export interface PartRequest {
  readonly head: StoredResponse
  /** `undefined` asks for the whole. */
  readonly span: ByteSpan | undefined
  /** Addresses to be used last. */
  readonly avoid: ReadonlySet<string>
  /** Whether it was asked for before, and brought nothing. */
  readonly isRetry: boolean
  /** Whether who asks will ask again by himself. */
  readonly asksAgain: boolean
}

/** Asks for bytes of the version that the head describes, and of no other. */
export async function fetchPart(
  origin: BodyOrigin,
  { head, span, avoid, isRetry, asksAgain }: PartRequest,
  scope: RequestScope,
): Promise<UpstreamResponse> {
  const range = span === undefined ? [] : ['range', formatRange(span.startByte, span.endByte)]
  const response = await origin.upstream.fetch(
    {
      method: 'GET',
      target: origin.target,
      authority: origin.authority,
      key: head.key,
      body: undefined,
      avoid,
      isRetry,
      asksAgain,
      fields: [...origin.fields, ...sameVersionFields(head), ...range],
    },
    scope,
  )
  try {
    return origin.receive(response)
  } catch (error) {
    response.body.cancel(error)
    throw error
  }
}

/**
 * - `part`: the very bytes that were asked for.
 * - `whole`: all bytes of the same version, as the origin takes no ranges.
 * - `gone`: the origin has another version, or none.
 */
export type Continuation = 'part' | 'whole' | 'gone'

/**
 * What a response is to a request for bytes of a stored version (RFC 9111 §3.4).
 *
 * @throws UpstreamError For what is none of these.
 */
export function judgeContinuation(
  head: StoredResponse,
  { status, fields }: UpstreamResponse,
  span: ByteSpan,
  nowMs: number,
): Continuation {
  if (status === 206) {
    const partial = checkPartial(fields, { kind: 'span', ...span })
    if (partial.kind === 'wrong') throw protocolError(`Cannot take 206: ${partial.because}`)
    return isSameVersion(head, fields, partial.completeLength, nowMs) ? 'part' : 'gone'
  }
  if (status === 200) {
    return isSameVersion(head, fields, lengthOf(fields), nowMs) ? 'whole' : 'gone'
  }
  // 412 is our own If-Match; the others say that what we hold is no longer there.
  if (status === 412 || status === 404 || status === 410 || status === 416) return 'gone'
  const kind = isFailedStatus(status) ? 'destination_unavailable' : 'http_request_denied'
  throw new UpstreamError(kind, `Cannot continue body: origin answered ${status}`, {
    retryable: isFailedStatus(status),
  })
}

function lengthOf(fields: Fields): number | undefined {
  const contentLength = first(fields, 'content-length')
  return contentLength === undefined ? undefined : Number(contentLength)
}

/** The rest of this body cannot be had, now or later: what there is has to be asked for anew. */
export class BodyGoneError extends UpstreamError {
  constructor(message: string) {
    super('http_response_incomplete', message, { retryable: false })
  }
}

export function otherVersion(): BodyGoneError {
  return new BodyGoneError('Cannot continue body: the origin has another version')
}

export function protocolError(message: string): UpstreamError {
  return new UpstreamError('http_protocol_error', message, { retryable: false })
}

/** No 304 is to bring it back: what the origin gives of it by range is something else. */
export async function disown(store: Store, { key, body }: StoredResponse): Promise<void> {
  const ticket = store.ticket(key)
  const entry = await store.read(key)
  for (const { head } of entry?.variants ?? []) {
    if (head.body === body) await store.writeHead(ticket, disowned(head))
  }
}
