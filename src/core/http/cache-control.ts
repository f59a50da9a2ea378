// Cache-Control of requests and responses (RFC 9111 §5.2). Parsing fails closed: what is odd about a
// directive that forbids is read as the prohibition, and an odd lifetime as none.

import { isToken, splitList, trimWhitespace } from './list.ts'

/** What a request's Cache-Control allows. Absent limits are infinite, absent windows zero. */
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
  minFreshMs: 0,
  maxStaleMs: 0,
  staleIfErrorMs: 0,
}

/** What a response's Cache-Control says. A lifetime that is absent is `undefined`, an odd one is 0. */
export interface ResponseDirectives {
  readonly noStore: boolean
  /** With or without a field list: a list is read as the whole, which only forbids more. */
  readonly noCache: boolean
  readonly isPrivate: boolean
  readonly isPublic: boolean
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
const MAX_DELTA_SECONDS = 2_147_483_648

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
    minFreshMs: toMs(deltaSeconds(directives, 'min-fresh'), 0),
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
  return {
    noStore: directives.has('no-store'),
    noCache: directives.has('no-cache'),
    isPrivate: directives.has('private'),
    isPublic: directives.has('public'),
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
    const name = (equals < 0 ? member : member.slice(0, equals)).toLowerCase()
    const raw = equals < 0 ? undefined : member.slice(equals + 1)
    const argument = raw === undefined ? undefined : unquote(raw)
    // `"private"`, `no-cache ="x"` and their like forbid what they seem to mean.
    const known = isToken(name) ? name : FORBIDDING.test(member) ? 'no-store' : undefined
    if (known === undefined) continue
    add(directives, known, argument)
    if (raw !== undefined && mayHaveSwallowed(raw)) add(directives, 'no-store', undefined)
  }
  return directives
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

function toMs(seconds: number | undefined, absentMs: number): number {
  return seconds === undefined ? absentMs : seconds * 1000
}
