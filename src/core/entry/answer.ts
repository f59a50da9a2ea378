import type { ByteSource } from './byte-source.ts'
import type { Fields } from './fields.ts'

/** The content of an answer. `bytes` is at hand and in one piece; `source` comes as it is read. */
export type AnswerBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'source'; readonly source: ByteSource }

export const NO_BODY: AnswerBody = { kind: 'none' }

/**
 * A response as the flow gives it, before an adapter writes it. Whoever gets an answer with a `source`
 * reads it to the end or cancels it.
 */
export interface Answer {
  readonly status: number
  /** Complete but for connection management; names in lower case; values checked when they entered. */
  readonly fields: Fields
  readonly body: AnswerBody
  /** Length of the content; `undefined` when it is only known at the end. With `none`: what HEAD tells. */
  readonly contentLength: number | undefined
  /**
   * The connection ends with this answer: what came on it cannot be trusted to be in step, or the end of
   * the connection is all that can tell the end of the content (RFC 9112 §6.3).
   */
  readonly closes?: boolean
}
