// What must hold of any answer to a range request, whatever went wrong around it.

import { readByteranges } from './byteranges.ts'
import type { ReadParts } from './byteranges.ts'
import type { FlippingObject, ObjectVersion } from './flipping-object.ts'
import type { HttpResult } from './http-get.ts'
import { checkOracle } from './oracle.ts'
import type { FaultName } from './origin-faults.ts'
import type { ByteRange, RangeVerdict } from './range-model.ts'
import { checkParts, judgeRange, mergeRanges } from './range-model.ts'

export interface RangeExchange {
  readonly object: FlippingObject
  readonly method: string
  readonly range: string | undefined
  readonly ifRange: string | undefined
  /** Before the request was sent. */
  readonly startedAtMs: number
  readonly got: HttpResult
  /** An error, and a body that visibly breaks off, need a reason; there is one. */
  readonly mayFail: boolean
  /** Faults that struck what was under way meanwhile. */
  readonly faults: readonly FaultName[]
}

/** Says what is wrong with an answer, or nothing. */
export function checkExchange(x: RangeExchange): string | undefined {
  const { got, mayFail } = x
  switch (got.status) {
    case 200:
    case 206:
    case 416:
      if (!got.complete && !mayFail && !isOutdated(x)) {
        return `it breaks off after ${got.bodyBytes} bytes`
      }
      return checkVersions(x)
    case 502:
    case 503:
    case 504:
      return mayFail ? undefined : `${got.status}: ${got.header('cache-status')}`
    default:
      return `status ${got.status}`
  }
}

/** What is not stored of a version that the origin has no more cannot be had. */
function isOutdated({ got, object: { current } }: RangeExchange): boolean {
  return got.header('etag') !== current.etag || got.header('last-modified') !== current.lastModified
}

/** It must be the answer of one version that it may be of. */
function checkVersions(x: RangeExchange): string | undefined {
  const complaints = new Set<string>()
  const versions = x.object.versions.filter((version) => mayAnswer(x, version))
  for (const version of versions.toReversed()) {
    for (const lengthBytes of x.object.lengthsOf(version)) {
      const complaint = mismatch(x, version, lengthBytes)
      if (complaint === undefined) return undefined
      complaints.add(`version ${version.number}: ${complaint}`)
    }
  }
  return [...complaints].join('; ')
}

/**
 * Whether the origin had the version at a time between request and answer, or so shortly before that it may be
 * fresh in a cache still; later only in place of an error, and then the answer says so (RFC 5861 §4).
 */
function mayAnswer(x: RangeExchange, { endedAtMs }: ObjectVersion): boolean {
  const isInPlaceOfError =
    x.mayFail && /fwd=stale.*detail=/.test(x.got.header('cache-status') ?? '')
  return isInPlaceOfError || x.startedAtMs < endedAtMs + x.object.kind.lifetimeMs
}

function mismatch(x: RangeExchange, version: ObjectVersion, lengthBytes: number) {
  const { got, method, range } = x
  const { status } = got
  if (status !== 416) {
    const told = `${got.header('etag')} ${got.header('last-modified')}`
    const right = `${version.etag} ${version.lastModified}`
    // Of a length that is still to come.
    const isUnknown = x.object.kind.isChunked && told === right.replace(/\d+$/, '*')
    if (told !== right && !isUnknown) return `validators are ${told}, not ${right}`
  }
  const isAsked = method === 'GET' && holdsIfRange(x, version)
  const verdict = judgeRange(isAsked ? range : undefined, lengthBytes)
  if (status === 416) return checkRefusal(x, verdict, lengthBytes)
  if (status === 200) {
    if (!mayBeWhole(x, verdict)) return `200, not ${verdict.kind}`
    const isBodyless = method === 'HEAD' || lengthBytes === 0
    return (
      checkLength(x, lengthBytes) ??
      (isBodyless ? isEmpty(got) : checkBytes(x, version, { first: 0, last: lengthBytes - 1 }))
    )
  }
  // What the origin says of its own bytes, which nobody keeps.
  if (isPassedOn(got) && x.faults.includes('content-range')) return undefined
  const type = got.header('content-type') ?? ''
  if (/^multipart\//i.test(type)) return checkMultipart(x, version, lengthBytes, verdict)
  return checkPart(x, version, lengthBytes, verdict)
}

function holdsIfRange({ ifRange }: RangeExchange, version: ObjectVersion): boolean {
  if (ifRange === undefined || ifRange === version.lastModified) return true
  return ifRange === version.etag && !ifRange.startsWith('W/')
}

/** A range may be ignored where the length is not known, and is where the origin's own answer is passed on. */
function mayBeWhole({ object, range, faults, got }: RangeExchange, verdict: RangeVerdict): boolean {
  if (verdict.kind === 'whole') return true
  if (object.kind.isChunked || faults.includes('close-delimited')) return true
  if (!isPassedOn(got)) return false
  // A range of nothing is asked again without it, and then there may be something.
  if (object.versions.some(({ sizeBytes }) => sizeBytes === 0)) return true
  const takesIt = object.kind.takesRanges && range?.includes(',') === false
  return !takesIt || faults.includes('ignore-range')
}

/** Neither from the store nor on its way into it. */
function isPassedOn(got: HttpResult): boolean {
  return !/; (?:hit|stored|ttl=)/.test(got.header('cache-status') ?? '')
}

function checkRefusal(x: RangeExchange, verdict: RangeVerdict, lengthBytes: number) {
  // Origins disagree on the end of nothing.
  const isOfNothing = lengthBytes === 0 && isPassedOn(x.got)
  const isRight =
    isOfNothing ||
    verdict.kind === 'unsatisfiable' ||
    (verdict.kind === 'several' && verdict.refusal !== 'never')
  if (!isRight) return `416, not ${verdict.kind}`
  const told = x.got.header('content-range')
  return told === `bytes */${lengthBytes}` ? undefined : `416 with Content-Range "${told}"`
}

function checkLength({ got, object }: RangeExchange, lengthBytes: number): string | undefined {
  const told = got.header('content-length')
  if (told === undefined && (object.kind.isChunked || isWithoutEnd(got))) return undefined
  return told === String(lengthBytes) ? undefined : `Content-Length ${told}, not ${lengthBytes}`
}

/** Its end is that of its connection, which nobody can tell from a cut. */
function isWithoutEnd(got: HttpResult): boolean {
  return got.header('content-length') === undefined && got.header('transfer-encoding') === undefined
}

function isEmpty({ bodyBytes }: HttpResult): string | undefined {
  return bodyBytes === 0 ? undefined : `${bodyBytes} bytes where there are none`
}

function checkBytes(x: RangeExchange, version: ObjectVersion, range: ByteRange) {
  const { got } = x
  const isWhole = got.complete && !isWithoutEnd(got)
  if (got.bodyBytes > range.last - range.first + 1) return `${got.bodyBytes} bytes are too many`
  return checkOracle(got.body, {
    object: x.object.path,
    version: version.number,
    startByte: range.first,
    endByte: isWhole ? range.last + 1 : undefined,
  })
}

function checkPart(
  x: RangeExchange,
  version: ObjectVersion,
  lengthBytes: number,
  verdict: RangeVerdict,
): string | undefined {
  const range = singleOf(verdict)
  if (range === undefined) return `206 of one part, not ${verdict.kind}`
  if (verdict.kind === 'several' && verdict.refusal === 'owed') return '206 to what is an attack'
  const told = x.got.header('content-range')
  const right = `bytes ${range.first}-${range.last}/${lengthBytes}`
  // Of a length that is still to come.
  const isUnknown = x.object.kind.isChunked && told === right.replace(/\d+$/, '*')
  if (told !== right && !isUnknown) return `Content-Range "${told}", not "${right}"`
  return checkLength(x, range.last - range.first + 1) ?? checkBytes(x, version, range)
}

function singleOf(verdict: RangeVerdict): ByteRange | undefined {
  if (verdict.kind === 'single') return verdict.range
  if (verdict.kind !== 'several') return undefined
  const merged = mergeRanges(verdict.ranges)
  return merged.length === 1 ? merged[0] : undefined
}

function checkMultipart(
  x: RangeExchange,
  version: ObjectVersion,
  lengthBytes: number,
  verdict: RangeVerdict,
): string | undefined {
  const { got, object } = x
  if (verdict.kind !== 'several') return `multipart, not ${verdict.kind}`
  if (verdict.refusal === 'owed') return 'multipart to what is an attack'
  if (got.header('content-range') !== undefined) return 'multipart with Content-Range'
  const length = got.header('content-length')
  if (length === undefined) return 'multipart without Content-Length'
  if (got.complete && Number(length) !== got.bodyBytes) return `Content-Length ${length}`
  const read = partsOf(got)
  if (typeof read === 'string') return read
  for (const { startByte, endByte, completeLength, contentType, bytes } of read.parts) {
    if (completeLength !== lengthBytes) return `a part of ${completeLength}`
    if (contentType !== 'application/octet-stream') return `a part of "${contentType}"`
    const isCut = startByte + bytes.length < endByte
    const wrong = checkOracle(bytes, {
      object: object.path,
      version: version.number,
      startByte,
      endByte: isCut ? undefined : endByte,
    })
    if (wrong !== undefined) return wrong
  }
  if (!got.complete) return undefined
  if (!read.isClosed) return 'multipart without its end'
  const parts = read.parts.map(({ startByte, endByte }) => ({
    first: startByte,
    last: endByte - 1,
  }))
  return checkParts(parts, verdict.ranges)
}

/** What is wrong with their form, if it is. */
function partsOf(got: HttpResult): ReadParts | string {
  try {
    return readByteranges(got.header('content-type'), got.body)
  } catch (error) {
    return String(error)
  }
}
