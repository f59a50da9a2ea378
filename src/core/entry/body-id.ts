import { toHex } from '../http/digest-fields.ts'
import type { CacheKey } from './cache-key.ts'

declare const brand: unique symbol

/** Names the bytes of one version of one representation: 32 hexadecimal digits. */
export type BodyId = string & { readonly [brand]: 'BodyId' }

/** What makes bytes the same bytes, wherever and whenever they were fetched. */
export interface BodyFacts {
  readonly key: CacheKey
  /** A strong entity tag, an object version id, or a strong Last-Modified, each in its own spelling. */
  readonly validator: string
  /** Combined Content-Encoding; empty for identity. */
  readonly codings: string
  readonly completeLength: number
  /** Segments of another size are other segments, though they are of the same bytes. */
  readonly segmentBytes: number
  /** Changes with a hard purge, so that bytes purged under an unchanged validator are never met again. */
  readonly generation: number
}

/** The same on every node and after every restart, so that a refetched head finds its segments again. */
export async function bodyIdOf(facts: BodyFacts): Promise<BodyId> {
  const { key, validator, codings, completeLength, segmentBytes, generation } = facts
  // No part but the last three may hold a LF, and those are numbers: the text is injective.
  const text = [key, validator, codings, completeLength, segmentBytes, generation].join('\n')
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return toHex(new Uint8Array(digest, 0, 16)) as BodyId
}

/** For a body without a strong validator: no other fetch is ever the same. */
export function randomBodyId(): BodyId {
  return toHex(crypto.getRandomValues(new Uint8Array(16))) as BodyId
}
