// A strict reading of multipart/byteranges (RFC 9110 §14.6, RFC 2046 §5.1.1), as far as it has come.

export interface ReadPart {
  readonly contentType: string | undefined
  readonly startByte: number
  readonly endByte: number
  readonly completeLength: number
  /** Shorter than the span where the message broke off. */
  readonly bytes: Uint8Array
}

export interface ReadParts {
  readonly parts: readonly ReadPart[]
  /** Whether the closing delimiter came, and nothing behind it. */
  readonly isClosed: boolean
}

/** @throws With what is wrong; what is only cut off is not. */
export function readByteranges(contentType: string | undefined, body: Uint8Array): ReadParts {
  const boundary = /^multipart\/byteranges; *boundary=([0-9A-Za-z]{1,70})$/.exec(
    contentType ?? '',
  )?.[1]
  if (boundary === undefined) throw new Error(`Content-Type is ${contentType}`)
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const parts: ReadPart[] = []
  for (let at = 0; ; ) {
    const isFirst = parts.length === 0
    const delimiter = `${isFirst ? '' : '\r\n'}--${boundary}`
    const seen = bytes.toString('latin1', at, at + delimiter.length + 4)
    if (!isFirst && seen === `${delimiter}--\r\n`) {
      const restBytes = bytes.byteLength - at - seen.length
      if (restBytes > 0) throw new Error(`${restBytes} bytes behind the closing delimiter`)
      return { parts, isClosed: true }
    }
    const opening = `${delimiter}\r\n`
    const isDelimiter = [opening, `${delimiter}--\r\n`].some((text) => text.startsWith(seen))
    if (!seen.startsWith(opening)) {
      if (isDelimiter) return { parts, isClosed: false }
      throw new Error(`no delimiter at byte ${at}: ${JSON.stringify(seen)}`)
    }
    at += opening.length
    const headEnd = bytes.indexOf('\r\n\r\n', at)
    if (headEnd < 0) return { parts, isClosed: false }
    const part = readHead(bytes.toString('latin1', at, headEnd))
    at = headEnd + 4
    const content = bytes.subarray(at, at + part.endByte - part.startByte)
    parts.push({ ...part, bytes: content })
    at += content.byteLength
    if (at >= bytes.byteLength) return { parts, isClosed: false }
  }
}

function readHead(text: string): Omit<ReadPart, 'bytes'> {
  const fields = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const match = /^([A-Za-z-]+): (.+)$/.exec(line)
    const name = match?.[1]?.toLowerCase() ?? ''
    if (match === null || fields.has(name)) throw new Error(`part has the line ${line}`)
    fields.set(name, match[2] ?? '')
  }
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(fields.get('content-range') ?? '')
  if (range === null) throw new Error(`part has Content-Range ${fields.get('content-range')}`)
  return {
    contentType: fields.get('content-type'),
    startByte: Number(range[1]),
    endByte: Number(range[2]) + 1,
    completeLength: Number(range[3]),
  }
}
