// What the parts of the Upstream contract have in common: the harness, one request, one whole body.

import type { Fields } from '#core/entry/fields.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import type { Upstream, UpstreamRequest, UpstreamResponse } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'

import type { OriginObject } from '../support/origin-answer.ts'
import type { Fault } from '../support/origin-faults.ts'
import type { RawAnswer } from '../support/origin-send.ts'
import { createTestScope } from '../support/scopes.ts'
import { testKey } from '../support/stored.ts'

export interface UpstreamHarness {
  readonly upstream: Upstream
  /** Makes the object known under the path. */
  put(path: string, object: OriginObject): void | Promise<void>
  /** Lets something go wrong. */
  readonly inject?: ((fault: Fault, path?: string) => () => void) | undefined
  /** Bytes for the wire, as they are. */
  readonly putRaw?: ((path: string, answer: RawAnswer) => void) | undefined
  /** Body bytes the origin has given away, to the wire or to the reader. */
  sentBytes?(): number
  /** Requests that the origin saw given up before they were answered whole. */
  abortedCount?(): number
  /** An upstream of the same kind to which nobody listens. */
  createRefused?(): Promise<{ readonly upstream: Upstream; close(): Promise<void> }>
  close(): Promise<void>
}

export interface UpstreamTraits {
  /** Lines of one name stay apart. Default true. */
  readonly keepsDuplicates?: boolean
  /** The most an origin sends of a body that nobody reads: buffers of the system included. */
  readonly maxUnreadBytes?: number
  /** Objects above 4 GiB can be put. Default true. */
  readonly hasHugeObjects?: boolean
  /** Objects can be put with fields, entity tags and statuses of the test's choice. Default true. */
  readonly takesFields?: boolean
  /** Lengths may be unknown, and ends told by the last chunk or by the end of the connection. Default true. */
  readonly hasUnknownLengths?: boolean
  /** Things can go wrong (`inject`). Default true. */
  readonly takesFaults?: boolean
  /** What is on the wire can be anything (`putRaw`). Default true. */
  readonly takesRaw?: boolean
}

export type OpenUpstream = () => UpstreamHarness

export function request(
  target: string,
  fields: Fields = [],
  more: Partial<UpstreamRequest> = {},
): UpstreamRequest {
  return {
    method: 'GET',
    target,
    fields,
    authority: undefined,
    key: testKey(target),
    body: undefined,
    ...more,
  }
}

export function fetchFrom(
  harness: UpstreamHarness,
  target: string,
  fields: Fields = [],
  scope: RequestScope = createTestScope(),
): Promise<UpstreamResponse> {
  return harness.upstream.fetch(request(target, fields), scope)
}

/** Everything, or the error with which it broke off and what came before. */
export async function drain(
  response: UpstreamResponse,
): Promise<{ readonly bytes: Buffer; readonly error: unknown }> {
  const chunks: Uint8Array[] = []
  try {
    for (;;) {
      const chunk = await response.body.read()
      if (chunk === undefined) return { bytes: Buffer.concat(chunks), error: undefined }
      if (chunk.byteLength === 0) throw new Error('Cannot read body: a chunk is empty')
      // It is only valid until the next read.
      chunks.push(chunk.slice())
    }
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error }
  }
}

/** The error with which no response came. */
export async function refusalOf(fetched: Promise<UpstreamResponse>): Promise<unknown> {
  try {
    const response = await fetched
    response.body.cancel('not what was expected')
    return `a response with status ${response.status}`
  } catch (error) {
    return error
  }
}

export function kindOf(error: unknown): string {
  return error instanceof UpstreamError ? error.kind : `no UpstreamError: ${String(error)}`
}

/** What the traits promise of the harness. */
export function required<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('Cannot run: the harness lacks what its traits promise')
  return part
}
