// What must hold of any single answer, whatever went on around it.

import type { ByteSpan } from '#core/http/byte-range.ts'
import { parseContentRange, parseRange, resolveRanges } from '#core/http/byte-range.ts'
import type { ReadParts } from './byteranges.ts'
import { readByteranges } from './byteranges.ts'
import type { Got } from './edge.ts'
import { checkOracle } from './oracle.ts'
import { originLastModified } from './origin-answer.ts'
import type { SimulatedObject, Version } from './simulation-objects.ts'
import { etagOf, oracleName, personalName } from './simulation-objects.ts'

/** One request of a simulation, and what came of it. */
export interface Asking {
  readonly object: SimulatedObject
  readonly method: string
  readonly fields: Readonly<Record<string, string>>
  readonly startedAtMs: number
  /** No version before this one may answer. */
  readonly floor: number
  /** What it was before the reader began to read. */
  got: Got | undefined
  /** Chunks as they came. */
  readonly chunks: Uint8Array[]
  end: 'reading' | 'clean' | 'broken' | 'cancelled'
  error: unknown
}

export interface CheckFacts {
  /** The origin may have lied about the range of a 206 that was relayed. */
  readonly hasLies: boolean
  /** Nothing has gone wrong and nothing has changed: no answer may fail. */
  readonly mustSucceed: boolean
}

/** A body that may be the one that was sent. */
interface Candidate {
  readonly name: string
  readonly version: Version
  readonly etag: string | false
}

/** Says what is wrong with an answer, or nothing. */
export function checkAsking(asking: Asking, facts: CheckFacts): string | undefined {
  const { got, method, end } = asking
  if (got === undefined) return 'it never came'
  if (end === 'reading') return 'its body never ended'
  const canary = got.field('x-canary')
  if (canary !== undefined && canary !== got.scope.id) return `the answer of ${canary}`
  if (facts.mustSucceed && got.status >= 500 && !isOnlyIfCached(asking)) return 'it failed'
  if (facts.mustSucceed && end === 'broken') return `its body broke: ${String(asking.error)}`
  const isBare = (method === 'HEAD' && got.status < 400) || got.status === 304
  if (isBare && asking.chunks.length > 0) return 'a body where there is none'
  switch (got.status) {
    case 200:
    case 206:
      return checkContent(asking, got, facts)
    case 304:
      return checkNotModified(asking, got)
    case 412:
      return asking.fields['if-match'] === undefined ? 'nothing was asked to match' : undefined
    case 416:
      return checkUnsatisfiable(asking, got, facts)
    default:
      return undefined
  }
}

function isOnlyIfCached({ fields }: Asking): boolean {
  return fields['cache-control'] === 'only-if-cached'
}

function candidatesOf(asking: Asking, got: Got): Candidate[] {
  const { object, floor, fields } = asking
  const candidates: Candidate[] = []
  for (const version of object.versions) {
    if (version.number < floor) continue
    const names = [personalName(object, got.scope.id)]
    if (version.rule.isPersonal !== true) {
      names.push(oracleName(object, fields['accept-language'] ?? ''))
    }
    for (const name of names) {
      candidates.push({ name, version, etag: etagOf(object, name, version.number) })
    }
  }
  return candidates
}

function checkContent(asking: Asking, got: Got, facts: CheckFacts): string | undefined {
  const isRelayed = got.scope.eventsOf('fetch').length > 0
  if (got.status === 206 && isRelayed && facts.hasLies) return undefined
  if (asking.method === 'HEAD') return undefined
  const complaints = new Set<string>()
  for (const candidate of candidatesOf(asking, got)) {
    const complaint = mismatch(asking, got, candidate)
    if (complaint === undefined) return undefined
    complaints.add(complaint)
  }
  return complaints.size === 0 ? 'no version it could be' : [...complaints].join(' | ')
}

function mismatch(asking: Asking, got: Got, candidate: Candidate): string | undefined {
  const { fields, chunks, end, startedAtMs } = asking
  const { version, name, etag } = candidate
  if (got.status === 206 && got.field('content-type')?.startsWith('multipart/') === true) {
    return wrongParts(asking, got, candidate)
  }
  const span = got.status === 206 ? partOf(got) : { startByte: 0, endByte: version.sizeBytes }
  if (span === undefined) return 'Content-Range is malformed'
  if (got.status === 206) {
    const wrong = wrongPart(asking, got, candidate, span)
    if (wrong !== undefined) return wrong
  }
  const told = got.field('etag')
  if (told !== undefined && told !== etag) return `ETag ${told} is not ${etag}`
  const ifMatch = fields['if-match']
  if (ifMatch !== undefined && ifMatch !== etag && asking.object.heedsMatch)
    return `If-Match ${ifMatch} does not hold`
  const lengthBytes = span.endByte - span.startByte
  const { contentLength } = got.answer
  if (contentLength !== undefined && contentLength !== lengthBytes) {
    return `Content-Length ${contentLength}, not ${lengthBytes}`
  }
  const endsClean = end === 'clean' && got.answer.closes !== true
  const body = new Uint8Array(Buffer.concat(chunks))
  const wrongBytes = checkOracle(body, {
    object: name,
    version: version.number,
    startByte: span.startByte,
    endByte: endsClean ? span.endByte : undefined,
  })
  if (wrongBytes !== undefined) return wrongBytes
  if (span.startByte + body.byteLength > span.endByte) return 'more bytes than there are'
  const isHit = got.cache.startsWith('hit')
  const { lifetimeMs, staleMs } = version.rule
  if (isHit && version.endedAtMs + lifetimeMs + staleMs < startedAtMs) {
    return `a hit with version ${version.number}, which had expired`
  }
  return undefined
}

function partOf(got: Got): { startByte: number; endByte: number } | undefined {
  return parseContentRange(got.field('content-range') ?? '')?.span
}

function wrongPart(
  { fields }: Asking,
  got: Got,
  candidate: Candidate,
  span: { startByte: number; endByte: number },
): string | undefined {
  const { version } = candidate
  const told = parseContentRange(got.field('content-range') ?? '')
  // Of what is still coming nobody may know the length.
  const isKnown = version.sizeBytes === (told?.completeLength ?? version.sizeBytes)
  if (told === undefined || !isKnown) {
    return `complete length ${told?.completeLength}, not ${version.sizeBytes}`
  }
  return wrongRange(fields, candidate, [span])
}

/** Several parts in one message. */
function wrongParts(
  { fields, chunks, end }: Asking,
  got: Got,
  candidate: Candidate,
): string | undefined {
  const { name, version } = candidate
  const body = new Uint8Array(Buffer.concat(chunks))
  let read: ReadParts
  try {
    read = readByteranges(got.field('content-type'), body)
  } catch (error) {
    return String(error)
  }
  const { parts, isClosed } = read
  const { contentLength } = got.answer
  if (end === 'clean' && (!isClosed || contentLength !== body.byteLength)) {
    return `a clean end after ${body.byteLength} of ${contentLength} bytes`
  }
  for (const { startByte, endByte, completeLength, bytes } of parts) {
    if (completeLength !== version.sizeBytes) return `complete length ${completeLength}`
    const whole = bytes.byteLength === endByte - startByte ? endByte : undefined
    const facts = { object: name, version: version.number, startByte, endByte: whole }
    const wrongBytes = checkOracle(bytes, facts)
    if (wrongBytes !== undefined) return wrongBytes
  }
  return isClosed ? wrongRange(fields, candidate, parts) : undefined
}

function wrongRange(
  fields: Asking['fields'],
  { version, etag }: Candidate,
  spans: readonly ByteSpan[],
): string | undefined {
  const range = fields['range']
  const asked = range === undefined ? undefined : parseRange(range)
  if (asked === undefined) return '206, and no range was asked'
  const ifRange = fields['if-range']
  if (ifRange !== undefined && ifRange !== etag && !isDateOf(ifRange, version)) {
    return `206, and If-Range ${ifRange} does not hold`
  }
  const resolved = resolveRanges(asked, version.sizeBytes)
  if (resolved.kind !== 'span' && resolved.kind !== 'spans') {
    return `206 to what resolves to ${resolved.kind}`
  }
  const wanted = resolved.kind === 'span' ? [resolved.span] : resolved.spans
  const [told, asks] = [spans, wanted].map((list) =>
    list.map(({ startByte, endByte }) => `${startByte}..${endByte}`).join(),
  )
  return told === asks ? undefined : `bytes ${told}, not ${asks}`
}

function isDateOf(value: string, version: Version): boolean {
  return value === originLastModified(version.number)
}

function checkNotModified(asking: Asking, got: Got): string | undefined {
  const { object, fields } = asking
  const ifNoneMatch = fields['if-none-match']
  if (ifNoneMatch === undefined) {
    const since = fields['if-modified-since']
    return since === undefined ? '304, and there was no condition' : undefined
  }
  if (object.validator === 'none' || object.validator === 'date') {
    return ifNoneMatch === '*' ? undefined : '304 without an entity tag'
  }
  const holds = candidatesOf(asking, got).some(
    ({ etag }) => etag !== false && (ifNoneMatch === '*' || opaque(etag) === opaque(ifNoneMatch)),
  )
  return holds ? undefined : `304, and ${ifNoneMatch} is of no version that may answer`
}

function checkUnsatisfiable(asking: Asking, got: Got, facts: CheckFacts): string | undefined {
  const asked = parseRange(asking.fields['range'] ?? '')
  if (asked === undefined) return '416, and no range was asked'
  if (facts.hasLies) return undefined
  const told = parseContentRange(got.field('content-range') ?? '')?.completeLength
  const ifRange = asking.fields['if-range']
  const fits = candidatesOf(asking, got).some(({ version, etag }) => {
    if (told !== undefined && version.sizeBytes !== told) return false
    if (ifRange !== undefined && ifRange !== etag && !isDateOf(ifRange, version)) return false
    // Origins disagree on a suffix of nothing; whose 416 is relayed says what the origin says.
    return (
      version.sizeBytes === 0 || resolveRanges(asked, version.sizeBytes).kind === 'unsatisfiable'
    )
  })
  return fits ? undefined : `416 of ${told} bytes, where some could be served`
}

/** An entity tag without its weakness. */
function opaque(tag: string): string {
  return tag.replace(/^W\//, '')
}
