// Cache-Control of requests and responses (RFC 9111 §5.2). Parsing fails closed: what is odd about a
// directive that forbids is read as the prohibition, and an odd lifetime as none.

import { isToken, splitList, trimWhitespace } from './list.ts'

/** What a request's Cache-Control allows. Absent limits are infinite, to the side that allows; absent windows zero. */
export interface RequestDirectives {
  readonly noCache: boolean
  readonly noStore: boolean
  readonly onlyIfCached: boolean
  /** The oldest acceptable age. */
  readonly maxAgeMs: number
  /** For how long the response must stay fresh. */
  readonly minFreshMs: number
  /** How far beyond its lifetime a response may be; `Infinity` for a bare `max-stale`. */
  readonly maxStaleMs: number
  /** `stale-if-error` of the request (RFC 5861 §4). */
  readonly staleIfErrorMs: number
}

export const NO_DIRECTIVES: RequestDirectives = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAgeMs: Number.POSITIVE_INFINITY,
  minFreshMs: Number.NEGATIVE_INFINITY,
  maxStaleMs: 0,
  staleIfErrorMs: 0,
}

/** What a response's Cache-Control says. A lifetime that is absent is `undefined`, an odd one is 0. */
export interface ResponseDirectives {
  readonly noStore: boolean
  /** Of the whole response: without an argument, or with one that names no fields that could be kept apart. */
  readonly noCache: boolean
  readonly isPrivate: boolean
  /** Fields of a qualified `no-cache` (RFC 9111 §5.2.2.4): not to be used again without validation. */
  readonly noCacheFields: readonly string[]
  /** Fields of a qualified `private` (RFC 9111 §5.2.2.7): for the one who asked. */
  readonly privateFields: readonly string[]
  readonly isPublic: boolean
  /** Says that answers to requests with Authorization are for all (RFC 9111 §3.5), and says it well. */
  readonly permitsAuthorized: boolean
  readonly mustRevalidate: boolean
  readonly proxyRevalidate: boolean
  readonly mustUnderstand: boolean
  readonly immutable: boolean
  readonly maxAgeSeconds: number | undefined
  readonly sMaxAgeSeconds: number | undefined
  readonly staleWhileRevalidateSeconds: number | undefined
  readonly staleIfErrorSeconds: number | undefined
}

/** Directive names in lower case with their arguments, in order; `undefined` for none. */
type Directives = ReadonlyMap<string, readonly (string | undefined)[]>

/** Above this a delta of seconds is "very long" and all the same (RFC 9111 §1.2.2). */
export const MAX_DELTA_SECONDS = 2_147_483_648

const FORBIDDING = /no-?store|private|no-?cache/i
const FORBIDDING_MEMBER = /^(?:no-?store|private|no-?cache)$/i

/** @param value The combined field value. */
export function parseRequestDirectives(value: string): RequestDirectives {
  const directives = parseDirectives(value)
  const maxStale = directives.get('max-stale')
  return {
    noCache: directives.has('no-cache'),
    noStore: directives.has('no-store'),
    onlyIfCached: directives.has('only-if-cached'),
    maxAgeMs: toMs(deltaSeconds(directives, 'max-age'), Number.POSITIVE_INFINITY),
    minFreshMs: toMs(largestSeconds(directives, 'min-fresh'), Number.NEGATIVE_INFINITY),
    maxStaleMs:
      maxStale?.every((argument) => argument === undefined) === true
        ? Number.POSITIVE_INFINITY
        : toMs(deltaSeconds(directives, 'max-stale'), 0),
    staleIfErrorMs: toMs(deltaSeconds(directives, 'stale-if-error'), 0),
  }
}

/** @param value The combined field value. */
export function parseResponseDirectives(value: string): ResponseDirectives {
  const directives = parseDirectives(value)
  const noCacheFields = qualified(directives.get('no-cache'))
  const privateFields = qualified(directives.get('private'))
  return {
    noStore: directives.has('no-store'),
    noCache: noCacheFields === undefined,
    isPrivate: privateFields === undefined,
    noCacheFields: noCacheFields ?? [],
    privateFields: privateFields ?? [],
    isPublic: directives.has('public'),
    permitsAuthorized: permitsAuthorized(directives),
    mustRevalidate: directives.has('must-revalidate'),
    proxyRevalidate: directives.has('proxy-revalidate'),
    mustUnderstand: directives.has('must-understand'),
    immutable: directives.has('immutable'),
    maxAgeSeconds: deltaSeconds(directives, 'max-age'),
    sMaxAgeSeconds: deltaSeconds(directives, 's-maxage'),
    staleWhileRevalidateSeconds: deltaSeconds(directives, 'stale-while-revalidate'),
    staleIfErrorSeconds: deltaSeconds(directives, 'stale-if-error'),
  }
}

function parseDirectives(value: string): Directives {
  const directives = new Map<string, (string | undefined)[]>()
  for (const member of splitList(value)) {
    const equals = member.indexOf('=')
    const written = (equals < 0 ? member : member.slice(0, equals)).toLowerCase()
    const name = trimWhitespace(written)
    const raw = equals < 0 ? undefined : member.slice(equals + 1)
    // `"private"`, `no-cache ="x"` and their like forbid what they seem to mean; `max-age =60` is no lifetime.
    const isOdd = written !== name || !isToken(name)
    if (isOdd && FORBIDDING.test(member)) addProhibition(directives)
    else if (!isToken(name)) continue
    else if (isOdd) add(directives, name, '')
    else add(directives, name, raw === undefined ? undefined : unquote(raw))
    if (raw === undefined || isToken(raw)) continue
    if (mayHaveSwallowed(raw)) addProhibition(directives)
    // An open quote may hold a shorter lifetime, and that it must be kept.
    if (isOpen(raw)) addStrictness(directives)
  }
  return directives
}

function addStrictness(directives: Map<string, (string | undefined)[]>): void {
  add(directives, 'max-age', '')
  if (directives.has('s-maxage')) add(directives, 's-maxage', '')
  add(directives, 'proxy-revalidate', undefined)
}

/** An odd `s-maxage` limits, and permits nothing. */
function permitsAuthorized(directives: Directives): boolean {
  const sMaxAge = directives.get('s-maxage') ?? []
  const isWell = sMaxAge.every((value) => value !== undefined && /^[0-9]+$/.test(value))
  const hasSMaxAge = sMaxAge.length > 0 && isWell
  return directives.has('public') || directives.has('must-revalidate') || hasSMaxAge
}

function isOpen(raw: string): boolean {
  return raw.startsWith('"') && isOddArgument(raw)
}

/** Both, as `must-understand` may lift the one (RFC 9111 §5.2.2.3). */
function addProhibition(directives: Map<string, (string | undefined)[]>): void {
  add(directives, 'no-store', undefined)
  add(directives, 'private', undefined)
}

function add(
  directives: Map<string, (string | undefined)[]>,
  name: string,
  argument: string | undefined,
): void {
  const sameName = directives.get(name)
  if (sameName === undefined) directives.set(name, [argument])
  else sameName.push(argument)
}

/**
 * Whether a quote that was never meant to hold them may hold prohibitions: the members after an unbalanced
 * one, and those between two, which lines of their own may have brought.
 */
function mayHaveSwallowed(raw: string): boolean {
  if (isToken(raw) || !FORBIDDING.test(raw)) return false
  return isOddArgument(raw) || (raw.includes(',') && raw.split(',').some(isProhibition))
}

function isProhibition(member: string): boolean {
  return FORBIDDING_MEMBER.test(trimWhitespace(member))
}

/** Neither a token nor one whole quoted string (RFC 9111 §5.2). */
function isOddArgument(raw: string): boolean {
  return !isToken(raw) && !/^"(?:[^"\\]|\\.)*"$/.test(raw)
}

function unquote(argument: string): string {
  return argument.length >= 2 && argument.startsWith('"') && argument.endsWith('"')
    ? argument.slice(1, -1)
    : argument
}

/** Absent: `undefined`. Not digits, or repeated with different values: 0, hence stale (RFC 9111 §4.2.1). */
function deltaSeconds(directives: Directives, name: string): number | undefined {
  const values = directives.get(name)
  const [value] = values ?? []
  if (values === undefined) return undefined
  if (value === undefined || values.some((other) => other !== value)) return 0
  return /^[0-9]+$/.test(value) ? Math.min(Number(value), MAX_DELTA_SECONDS) : 0
}

/** The one that asks for most, where several are there; what is odd asks for nothing. */
function largestSeconds(directives: Directives, name: string): number | undefined {
  const seconds = (directives.get(name) ?? [])
    .filter((value) => value !== undefined && /^[0-9]+$/.test(value))
    .map(Number)
  return seconds.length === 0 ? undefined : Math.min(Math.max(...seconds), MAX_DELTA_SECONDS)
}

/** Fields without which what is stored could not be used, or would be used wrongly. */
const NEVER_APART: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'cdn-cache-control',
  'date',
  'etag',
  'expires',
  'last-modified',
  'transfer-encoding',
  'vary',
])

/**
 * The fields that every one of these arguments names, in lower case; none for a directive that is absent.
 * `undefined` where one of them is missing or odd, or names what cannot be kept apart: then it is about the
 * whole response.
 */
function qualified(
  values: readonly (string | undefined)[] | undefined,
): readonly string[] | undefined {
  const fields: string[] = []
  for (const value of values ?? []) {
    const names = splitList(value ?? '').map((name) => name.toLowerCase())
    if (names.length === 0 || !names.every(isApart)) return undefined
    fields.push(...names)
  }
  return fields
}

function isApart(name: string): boolean {
  return isToken(name) && !NEVER_APART.has(name) && !name.startsWith('content-')
}

function toMs(seconds: number | undefined, absentMs: number): number {
  return seconds === undefined ? absentMs : seconds * 1000
}
