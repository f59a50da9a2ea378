// Reads a request strictly: what is ambiguous or malformed is refused before anything acts on it.

import type { Asked, RawRequest } from '../entry/asked.ts'
import { NO_PRECONDITIONS } from '../entry/asked.ts'
import type { CacheKey } from '../entry/cache-key.ts'
import { cacheKeyOf } from '../entry/cache-key.ts'
import type { Fields } from '../entry/fields.ts'
import { combined, first, without } from '../entry/fields.ts'
import { parseRange } from '../http/byte-range.ts'
import { NO_DIRECTIVES, parseRequestDirectives } from '../http/cache-control.ts'
import type { RequestDirectives } from '../http/cache-control.ts'
import { HOP_BY_HOP, connectionOptions, isAbusiveConnection } from '../http/hop-by-hop.ts'
import { countLoops } from '../http/loop.ts'
import type { Preconditions } from '../http/preconditions.ts'
import type { Scheme } from '../http/target.ts'
import { DEFAULT_PORTS, findTargetProblem, normaliseHost, pathOf, queryOf } from '../http/target.ts'
import { isForwarded } from '../policy/forwarding.ts'
import type { QueryRules, Site } from './site.ts'

/** Limits of a request head; more is refused before anything else is looked at. */
export interface RequestLimits {
  readonly maxTargetBytes: number
  readonly maxFieldBytes: number
  readonly maxFieldCount: number
}

/** A refusal: the status and, in a few words, what is wrong. The connection closes after it. */
export interface Refusal {
  readonly kind: 'refused'
  readonly status: number
  readonly reason: string
}

/** What can be read of a request before its site is known. */
export interface ReadHead {
  readonly kind: 'read'
  readonly raw: RawRequest
  readonly scheme: Scheme
  readonly authority: string
  /** End-to-end fields, names in lower case. */
  readonly fields: Fields
}

export interface ReadOptions {
  readonly limits: RequestLimits
  readonly scheme: Scheme
  /** Our id in CDN-Loop. */
  readonly name: string
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** Control characters are refused; obs-text is opaque (RFC 9110 §5.5), but not where a value is to be read. */
const CONTROL = /[^\t\x20-\x7e\x80-\xff]/
const PLAIN = /^[\t\x20-\x7e]*$/

/** Fields of which two lines would mean two things to two readers (RFC 9110 §5.3). */
const SINGLE: ReadonlySet<string> = new Set([
  'host',
  'range',
  'if-range',
  'authorization',
  'content-length',
  'content-type',
])

/** Reads request line and fields; everything that does not depend on the site. */
export function readHead(raw: RawRequest, options: ReadOptions): ReadHead | Refusal {
  const { limits, scheme, name } = options
  if (raw.httpVersion !== '1.1' && raw.httpVersion !== '1.0') {
    return refused(raw.httpVersion.startsWith('2') ? 505 : 400, 'HTTP version not supported')
  }
  if (raw.target.length > limits.maxTargetBytes) return refused(414, 'Target too long')
  const problem = findTargetProblem(raw.target)
  if (problem !== undefined) return refused(400, `Malformed target: ${problem}`)
  if (raw.lines.length / 2 > limits.maxFieldCount) return refused(431, 'Too many fields')
  const read = readFields(raw.lines, limits)
  if ('kind' in read) return read
  const { fields, connection } = read
  const host = first(fields, 'host')
  const authority = host === undefined ? undefined : normaliseHost(host, DEFAULT_PORTS[scheme])
  if (authority === undefined) return refused(400, 'Malformed or missing Host')
  if (countLoops(combined(fields, 'cdn-loop'), name) > 0) return refused(508, 'Loop detected')
  const problemOfFraming = findFramingProblem(read, raw)
  if (problemOfFraming !== undefined) return problemOfFraming
  if (connection === undefined || isPlainConnection(connection)) {
    return { kind: 'read', raw, scheme, authority, fields }
  }
  const named = connectionOptions(connection)
  if (isAbusiveConnection(named)) return refused(400, 'Connection names an end-to-end field')
  return { kind: 'read', raw, scheme, authority, fields: without(fields, named) }
}

interface ReadFields {
  /** End-to-end, but for what Connection names. */
  readonly fields: Fields
  readonly connection: string | undefined
  readonly transferEncoding: string | undefined
  readonly expect: string | undefined
}

/** One pass over the lines: what is for this connection only is taken out. */
function readFields(lines: readonly string[], limits: RequestLimits): ReadFields | Refusal {
  const fields: string[] = []
  let connection: string | undefined
  let transferEncoding: string | undefined
  let expect: string | undefined
  for (let i = 0; i < lines.length; i += 2) {
    const rawName = lines[i] ?? ''
    const value = lines[i + 1] ?? ''
    const known = fieldName(rawName)
    if (known === undefined) return refused(400, 'Malformed field')
    const { name, isSingle, isHopByHop } = known
    if (name.length + value.length > limits.maxFieldBytes) return refused(431, 'Field too large')
    if (!PLAIN.test(value) && (isSingle || CONTROL.test(value))) {
      return refused(400, `Malformed field: ${name}`)
    }
    if (isHopByHop) {
      if (name === 'connection') connection = joined(connection, value)
      else if (name === 'transfer-encoding') transferEncoding = joined(transferEncoding, value)
      continue
    }
    if (isSingle && first(fields, name) !== undefined)
      return refused(400, `Repeated field: ${name}`)
    if (name === 'expect') expect = joined(expect, value)
    fields.push(name, value)
  }
  return { fields, connection, transferEncoding, expect }
}

function joined(earlier: string | undefined, value: string): string {
  return earlier === undefined ? value : `${earlier}, ${value}`
}

interface FieldName {
  readonly name: string
  readonly isSingle: boolean
  readonly isHopByHop: boolean
}

/** Names as clients spell them, each looked at once: most requests carry the same few. */
const NAMES = new Map<string, FieldName>()
const MAX_NAME_COUNT = 1000

/** The name in lower case with what is to be known of it; `undefined` when it is no token. */
function fieldName(rawName: string): FieldName | undefined {
  const known = NAMES.get(rawName)
  if (known !== undefined) return known
  const name = rawName.toLowerCase()
  if (!TOKEN.test(name)) return undefined
  const read = { name, isSingle: SINGLE.has(name), isHopByHop: HOP_BY_HOP.has(name) }
  if (NAMES.size < MAX_NAME_COUNT) NAMES.set(rawName, read)
  return read
}

/** Refuses framing that could be read in two ways, and expectations nobody here can meet. */
function findFramingProblem(read: ReadFields, raw: RawRequest): Refusal | undefined {
  const { transferEncoding, expect } = read
  if (transferEncoding !== undefined) {
    if (raw.httpVersion === '1.0') return refused(400, 'Transfer-Encoding in HTTP/1.0')
    if (transferEncoding.toLowerCase() !== 'chunked') return refused(501, 'Unknown transfer coding')
  }
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return refused(417, 'Unknown expectation')
  }
  return undefined
}

/** The values nearly every client sends, which name no field. */
function isPlainConnection(connection: string): boolean {
  return connection === 'keep-alive' || connection === 'close' || connection === 'Keep-Alive'
}

/** Reads the rest of a request as its site understands it. */
export function readRequest(head: ReadHead, site: Site): Asked | Refusal {
  const { raw, scheme, authority, fields } = head
  const { method } = raw
  const isRead = method === 'GET' || method === 'HEAD'
  if (!isRead && site.methods === 'read') return refused(405, 'Method not allowed')
  if (method === 'CONNECT' || method === 'TRACE') return refused(405, 'Method not allowed')
  const hasBody = announcesBody(raw.lines)
  if (hasBody && (isRead || site.methods === 'read')) {
    return refused(400, 'A request body is not accepted here')
  }
  const target = targetOf(raw.target, authority, site)
  if (target === undefined) return refused(500, 'The key hook gave no valid target')
  const hasCredentials =
    (first(fields, 'authorization') !== undefined && isForwarded('authorization', site.forward)) ||
    (first(fields, 'cookie') !== undefined && isForwarded('cookie', site.forward))
  return {
    method,
    key: cacheKeyOf(site.name, authorityKeyed(site, authority), target),
    scheme,
    authority,
    target,
    httpVersion: raw.httpVersion,
    fields,
    directives: directivesOf(fields),
    range: method === 'GET' ? rangeOf(fields) : undefined,
    preconditions: preconditionsOf(fields),
    hasCredentials,
    body: hasBody ? raw.body : undefined,
    bodyBytes: hasBody ? contentLengthOf(fields) : undefined,
  }
}

/** The key of another target of the same site, as a request for it would have it. */
export function keyFor(
  site: Site,
  authority: string,
  target: string,
): { readonly key: CacheKey; readonly target: string } {
  const keyed = targetOf(target, authority, site) ?? target
  return { key: cacheKeyOf(site.name, authorityKeyed(site, authority), keyed), target: keyed }
}

/** The authority as it stands in the keys of a site: where the origin is sent it, and nowhere else. */
export function authorityKeyed(site: Site, authority: string): string {
  return site.hostSent === 'client' ? authority : ''
}

/** Content-Length above zero or any Transfer-Encoding (RFC 9112 §6). */
function announcesBody(lines: readonly string[]): boolean {
  for (let i = 0; i < lines.length; i += 2) {
    const name = (lines[i] ?? '').toLowerCase()
    if (name === 'transfer-encoding') return true
    if (name === 'content-length' && !/^0+$/.test(lines[i + 1] ?? '')) return true
  }
  return false
}

function contentLengthOf(fields: Fields): number | undefined {
  const value = first(fields, 'content-length')
  return value === undefined ? undefined : Number(value)
}

function targetOf(target: string, authority: string, site: Site): string | undefined {
  const reduced = reduceQuery(target, site.query)
  const hooked = site.hooks.key?.(reduced, authority) ?? reduced
  return hooked === target || findTargetProblem(hooked) === undefined ? hooked : undefined
}

function nameOf(parameter: string): string {
  const equals = parameter.indexOf('=')
  return equals < 0 ? parameter : parameter.slice(0, equals)
}

/** By code unit, as everywhere alike; parameters of one name keep their order, which may mean something. */
function compareNames(a: string, b: string): number {
  const [left, right] = [nameOf(a), nameOf(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

/** Parameters that the site drops are neither keyed nor forwarded; the others stay as they came, or sorted. */
function reduceQuery(target: string, rules: QueryRules): string {
  const query = queryOf(target)
  const isPlain = rules.keep === undefined && rules.drop.size === 0 && !rules.sort
  if (query === undefined || isPlain) return target
  const kept = query.split('&').filter((parameter) => {
    const name = nameOf(parameter)
    return !rules.drop.has(name) && (rules.keep === undefined || rules.keep.has(name))
  })
  if (rules.sort) kept.sort(compareNames)
  return kept.length === 0 ? pathOf(target) : `${pathOf(target)}?${kept.join('&')}`
}

function directivesOf(fields: Fields): RequestDirectives {
  const cacheControl = combined(fields, 'cache-control')
  if (cacheControl !== undefined) return parseRequestDirectives(cacheControl)
  // Only where Cache-Control is absent does Pragma speak (RFC 9111 §5.4).
  const pragma = combined(fields, 'pragma')
  return pragma !== undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(pragma)
    ? { ...NO_DIRECTIVES, noCache: true }
    : NO_DIRECTIVES
}

function rangeOf(fields: Fields): Asked['range'] {
  const range = first(fields, 'range')
  return range === undefined ? undefined : parseRange(range)
}

function preconditionsOf(fields: Fields): Preconditions {
  let found: { -readonly [name in keyof Preconditions]: string | undefined } | undefined
  for (let i = 0; i < fields.length; i += 2) {
    const name = PRECONDITIONS.get(fields[i] ?? '')
    if (name === undefined) continue
    found ??= { ...NO_PRECONDITIONS }
    const earlier = found[name]
    found[name] = earlier === undefined ? fields[i + 1] : `${earlier}, ${fields[i + 1]}`
  }
  return found ?? NO_PRECONDITIONS
}

const PRECONDITIONS: ReadonlyMap<string, keyof Preconditions> = new Map([
  ['if-match', 'ifMatch'],
  ['if-none-match', 'ifNoneMatch'],
  ['if-modified-since', 'ifModifiedSince'],
  ['if-unmodified-since', 'ifUnmodifiedSince'],
  ['if-range', 'ifRange'],
])

function refused(status: number, reason: string): Refusal {
  return { kind: 'refused', status, reason }
}
