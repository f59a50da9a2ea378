// What a correct S3-like origin answers: ranges and preconditions, decided without any I/O.

import { oracleBytes, oracleObjectId } from './oracle.ts'

export type Fields = readonly (readonly [name: string, value: string])[]

export interface OriginRequest {
  readonly method: string
  readonly target: string
  /** All values of the field, joined as RFC 9110 §5.3 allows. */
  header(name: string): string | undefined
}

export interface OriginObject {
  /** Length of a body made by the oracle; ignored if `body` is given. */
  readonly sizeBytes?: number
  readonly body?: Uint8Array | string
  /** Counts up from 1 by default; "put again" with another one flips the object. */
  readonly version?: number
  /** Name the oracle knows the object by; the path if absent. */
  readonly object?: string
  /** Default `"<oracle id>-v<version>"`; `false` sends none. With its quotes, and `W/` if weak. */
  readonly etag?: string | false
  /** An HTTP date; default one that moves an hour per version; `false` sends none. */
  readonly lastModified?: string | false
  /** Sent in this order; a name given here replaces the default field of that name. */
  readonly fields?: Fields
  /** Other than 200, ranges and preconditions are not looked at. */
  readonly status?: number
  readonly chunked?: boolean
  /** `false`: ignores Range and sends no Accept-Ranges. */
  readonly acceptRanges?: boolean
  /** `false`: looks neither at If-Match nor at If-Unmodified-Since, as many do. */
  readonly heedsMatch?: boolean
}

export interface AnswerBody {
  readonly sizeBytes: number
  /** Counted from the first byte of this answer, not of the object. */
  read(startByte: number, endByte: number): Buffer
}

export interface Answer {
  readonly status: number
  /** All but the framing. */
  readonly fields: Fields
  /** Absent where the status has none. */
  readonly body: AnswerBody | undefined
  readonly framing: 'length' | 'chunked' | 'close'
  /** The part of the object in the body, when the status is 200 or 206. */
  readonly part: { startByte: number; endByte: number; lengthBytes: number } | undefined
}

interface Representation {
  readonly body: AnswerBody
  readonly lengthBytes: number
  readonly etag: string | undefined
  readonly lastModified: string | undefined
}

type Range = { startByte: number; endByte: number } | 'whole' | 'unsatisfiable'

const FIRST_MODIFIED_AT_MS = Date.UTC(2024, 0, 1)
const HOUR_MS = 3_600_000

export function originEtag(object: string, version: number): string {
  return `"${oracleObjectId(object)}-v${version}"`
}

export function originLastModified(version: number): string {
  return new Date(FIRST_MODIFIED_AT_MS + version * HOUR_MS).toUTCString()
}

export function decideAnswer(
  path: string,
  object: OriginObject,
  request: OriginRequest,
  mayUseRange = true,
): Answer {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return errorAnswer(405, 'MethodNotAllowed', [['Allow', 'GET, HEAD']])
  }
  const stored = describeObject(path, object)
  if ((object.status ?? 200) !== 200) return wholeAnswer(object, stored)
  const isUnheeded = object.heedsMatch === false
  const precondition = decidePrecondition(isUnheeded ? withoutMatch(request) : request, stored)
  if (precondition === 412) return errorAnswer(412, 'PreconditionFailed')
  if (precondition === 304) {
    const fields = withDefaults(object, validatorFields(stored))
    return { status: 304, fields, body: undefined, framing: 'length', part: undefined }
  }
  const usesRange = mayUseRange && object.acceptRanges !== false && request.method === 'GET'
  const range = usesRange ? decideRange(request, stored) : 'whole'
  if (range === 'whole') return wholeAnswer(object, stored)
  if (range === 'unsatisfiable') {
    return errorAnswer(416, 'InvalidRange', [['Content-Range', `bytes */${stored.lengthBytes}`]])
  }
  return partAnswer(object, stored, range)
}

/** An error as S3 words it. */
export function errorAnswer(
  status: number,
  code: string,
  fields: Fields = [],
  body?: string,
): Answer {
  const bytes = Buffer.from(body ?? `<Error><Code>${code}</Code></Error>`)
  const all: Fields = [['Content-Type', 'application/xml'], ...fields]
  const mayHaveBody = status !== 204 && status !== 304
  return {
    status,
    fields: all,
    body: mayHaveBody ? bodyOf(bytes) : undefined,
    framing: 'length',
    part: undefined,
  }
}

export function bodyOf(bytes: Buffer): AnswerBody {
  return {
    sizeBytes: bytes.length,
    read: (startByte, endByte) => bytes.subarray(startByte, endByte),
  }
}

function describeObject(path: string, source: OriginObject): Representation {
  const { version = 1, object = path } = source
  const body =
    source.body === undefined
      ? oracleBody(object, version, source.sizeBytes ?? 0)
      : bodyOf(Buffer.from(source.body))
  const { etag = originEtag(object, version) } = source
  const { lastModified = originLastModified(version) } = source
  return {
    body,
    lengthBytes: body.sizeBytes,
    etag: etag === false ? undefined : etag,
    lastModified: lastModified === false ? undefined : lastModified,
  }
}

function oracleBody(object: string, version: number, sizeBytes: number): AnswerBody {
  return {
    sizeBytes,
    read: (startByte, endByte) => oracleBytes({ object, version, startByte, endByte }),
  }
}

function wholeAnswer(object: OriginObject, stored: Representation): Answer {
  const { lengthBytes } = stored
  const ranges: Fields = object.acceptRanges === false ? [] : [['Accept-Ranges', 'bytes']]
  const status = object.status ?? 200
  return {
    status,
    fields: withDefaults(object, [...validatorFields(stored), ...ranges]),
    body: status === 204 || status === 304 ? undefined : stored.body,
    framing: object.chunked === true ? 'chunked' : 'length',
    part: status === 200 ? { startByte: 0, endByte: lengthBytes, lengthBytes } : undefined,
  }
}

function partAnswer(
  object: OriginObject,
  stored: Representation,
  { startByte, endByte }: { startByte: number; endByte: number },
): Answer {
  const { lengthBytes, body } = stored
  const contentRange = `bytes ${startByte}-${endByte - 1}/${lengthBytes}`
  const ranges: Fields = [
    ['Accept-Ranges', 'bytes'],
    ['Content-Range', contentRange],
  ]
  return {
    status: 206,
    fields: withDefaults(object, [...validatorFields(stored), ...ranges]),
    body: {
      sizeBytes: endByte - startByte,
      read: (from, to) => body.read(startByte + from, startByte + to),
    },
    framing: object.chunked === true ? 'chunked' : 'length',
    part: { startByte, endByte, lengthBytes },
  }
}

function validatorFields(stored: Representation): Fields {
  const fields: [string, string][] = [['Content-Type', 'application/octet-stream']]
  if (stored.etag !== undefined) fields.push(['ETag', stored.etag])
  if (stored.lastModified !== undefined) fields.push(['Last-Modified', stored.lastModified])
  return fields
}

function withDefaults(object: OriginObject, defaults: Fields): Fields {
  const own = object.fields ?? []
  const names = new Set(own.map(([name]) => name.toLowerCase()))
  return [...defaults.filter(([name]) => !names.has(name.toLowerCase())), ...own]
}

function withoutMatch(request: OriginRequest): OriginRequest {
  const unheeded = new Set(['if-match', 'if-unmodified-since'])
  return {
    method: request.method,
    target: request.target,
    header: (name) => (unheeded.has(name.toLowerCase()) ? undefined : request.header(name)),
  }
}

/** In the order of RFC 9110 §13.2.2. */
function decidePrecondition(request: OriginRequest, stored: Representation): 304 | 412 | undefined {
  const ifMatch = request.header('if-match')
  const ifUnmodifiedSince = request.header('if-unmodified-since')
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, stored.etag, 'strong')) return 412
  } else if (ifUnmodifiedSince !== undefined && isModifiedSince(stored, ifUnmodifiedSince)) {
    return 412
  }
  const ifNoneMatch = request.header('if-none-match')
  const ifModifiedSince = request.header('if-modified-since')
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, stored.etag, 'weak')) return 304
  } else if (ifModifiedSince !== undefined && isUnmodifiedSince(stored, ifModifiedSince)) {
    return 304
  }
  return undefined
}

function matches(list: string, etag: string | undefined, how: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true
  if (etag === undefined || (how === 'strong' && etag.startsWith('W/'))) return false
  const tags: readonly string[] = list.match(/(?:W\/)?"[^"]*"/g) ?? []
  if (how === 'strong') return tags.includes(etag)
  return tags.some((tag) => tag.replace(/^W\//, '') === etag.replace(/^W\//, ''))
}

/** A date that cannot be read fails both ways: the field is ignored (RFC 9110 §13.1.3, §13.1.4). */
function isModifiedSince(stored: Representation, date: string): boolean {
  return Date.parse(stored.lastModified ?? '') > Date.parse(date)
}

function isUnmodifiedSince(stored: Representation, date: string): boolean {
  return Date.parse(stored.lastModified ?? '') <= Date.parse(date)
}

function decideRange(request: OriginRequest, stored: Representation): Range {
  const { lengthBytes } = stored
  const ifRange = request.header('if-range')
  const isStillThat = ifRange?.includes('"')
    ? matches(ifRange, stored.etag, 'strong')
    : ifRange === stored.lastModified
  if (ifRange !== undefined && !isStillThat) return 'whole'
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/i.exec(request.header('range') ?? '') ?? []
  if (first === '' && last === '') return 'whole'
  if (first === '') {
    const startByte = Math.max(0, lengthBytes - Number(last))
    return startByte < lengthBytes ? { startByte, endByte: lengthBytes } : 'unsatisfiable'
  }
  if (last !== '' && BigInt(last) < BigInt(first)) return 'whole'
  const startByte = Number(first)
  if (startByte >= lengthBytes) return 'unsatisfiable'
  const endByte = last === '' ? lengthBytes : Math.min(lengthBytes, Number(last) + 1)
  return { startByte, endByte }
}
