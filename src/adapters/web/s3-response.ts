// What S3's answers mean to us, and what of them a client may see.

import { readAll } from '#core/entry/byte-source.ts'
import type { Fields } from '#core/entry/fields.ts'
import type { UpstreamResponse } from '#core/ports/upstream.ts'

/** What becomes of an answer of the bucket. */
export type S3Verdict =
  | { readonly kind: 'pass' }
  /** An error, told in our own words. */
  | { readonly kind: 'refuse'; readonly status: number }
  /** The bucket is in another region than we think. */
  | { readonly kind: 'moved'; readonly region: string }
  /** Our clock is not the bucket's. */
  | { readonly kind: 'skewed' }
  /** The bucket does not take our requests: nothing that the client could mend. */
  | { readonly kind: 'fail'; readonly because: string }

export interface S3Facts {
  readonly method: string
  readonly status: number
  /** Of the error document; HEAD has none. */
  readonly code: string | undefined
  /** How far the bucket's clock is from the one that signed, either way; `undefined` when it does not say. */
  readonly clockDifferenceMs: number | undefined
  readonly isSigned: boolean
  readonly missingKeyAs404: boolean
  /** Where the answer says that the bucket is, and where we think it is. */
  readonly toldRegion: string | undefined
  readonly usedRegion: string
}

/** Codes that speak of our credentials or our settings, not of the object asked for. */
const CREDENTIAL_CODES: ReadonlySet<string> = new Set([
  'SignatureDoesNotMatch',
  'InvalidAccessKeyId',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'InvalidSecurity',
  'NotSignedUp',
  'AuthorizationHeaderMalformed',
  'CredentialsNotSupported',
  'MissingSecurityHeader',
])
/** S3 refuses at 15 minutes; a HEAD is told without a code, so it is taken a little earlier. */
const MAX_CLOCK_DIFFERENCE_MS = 14 * 60_000

export function decideS3Verdict(facts: S3Facts): S3Verdict {
  const { status, code } = facts
  if (status < 300 || status === 304) return { kind: 'pass' }
  const { toldRegion } = facts
  if (toldRegion !== undefined && toldRegion !== facts.usedRegion && isMove(facts)) {
    return { kind: 'moved', region: toldRegion }
  }
  // A redirect of the bucket names another endpoint or region. It is no answer about the object.
  if (status < 400) return { kind: 'fail', because: `it redirects (${status})` }
  if (code === 'RequestTimeTooSkewed' || isSkewedHead(facts)) return { kind: 'skewed' }
  if (code !== undefined && CREDENTIAL_CODES.has(code)) return { kind: 'fail', because: code }
  if (status === 401) return { kind: 'fail', because: code ?? 'it wants other credentials' }
  // Without the right to list the bucket, S3 says 403 where there is nothing.
  const mayBeMissing = code === 'AccessDenied' || (facts.method === 'HEAD' && code === undefined)
  const isMissing = status === 403 && facts.missingKeyAs404 && mayBeMissing
  return { kind: 'refuse', status: isMissing ? 404 : status }
}

/** 301 and 307 to another endpoint of the bucket; 400 where it is asked under a wrong region at a right one. */
function isMove({ status, code, method }: S3Facts): boolean {
  const isMalformed =
    code === 'AuthorizationHeaderMalformed' || (method === 'HEAD' && code === undefined)
  return status === 301 || status === 307 || (status === 400 && isMalformed)
}

function isSkewedHead(facts: S3Facts): boolean {
  return (
    facts.method === 'HEAD' &&
    facts.status === 403 &&
    facts.isSigned &&
    (facts.clockDifferenceMs ?? 0) > MAX_CLOCK_DIFFERENCE_MS
  )
}

const MAX_ERROR_BYTES = 64 * 1024

/** The code of an error document, which is read to its end so that the connection can be used again. */
export async function readS3Code(response: UpstreamResponse): Promise<string | undefined> {
  try {
    const bytes = await readAll(response.body, MAX_ERROR_BYTES)
    const text = new TextDecoder().decode(bytes)
    return /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(text)?.[1]
  } catch {
    // The status says enough.
    return undefined
  }
}

/**
 * Of `x-amz-*` a client gets what tells the version of the object. A checksum is of the object, and a client of S3 would
 * hold a range against it: the fill does that, with all of it.
 */
const KEPT = 'x-amz-version-id'
/** What the others, and S3-compatible servers, say of themselves and of the object's owner. */
const INTERNAL =
  /^(?:x-(?:amz|goog|minio|rgw|openstack|trans|object-meta|wasabi|ratelimit)(?:-|$)|server$|x-powered-by$|x-timestamp$)/

export function withoutS3Internals(fields: Fields): Fields {
  return filtered(fields, (name) => name === KEPT || !INTERNAL.test(name))
}

/** What stays of an error whose body is replaced: nothing that describes that body, or names the bucket. */
export function errorFields(fields: Fields): Fields {
  return filtered(fields, (name) => OF_ERROR.has(name) || name.startsWith('access-control-'))
}

const OF_ERROR: ReadonlySet<string> = new Set([
  'age',
  'allow',
  'cache-control',
  'cdn-cache-control',
  'content-range',
  'date',
  'expires',
  'retry-after',
  'vary',
])

function filtered(fields: Fields, keeps: (name: string) => boolean): Fields {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (keeps(name)) kept.push(name, fields[i + 1] ?? '')
  }
  return kept
}

/** Of our requests: nothing of the client may be taken for a part of the signature, or replace it. */
export function withoutClientSigning(fields: Fields): Fields {
  return filtered(
    fields,
    (name) => !/^(?:x[-_]amz[-_].*|authorization|host|date|expect)$/.test(name),
  )
}

const TEXTS: ReadonlyMap<number, string> = new Map([
  [400, 'Bad request'],
  [403, 'Forbidden'],
  [404, 'Not found'],
  [405, 'Method not allowed'],
  [412, 'Precondition failed'],
  [416, 'Range not satisfiable'],
  [500, 'The origin has failed'],
  [503, 'The origin is overloaded'],
])

export function textOf(status: number): string {
  return TEXTS.get(status) ?? `The origin answered ${status}`
}
