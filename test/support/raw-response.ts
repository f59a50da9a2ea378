// A strict HTTP/1.1 response parser: what RFC 9112 does not allow is a problem, not a guess.

export type RawFields = readonly (readonly [name: string, value: string])[]

export interface ParsedHead {
  readonly version: 'HTTP/1.0' | 'HTTP/1.1'
  readonly status: number
  readonly reason: string
  readonly fields: RawFields
}

export interface ParsedResponse extends ParsedHead {
  /** Values joined with a comma; names in any case. */
  header(name: string): string | undefined
  /** 1xx responses that came before. */
  readonly interim: readonly ParsedHead[]
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** Decoded, as far as it came. */
  readonly body: Buffer
  /** All of the body came. A close-delimited one is complete if the connection ended with FIN. */
  readonly complete: boolean
  /** The chunk of length zero and the end of the trailers came. */
  readonly lastChunk: boolean
  readonly trailers: RawFields
}

/** `response` is what can be said already, once its head is complete. */
export type ParseResult =
  | { readonly response: ParsedResponse; readonly usedBytes: number }
  | { readonly neededBytes: number; readonly response: ParsedResponse | undefined }
  | { readonly problem: string }

interface ParsedBody {
  readonly body: Buffer
  readonly complete: boolean
  readonly usedBytes: number
  readonly neededBytes: number
  readonly lastChunk: boolean
  readonly trailers: RawFields
}

type Framing = { kind: 'none' | 'chunked' | 'close' } | { kind: 'length'; lengthBytes: number }

class Malformed extends Error {}

const STATUS_LINE = /^(HTTP\/1\.[01]) ([1-5]\d\d) ([\t \x21-\x7e\x80-\xff]*)$/
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*(.*?)[\t ]*$/
const FIELD_VALUE = /^[\t \x21-\x7e\x80-\xff]*$/
const CHUNK_LINE = /^([0-9A-Fa-f]{1,13})(?:[\t ]*;[\t \x21-\x7e]*)?$/
const HEAD_END = '\r\n\r\n'

/**
 * Parses the first response in the bytes, with the interim ones before it.
 *
 * @param method Of the request it answers: a response to HEAD has no body.
 */
export function parseResponse(
  bytes: Buffer,
  method: string,
  ended: 'open' | 'fin' | 'reset',
): ParseResult {
  try {
    return parse(bytes, method, ended)
  } catch (error) {
    if (error instanceof Malformed) return { problem: error.message }
    throw error
  }
}

function parse(bytes: Buffer, method: string, ended: 'open' | 'fin' | 'reset'): ParseResult {
  const interim: ParsedHead[] = []
  let at = 0
  for (;;) {
    const headEnd = bytes.indexOf(HEAD_END, at)
    if (headEnd < 0) {
      refuseBareLines(bytes.toString('latin1', at))
      return { neededBytes: bytes.length + 1, response: undefined }
    }
    const head = parseHead(bytes.toString('latin1', at, headEnd))
    at = headEnd + HEAD_END.length
    if (head.status < 200 && head.status !== 101) {
      interim.push(head)
      continue
    }
    const framing = decideFraming(head, method)
    const parsed = parseBody(bytes.subarray(at), framing, ended)
    const { body, complete, lastChunk, trailers } = parsed
    const header = (name: string): string | undefined => joinValues(head.fields, name)
    const rest = { framing: framing.kind, body, complete, lastChunk, trailers }
    const response = { ...head, header, interim, ...rest }
    if (complete) return { response, usedBytes: at + parsed.usedBytes }
    return { neededBytes: at + parsed.neededBytes, response }
  }
}

function parseHead(text: string): ParsedHead {
  refuseBareLines(text)
  const [statusLine = '', ...fieldLines] = text.split('\r\n')
  const [, version, status, reason = ''] = STATUS_LINE.exec(statusLine) ?? []
  if (version !== 'HTTP/1.0' && version !== 'HTTP/1.1') {
    throw new Malformed(`Cannot parse status line ${JSON.stringify(statusLine)}`)
  }
  return { version, status: Number(status), reason, fields: fieldLines.map(parseFieldLine) }
}

function refuseBareLines(text: string): void {
  if (/\r(?!\n|$)|(?<!\r)\n/.test(text)) throw new Malformed('Cannot parse head: bare CR or LF')
}

function parseFieldLine(line: string): readonly [string, string] {
  const [, name, value = ''] = FIELD_LINE.exec(line) ?? []
  if (name === undefined || !FIELD_VALUE.test(value)) {
    throw new Malformed(`Cannot parse field line ${JSON.stringify(line)}`)
  }
  return [name, value]
}

/** RFC 9112 §6.3, with every ambiguity refused. */
function decideFraming(head: ParsedHead, method: string): Framing {
  const coding = joinValues(head.fields, 'transfer-encoding')
  const length = joinValues(head.fields, 'content-length')
  if (coding !== undefined && length !== undefined) {
    throw new Malformed('Cannot frame body: Transfer-Encoding and Content-Length')
  }
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new Malformed(`Cannot frame body: Transfer-Encoding is "${coding}"`)
  }
  if (length !== undefined && !/^\d{1,16}$/.test(length)) {
    throw new Malformed(`Cannot frame body: Content-Length is "${length}"`)
  }
  const isBare = head.status === 204 || head.status < 200
  if (isBare && (coding ?? length) !== undefined) {
    throw new Malformed(`Cannot frame body: ${head.status} with a length`)
  }
  if (isBare || head.status === 304 || method === 'HEAD') return { kind: 'none' }
  if (coding !== undefined) return { kind: 'chunked' }
  if (length === undefined) return { kind: 'close' }
  return { kind: 'length', lengthBytes: Number(length) }
}

function parseBody(bytes: Buffer, framing: Framing, ended: 'open' | 'fin' | 'reset'): ParsedBody {
  if (framing.kind === 'chunked') return parseChunked(bytes)
  const plain = { lastChunk: false, trailers: [] }
  if (framing.kind === 'close') {
    const { length } = bytes
    const complete = ended === 'fin'
    return { ...plain, body: bytes, complete, usedBytes: length, neededBytes: Infinity }
  }
  const lengthBytes = framing.kind === 'length' ? framing.lengthBytes : 0
  return {
    ...plain,
    body: bytes.subarray(0, lengthBytes),
    complete: bytes.length >= lengthBytes,
    usedBytes: lengthBytes,
    neededBytes: lengthBytes,
  }
}

function parseChunked(bytes: Buffer): ParsedBody {
  const parts: Buffer[] = []
  let at = 0
  const partial = (neededBytes: number): ParsedBody => ({
    body: Buffer.concat(parts),
    complete: false,
    usedBytes: 0,
    neededBytes,
    lastChunk: false,
    trailers: [],
  })
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return partial(bytes.length + 1)
    const line = bytes.toString('latin1', at, lineEnd)
    const [, digits] = CHUNK_LINE.exec(line) ?? []
    if (digits === undefined) throw new Malformed(`Cannot parse chunk line ${JSON.stringify(line)}`)
    const chunkBytes = Number.parseInt(digits, 16)
    if (chunkBytes === 0) return parseTrailers(bytes, lineEnd, partial(bytes.length + 1))
    const chunkEnd = lineEnd + 2 + chunkBytes
    parts.push(bytes.subarray(lineEnd + 2, chunkEnd))
    if (bytes.length < chunkEnd + 2) return partial(chunkEnd + 2)
    if (bytes.toString('latin1', chunkEnd, chunkEnd + 2) !== '\r\n') {
      throw new Malformed(`Cannot parse chunk of ${chunkBytes} bytes: no CRLF after it`)
    }
    at = chunkEnd + 2
  }
}

/** The CRLF of the last chunk's line counts as the beginning of an empty trailer section. */
function parseTrailers(bytes: Buffer, lineEnd: number, body: ParsedBody): ParsedBody {
  const end = bytes.indexOf(HEAD_END, lineEnd)
  if (end < 0) return body
  const lines = bytes.toString('latin1', lineEnd + 2, Math.max(lineEnd + 2, end))
  refuseBareLines(lines)
  const trailers = lines === '' ? [] : lines.split('\r\n').map(parseFieldLine)
  const usedBytes = end + HEAD_END.length
  return { ...body, complete: true, lastChunk: true, usedBytes, neededBytes: usedBytes, trailers }
}

function joinValues(fields: RawFields, wanted: string): string | undefined {
  const values = fields.filter(([name]) => name.toLowerCase() === wanted.toLowerCase())
  return values.length === 0 ? undefined : values.map(([, value]) => value).join(', ')
}
