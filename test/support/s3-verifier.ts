// A SigV4 verifier for S3, written from Amazon's description of the algorithm and from nothing of ours:
// "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export interface S3Account {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** The only token it may be used with; absent, none. */
  readonly sessionToken?: string
  readonly isExpired?: boolean
}

export interface SignedRequest {
  readonly method: string
  /** As on the wire. */
  readonly target: string
  /** Name, value, name, value, as on the wire. */
  readonly rawHeaders: readonly string[]
}

export interface VerifierOptions {
  readonly accounts: readonly S3Account[]
  readonly region: string
  readonly nowMs: number
}

export type S3Signature =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'valid'
      readonly accessKeyId: string
      readonly signedNames: readonly string[]
    }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }

const SKEW_MS = 15 * 60_000
const EMPTY_SHA256 = createHash('sha256').update('').digest('hex')
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/([^/,\s]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/

interface Claim {
  readonly accessKeyId: string
  readonly day: string
  readonly region: string
  readonly service: string
  readonly signedNames: readonly string[]
  readonly signature: string
}

export function verifyS3Signature(request: SignedRequest, options: VerifierOptions): S3Signature {
  const authorization = headerOf(request, 'authorization')
  if (authorization === undefined) return { kind: 'anonymous' }
  const claim = parseClaim(authorization)
  if (claim === undefined) return refused(400, 'AuthorizationHeaderMalformed')
  const account = options.accounts.find(({ accessKeyId }) => accessKeyId === claim.accessKeyId)
  if (account === undefined) return refused(403, 'InvalidAccessKeyId')
  const problem = findProblem(request, claim, account, options)
  if (problem !== undefined) return problem
  const expected = signatureOf(request, claim, account.secretAccessKey)
  const isEqual = timingSafeEqual(Buffer.from(expected), Buffer.from(claim.signature))
  if (!isEqual) return refused(403, 'SignatureDoesNotMatch')
  return { kind: 'valid', accessKeyId: claim.accessKeyId, signedNames: claim.signedNames }
}

function findProblem(
  request: SignedRequest,
  claim: Claim,
  account: S3Account,
  options: VerifierOptions,
): S3Signature | undefined {
  const date = headerOf(request, 'x-amz-date') ?? ''
  const atMs = parseAmzDate(date)
  if (atMs === undefined) return refused(403, 'AccessDenied')
  if (Math.abs(atMs - options.nowMs) > SKEW_MS) return refused(403, 'RequestTimeTooSkewed')
  const isInScope =
    claim.day === date.slice(0, 8) && claim.region === options.region && claim.service === 's3'
  if (!isInScope) return refused(400, 'AuthorizationHeaderMalformed')
  const payload = headerOf(request, 'x-amz-content-sha256')
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== EMPTY_SHA256) {
    return refused(400, 'XAmzContentSHA256Mismatch')
  }
  if (headerOf(request, 'x-amz-security-token') !== account.sessionToken) {
    return refused(400, 'InvalidToken')
  }
  if (account.isExpired === true) return refused(400, 'ExpiredToken')
  // "You must include the host header and any x-amz-* headers in the request."
  const isComplete = mustBeSigned(request).every((name) => claim.signedNames.includes(name))
  const isSorted = claim.signedNames.join() === [...new Set(claim.signedNames)].toSorted().join()
  return isComplete && isSorted ? undefined : refused(403, 'AccessDenied')
}

function mustBeSigned(request: SignedRequest): string[] {
  const names = request.rawHeaders
    .filter((_, index) => index % 2 === 0)
    .map((name) => name.toLowerCase())
  return ['host', ...names.filter((name) => name.startsWith('x-amz-'))]
}

function parseClaim(authorization: string): Claim | undefined {
  const match = AUTHORIZATION.exec(authorization)
  if (match === null) return undefined
  const [, accessKeyId = '', day = '', region = '', service = '', names = '', signature = ''] =
    match
  return { accessKeyId, day, region, service, signedNames: names.split(';'), signature }
}

function signatureOf(request: SignedRequest, claim: Claim, secret: string): string {
  const scope = `${claim.day}/${claim.region}/${claim.service}/aws4_request`
  const hash = createHash('sha256').update(canonicalRequestOf(request, claim)).digest('hex')
  const date = headerOf(request, 'x-amz-date') ?? ''
  const text = ['AWS4-HMAC-SHA256', date, scope, hash].join('\n')
  let key = hmac(`AWS4${secret}`, claim.day)
  for (const part of [claim.region, claim.service, 'aws4_request']) key = hmac(key, part)
  return hmac(key, text).toString('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function canonicalRequestOf(request: SignedRequest, claim: Claim): string {
  const [path, query] = splitTarget(request.target)
  const headers = claim.signedNames
    .map((name) => `${name}:${(headerOf(request, name) ?? '').trim().replace(/ +/g, ' ')}\n`)
    .join('')
  return [
    request.method,
    uriEncode(decodeBytes(path), true),
    canonicalQueryOf(query),
    headers,
    claim.signedNames.join(';'),
    headerOf(request, 'x-amz-content-sha256') ?? '',
  ].join('\n')
}

function canonicalQueryOf(query: string): string {
  if (query === '') return ''
  return query
    .split('&')
    .map((parameter) => {
      const equals = parameter.indexOf('=')
      const name = equals < 0 ? parameter : parameter.slice(0, equals)
      const value = equals < 0 ? '' : parameter.slice(equals + 1)
      return `${uriEncode(decodeBytes(name), false)}=${uriEncode(decodeBytes(value), false)}`
    })
    .toSorted()
    .join('&')
}

/** "URI encode every byte except the unreserved characters"; the slash stays in an object's key name. */
function uriEncode(bytes: Uint8Array, keepsSlash: boolean): string {
  let encoded = ''
  for (const byte of bytes) {
    const char = String.fromCharCode(byte)
    const isKept = /[A-Za-z0-9\-._~]/.test(char) || (keepsSlash && char === '/')
    encoded += isKept ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

/** Percent-decoding to bytes, once; what is not an escape stands for itself. */
export function decodeBytes(text: string): Buffer {
  const bytes: number[] = []
  for (let i = 0; i < text.length; i++) {
    const escape = /^%([0-9A-Fa-f]{2})/.exec(text.slice(i, i + 3))
    if (escape !== null) i += 2
    bytes.push(escape === null ? text.charCodeAt(i) : Number.parseInt(escape[1] ?? '', 16))
  }
  return Buffer.from(bytes)
}

export function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]
}

export function headerOf(request: SignedRequest, wanted: string): string | undefined {
  const values = request.rawHeaders.filter(
    (_, index) => index % 2 === 1 && request.rawHeaders[index - 1]?.toLowerCase() === wanted,
  )
  return values.length === 0 ? undefined : values.join(',')
}

function parseAmzDate(date: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(date)
  if (match === null) return undefined
  const [year = 0, month = 0, day, hour, minute, second] = match.slice(1).map(Number)
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function refused(status: number, code: string): S3Signature {
  return { kind: 'refused', status, code }
}
