import { sourceOf } from '#core/entry/byte-source.ts'
import type { Fields } from '#core/entry/fields.ts'
import { NO_FIELDS } from '#core/entry/fields.ts'
import type { UpstreamResponse } from '#core/ports/upstream.ts'

export interface OwnResponseFacts {
  readonly status: number
  readonly method: string
  /** A sentence for whoever reads the body; ASCII. */
  readonly text: string
  readonly address: string
  readonly sentAtMs: number
  readonly receivedAtMs: number
  /** Besides those of the content. */
  readonly fields?: Fields
}

/** A response that an adapter makes itself, in place of the origin's or without asking it. */
export function ownResponse(facts: OwnResponseFacts): UpstreamResponse {
  const { status, method, text, address, sentAtMs, receivedAtMs, fields = NO_FIELDS } = facts
  const bytes = new TextEncoder().encode(`${text}\n`)
  return {
    status,
    fields: [
      ...fields,
      'content-type',
      'text/plain; charset=utf-8',
      'content-length',
      String(bytes.byteLength),
    ],
    sentAtMs,
    receivedAtMs,
    from: { kind: 'origin', address },
    isDelimited: true,
    body: sourceOf(method === 'HEAD' ? new Uint8Array(0) : bytes),
    // All of it is at hand: nothing can break any more.
    settled: Promise.resolve({ kind: 'complete' }),
  }
}
