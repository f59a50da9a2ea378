// The frame of several ranges in one message: multipart/byteranges (RFC 9110 §14.6, RFC 2046 §5.1).

import type { ByteSpan } from './byte-range.ts'
import { formatContentRange } from './byte-range.ts'

export interface MultipartFrame {
  readonly contentType: string
  /** What stands before the bytes of each part. */
  readonly openings: readonly Uint8Array[]
  readonly closing: Uint8Array
  /** Of the whole message, in bytes: frame and parts. */
  readonly contentLength: number
}

/**
 * @param contentType Of the representation; `undefined` where the origin named none.
 * @param boundary Letters and digits, at most 70, that do not occur in the parts.
 */
export function frameParts(
  spans: readonly ByteSpan[],
  completeLength: number,
  contentType: string | undefined,
  boundary: string,
): MultipartFrame {
  const typeLine = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`
  const openings = spans.map((span, i) => {
    const rangeLine = `Content-Range: ${formatContentRange(span, completeLength)}\r\n`
    return octets(`${i === 0 ? '' : '\r\n'}--${boundary}\r\n${typeLine}${rangeLine}\r\n`)
  })
  const closing = octets(`\r\n--${boundary}--\r\n`)
  let contentLength = closing.byteLength
  for (const opening of openings) contentLength += opening.byteLength
  for (const { startByte, endByte } of spans) contentLength += endByte - startByte
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    openings,
    closing,
    contentLength,
  }
}

/** Whoever makes the content cannot foresee it. */
export function randomBoundary(): string {
  return crypto.randomUUID().replaceAll('-', '')
}

/** Field values are octets, one to a character: as UTF-8 those above 0x7F would become two. */
function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}
