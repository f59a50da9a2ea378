import type { Maybe } from '#core/entry/byte-source.ts'
import { expectedDigests } from '#core/entry/expected-digests.ts'
import { first, has } from '#core/entry/fields.ts'
import type { Fields } from '#core/entry/fields.ts'
import { parseHttpDate } from '#core/http/http-date.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import type { Upstream, UpstreamRequest, UpstreamResponse } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import { ownResponse } from './own-response.ts'
import { s3PlaceOf, s3TargetOf } from './s3-key.ts'
import type { S3Target } from './s3-key.ts'
import {
  decideS3Verdict,
  errorFields,
  readS3Code,
  textOf,
  withoutClientSigning,
  withoutS3Internals,
} from './s3-response.ts'
import type { S3Verdict } from './s3-response.ts'
import { UNSIGNED, createS3Signer } from './s3-signer.ts'
import type { S3Credentials, S3Signer } from './s3-signer.ts'

export interface S3UpstreamOptions {
  readonly bucket: string
  /** Put before each key, not percent-encoded; with its own slash at the end, or empty. */
  readonly prefix: string
  /** Scheme, host and port of the inner upstream, and the path that buckets lie under. */
  readonly endpoint: URL
  readonly region: string
  /** Asked for each request, so that they may be rotated; `undefined` asks without a signature. */
  readonly credentials: () => Maybe<S3Credentials | undefined>
  /** Whether `AccessDenied` is told as 404: S3 says so of a missing key to whoever may not list. */
  readonly missingKeyAs404: boolean
  readonly clock: Clock
  /** The endpoint of a region, where that differs; else the same one is asked under the other region's name. */
  readonly elsewhere?: (region: string) => { readonly inner: Upstream; readonly endpoint: URL }
}

type S3Object = Extract<S3Target, { kind: 'object' }>

interface Bucket extends S3UpstreamOptions {
  readonly address: string
  /** Where it is now, as far as we know. */
  place: { readonly inner: Upstream; readonly signer: S3Signer; readonly region: string }
  /** How far the bucket's clock is ahead of ours, once it has told us. */
  aheadMs: number
}

interface Attempt {
  readonly response: UpstreamResponse
  readonly verdict: S3Verdict
  /** How far the bucket's clock was ahead of ours, if it told. */
  readonly aheadMs: number | undefined
}

/**
 * Serves the objects of one bucket under one prefix, path-style: `GET /<key>` and `HEAD /<key>`, and nothing
 * else of S3. Requests are signed (SigV4) with our credentials, never the client's. Errors are told in our
 * own words; those that are the fault of our credentials or settings reject, so that nothing is stored and
 * a stale response may serve.
 *
 * @param inner Sends to the endpoint's host, with that as Host and without a path prefix of its own.
 */
export function createS3Upstream(inner: Upstream, options: S3UpstreamOptions): Upstream {
  const { endpoint, region, prefix, clock } = options
  const place = s3PlaceOf(endpoint, options.bucket, prefix)
  const bucket: Bucket = {
    ...options,
    address: endpoint.origin,
    place: { inner, signer: createS3Signer(endpoint, region), region },
    aheadMs: 0,
  }

  function refuse(method: string, status: number, text: string, fields?: Fields): UpstreamResponse {
    const nowMs = clock.nowMs()
    const facts = { status, method, text, address: bucket.address }
    const times = { sentAtMs: nowMs, receivedAtMs: nowMs }
    return ownResponse({ ...facts, ...times, ...(fields && { fields }) })
  }

  return {
    async fetch(request, scope) {
      const { method } = request
      request.body?.cancel('bodies are not sent to a bucket')
      if (method !== 'GET' && method !== 'HEAD') {
        return refuse(method, 405, textOf(405), ['allow', 'GET, HEAD'])
      }
      const target = s3TargetOf(request.target, place)
      if (target.kind === 'refused') return refuse(method, target.status, target.because)
      let asked = await attempt(bucket, target, request, scope)
      if (asked.verdict.kind === 'moved') {
        asked.response.body.cancel('asking where the bucket is')
        // From now on it is there; a second move within one request is no answer.
        const { region: there } = asked.verdict
        // Of those who are told so at once, the first moves it.
        if (there !== bucket.place.region) bucket.place = placeIn(there, inner, options)
        asked = await attempt(bucket, target, request, scope)
      }
      if (asked.verdict.kind !== 'skewed') return conclude(bucket, asked, method)
      // From now on the bucket's clock is the right one; later it may tell us again.
      if (asked.aheadMs === undefined) return conclude(bucket, asked, method)
      bucket.aheadMs = asked.aheadMs
      return conclude(bucket, await attempt(bucket, target, request, scope), method)
    },
  }
}

async function attempt(
  bucket: Bucket,
  object: S3Object,
  request: UpstreamRequest,
  scope: RequestScope,
): Promise<Attempt> {
  const { method } = request
  const { aheadMs: usedAheadMs } = bucket
  const signature = await sign(bucket, object, method, bucket.clock.nowMs() + usedAheadMs)
  const { inner, region: usedRegion } = bucket.place
  const response = await inner.fetch(
    {
      ...request,
      target: object.query === '' ? object.path : `${object.path}?${object.query}`,
      fields: [...withoutClientSigning(request.fields), ...signature],
      // The host is signed as the endpoint's.
      authority: undefined,
      body: undefined,
      bodyBytes: undefined,
    },
    scope,
  )
  const { status } = response
  const dateMs = dateMsOf(response)
  const aheadMs = dateMs === undefined ? undefined : dateMs - bucket.clock.nowMs()
  const verdict = decideS3Verdict({
    method,
    status,
    code: status >= 400 ? await readS3Code(response) : undefined,
    clockDifferenceMs: aheadMs === undefined ? undefined : Math.abs(aheadMs - usedAheadMs),
    isSigned: has(signature, 'authorization'),
    missingKeyAs404: bucket.missingKeyAs404,
    toldRegion: regionOf(response),
    usedRegion,
  })
  return { response, verdict, aheadMs }
}

async function sign(
  bucket: Bucket,
  { path, query }: S3Object,
  method: string,
  atMs: number,
): Promise<Fields> {
  const credentials = await credentialsOf(bucket)
  if (credentials === undefined) return UNSIGNED
  try {
    return await bucket.place.signer.sign({ method, path, query, credentials, atMs })
  } catch (error) {
    throw failure(bucket, 'credentials that no field can hold', error)
  }
}

async function credentialsOf(bucket: Bucket): Promise<S3Credentials | undefined> {
  try {
    return await bucket.credentials()
  } catch (error) {
    throw failure(bucket, 'its credentials cannot be had', error)
  }
}

function conclude(
  bucket: Bucket,
  { response, verdict }: Attempt,
  method: string,
): UpstreamResponse {
  if (verdict.kind === 'pass') {
    const { status, fields } = response
    const digests = expectedDigests(status, fields)
    return { ...response, fields: withoutS3Internals(fields), digests }
  }
  if (verdict.kind === 'refuse') {
    const { status } = verdict
    const { from, sentAtMs, receivedAtMs } = response
    const fields = errorFields(response.fields)
    const facts = { status, method, text: textOf(status), address: from.address, fields }
    return ownResponse({ ...facts, sentAtMs, receivedAtMs })
  }
  response.body.cancel('not an answer about the object')
  if (verdict.kind === 'skewed') throw failure(bucket, 'RequestTimeTooSkewed')
  const region = regionOf(response)
  const where = region === undefined ? '' : `, it is in "${region}"`
  throw failure(bucket, (verdict.kind === 'moved' ? 'it moved twice' : verdict.because) + where)
}

/** Where S3 says that a bucket is, in a form that can be a part of a host name. */
function regionOf({ fields }: UpstreamResponse): string | undefined {
  const told = first(fields, 'x-amz-bucket-region')
  return told !== undefined && /^[a-z0-9-]{1,32}$/.test(told) ? told : undefined
}

function placeIn(
  region: string,
  inner: Upstream,
  { endpoint, elsewhere }: S3UpstreamOptions,
): Bucket['place'] {
  const there = elsewhere?.(region) ?? { inner, endpoint }
  return { inner: there.inner, signer: createS3Signer(there.endpoint, region), region }
}

/** RFC 9209 calls it a configuration error of the proxy; of the port's kinds this is the nearest. */
function failure(bucket: Bucket, because: string, cause?: unknown): UpstreamError {
  const message = `Cannot use bucket "${bucket.bucket}" at "${bucket.address}": ${because}`
  const error = new UpstreamError('proxy_internal_error', message, { retryable: false, cause })
  error.address = bucket.address
  return error
}

function dateMsOf(response: UpstreamResponse): number | undefined {
  const date = first(response.fields, 'date')
  return date === undefined ? undefined : parseHttpDate(date, response.receivedAtMs)
}
