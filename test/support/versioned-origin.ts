// A resource in versions whose bytes tell which they are of, with ranges and validators as an origin has them.

import { ORACLE_BLOCK_BYTES, checkOracle, oracleBytes } from './oracle.ts'
import { wire, wireHead } from './raw-origin.ts'
import type { WireRequest } from './raw-origin.ts'

export type ValidatorKind = 'strong tag' | 'weak tag' | 'strong date' | 'weak date' | 'none'

export interface Versioned {
  readonly sizeBytes: number
  readonly kind: ValidatorKind
  /** Field lines beside validators and ranges. */
  readonly lines: readonly string[]
  /** Whether it looks at If-Match and its kin; one that does not sends what it has. */
  readonly isConditional: boolean
}

/** Of the same second as the answer: another version may be of it too (RFC 9110 §8.8.2.2). */
export const WEAK_DATE = new Date().toUTCString()

export function etagOf(version: number): string {
  return `"v${version}"`
}

/** The field lines that say which version it is. */
export function validatorLines(version: number, kind: ValidatorKind): readonly string[] {
  switch (kind) {
    case 'strong tag':
      return [`ETag: ${etagOf(version)}`]
    case 'weak tag':
      return [`ETag: W/${etagOf(version)}`]
    case 'strong date':
      return [`Last-Modified: ${lastModifiedOf(version)}`, `Date: ${new Date().toUTCString()}`]
    case 'weak date':
      return [`Last-Modified: ${WEAK_DATE}`, `Date: ${WEAK_DATE}`]
    case 'none':
      return []
  }
}

/** Versions are of the year 2026, a minute apart. */
export function lastModifiedOf(version: number): string {
  return new Date(Date.UTC(2026, 0, 1, 0, version)).toUTCString()
}

export function versionBytes(object: string, version: number, sizeBytes: number): Buffer {
  return oracleBytes({ object, version, startByte: 0, endByte: sizeBytes })
}

/** The answer to a request by a right origin that has this version now. */
export function answerVersion(
  request: WireRequest,
  object: string,
  version: number,
  resource: Versioned,
): Buffer {
  const { sizeBytes, kind, isConditional } = resource
  const lines = [...resource.lines, ...validatorLines(version, kind), 'Accept-Ranges: bytes']
  const etag = kind === 'strong tag' ? etagOf(version) : undefined
  const ifMatch = request.header('if-match')
  if (isConditional && ifMatch !== undefined && ifMatch !== etag) return wire(412, lines)
  const unmodifiedSince = request.header('if-unmodified-since')
  if (isConditional && unmodifiedSince !== undefined) {
    if (kind === 'strong date' && unmodifiedSince !== lastModifiedOf(version))
      return wire(412, lines)
  }
  const isSame =
    request.header('if-none-match')?.includes(etagOf(version)) === true ||
    (kind === 'strong date' && request.header('if-modified-since') === lastModifiedOf(version))
  if (isSame) return wireHead(304, lines)
  const bytes = versionBytes(object, version, sizeBytes)
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.header('range') ?? '') ?? []
  const ifRange = request.header('if-range')
  const isStillThat =
    ifRange === undefined ||
    ifRange === etag ||
    (kind === 'strong date' && ifRange === lastModifiedOf(version))
  if (first === undefined || last === undefined || !isStillThat) return wire(200, lines, bytes)
  const startByte = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first)
  const endByte = first === '' || last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1)
  if (startByte >= sizeBytes) return wire(416, [...lines, `Content-Range: bytes */${sizeBytes}`])
  const range = `Content-Range: bytes ${startByte}-${endByte - 1}/${sizeBytes}`
  return wire(206, [...lines, range], bytes.subarray(startByte, endByte))
}

/**
 * The version that all bytes are of, which are a part of it from `startByte` on; else what is wrong with
 * them under each.
 */
export function versionOf(
  bytes: Uint8Array,
  object: string,
  versions: readonly number[],
  startByte = 0,
): number | string {
  if (bytes.length < ORACLE_BLOCK_BYTES) return `${bytes.length} bytes tell nothing`
  const problems: string[] = []
  for (const version of versions) {
    const problem = checkOracle(bytes, { object, version, startByte })
    if (problem === undefined) return version
    problems.push(`not of version ${version}: ${problem}`)
  }
  return problems.join('; ')
}
