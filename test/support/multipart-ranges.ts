// A strict parser of multipart/byteranges (RFC 9110 §14.6, RFC 2046 §5.1): what is not by the grammar is a problem.

import type { ByteRange } from './range-model.ts'

export interface RangePart extends ByteRange {
  /** The complete length that the part tells. */
  readonly lengthBytes: number
  readonly contentType: string | undefined
  /** As far as it came. */
  readonly bytes: Buffer
}

export type ParsedParts =
  | { readonly parts: readonly RangePart[]; readonly isComplete: boolean }
  | { readonly problem: string }

interface PartHead {
  readonly range: ByteRange
  readonly lengthBytes: number
  readonly contentType: string | undefined
}

const BOUNDARY = /^multipart\/byteranges; ?boundary=(?:"([^"\\]{1,70})"|([0-9A-Za-z'+_.-]{1,70}))$/i
const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+)$/
const CRLF = '\r\n'

class Malformed extends Error {}

/**
 * Parses a body, or as much of it as there is.
 *
 * @param contentType Of the message.
 * @param isEnded Whether nothing will follow: then what is not complete is a problem.
 */
export function parseRangeParts(contentType: string, body: Buffer, isEnded: boolean): ParsedParts {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) return { problem: `Cannot find boundary in "${contentType}"` }
  try {
    const parsed = parse(body, `--${boundary}`)
    if (isEnded && !parsed.isComplete) return { problem: `It ends after ${body.length} bytes` }
    return parsed
  } catch (error) {
    if (error instanceof Malformed) return { problem: error.message }
    throw error
  }
}

function parse(
  body: Buffer,
  delimiter: string,
): { readonly parts: readonly RangePart[]; readonly isComplete: boolean } {
  const parts: RangePart[] = []
  // A line end before the first delimiter belongs to it, and may be left out.
  let at = body.toString('latin1', 0, 2) === CRLF ? 2 : 0
  for (;;) {
    if (!expect(body, at, delimiter)) return { parts, isComplete: false }
    at += delimiter.length
    const next = body.toString('latin1', at, at + 2)
    if (parts.length > 0 && next === '-') return { parts, isComplete: false }
    if (parts.length > 0 && next === '--') {
      const rest = body.toString('latin1', at + 2)
      if (rest !== '' && rest !== CRLF) throw new Malformed(`After the last part: ${quote(rest)}`)
      return { parts, isComplete: true }
    }
    if (!expect(body, at, CRLF)) return { parts, isComplete: false }
    const headEnd = body.indexOf(CRLF + CRLF, at)
    if (headEnd < 0) return { parts, isComplete: false }
    const head = parseHead(body.toString('latin1', at + 2, headEnd))
    const startByte = headEnd + 4
    const endByte = startByte + head.range.last - head.range.first + 1
    const bytes = body.subarray(startByte, endByte)
    if (bytes.includes(delimiter)) throw new Malformed('The boundary is in a part')
    const { lengthBytes, contentType } = head
    parts.push({ ...head.range, lengthBytes, contentType, bytes })
    if (!expect(body, endByte, CRLF)) return { parts, isComplete: false }
    at = endByte + CRLF.length
  }
}

/** Whether the text is there; `false` if the bytes end before they differ from it. */
function expect(body: Buffer, at: number, text: string): boolean {
  const found = body.toString('latin1', at, at + text.length)
  if (!text.startsWith(found)) throw new Malformed(`${quote(found)} at ${at}, not ${quote(text)}`)
  return found.length === text.length
}

function parseHead(text: string): PartHead {
  const fields = new Map<string, string>()
  for (const line of text.split(CRLF)) {
    const [, name = '', value = ''] = /^([0-9A-Za-z-]+): ([\x20-\x7e\x80-\xff]*)$/.exec(line) ?? []
    const key = name.toLowerCase()
    if (key === '' || fields.has(key)) throw new Malformed(`Cannot parse part line ${quote(line)}`)
    fields.set(key, value)
  }
  const [, first, last, length] = CONTENT_RANGE.exec(fields.get('content-range') ?? '') ?? []
  const range = { first: Number(first), last: Number(last) }
  const lengthBytes = Number(length)
  if (!(range.first <= range.last && range.last < lengthBytes)) {
    throw new Malformed(`Cannot use Content-Range of a part: "${fields.get('content-range')}"`)
  }
  return { range, lengthBytes, contentType: fields.get('content-type') }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}
