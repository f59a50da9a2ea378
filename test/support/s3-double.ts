// A small S3: buckets in memory, path-style GET and HEAD, every signature verified, errors as XML.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

import { crcOf } from '#core/entry/crc.ts'
import type { CrcAlgorithm, HashAlgorithm } from '#core/http/digest-fields.ts'

import { bodyOf, decideAnswer, errorAnswer } from './origin-answer.ts'
import type { Answer, OriginObject } from './origin-answer.ts'
import { decodeBytes, headerOf, splitTarget, verifyS3Signature } from './s3-verifier.ts'
import type { S3Account, S3Signature, SignedRequest } from './s3-verifier.ts'

export interface S3DoubleOptions {
  readonly accounts: readonly S3Account[]
  /** Default `us-east-1`. */
  readonly region?: string
  /** Its own clock, which its Date field tells; default the system's. */
  readonly nowMs?: () => number
  /** Path that its buckets lie under; default none. */
  readonly basePath?: string
}

/** What is told of an object where `x-amz-checksum-mode` asks for it. */
export interface S3Checksum {
  readonly algorithm: CrcAlgorithm | HashAlgorithm
  /** `composite`: over the checksums of two parts. Default right. */
  readonly kind?: 'right' | 'wrong' | 'composite'
  /** Whether `x-amz-checksum-type` goes with it; default it does. */
  readonly tellsType?: boolean
}

export interface S3Object extends OriginObject {
  readonly checksum?: S3Checksum
}

interface BucketOptions {
  /** Whether a missing key is told as such (404), or hidden (403 AccessDenied); default told. */
  readonly mayList?: boolean
  /** Whether it may be read without a signature; default not. */
  readonly isPublic?: boolean
}

export interface S3Request extends SignedRequest {
  /** Decoded. Empty: a request for the bucket itself. */
  readonly bucket: string
  readonly key: Buffer
  readonly query: string
  readonly signature: S3Signature
  /** Status it was answered with. */
  readonly status: number
  header(name: string): string | undefined
}

interface S3Error {
  readonly status: number
  readonly code: string
  readonly fields?: readonly (readonly [string, string])[]
  /** Instead of an error document. */
  readonly body?: string
}

export interface S3Double {
  readonly url: string
  readonly port: number
  readonly requests: readonly S3Request[]
  createBucket(name: string, options?: BucketOptions): void
  /** With a version id, that version; without, the current one. */
  put(bucket: string, key: string, object: S3Object, versionId?: string): void
  remove(bucket: string, key: string): void
  /** Answers so the next requests that would have been let through. */
  fail(error: S3Error, count: number): void
  /** For a server of the test's own. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  close(): Promise<void>
}

interface Bucket extends Required<BucketOptions> {
  readonly objects: Map<string, S3Object>
}

interface State {
  readonly buckets: ReadonlyMap<string, Bucket>
  readonly failures: S3Error[]
}

type Place = Pick<S3Request, 'bucket' | 'key' | 'query'>

/** What S3 tells with every answer, and no client of ours should see. */
const S3_INTERNALS: readonly (readonly [string, string])[] = [
  ['x-amz-request-id', '4442587FB7D0A2F9'],
  ['x-amz-id-2', 'vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo='],
  ['Server', 'AmazonS3'],
]

export async function startS3Double(options: S3DoubleOptions): Promise<S3Double> {
  const nowMs = options.nowMs ?? Date.now
  const buckets = new Map<string, Bucket>()
  const requests: S3Request[] = []
  const failures: S3Error[] = []

  function answerTo(request: SignedRequest): Answer {
    const place = placeOf(request.target, options.basePath ?? '')
    const verifying = { accounts: options.accounts, region: options.region ?? 'us-east-1' }
    const signature = verifyS3Signature(request, { ...verifying, nowMs: nowMs() })
    const answer = decide(request, place, signature, { buckets, failures })
    const header = (name: string): string | undefined => headerOf(request, name.toLowerCase())
    requests.push({ ...request, ...place, signature, status: answer.status, header })
    return answer
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', rawHeaders } = request
    await send(answerTo({ method, target: url, rawHeaders }), response, nowMs())
  }

  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    createBucket(name, { mayList = true, isPublic = false } = {}) {
      buckets.set(name, { mayList, isPublic, objects: new Map() })
    },
    put(bucket, key, object, versionId) {
      const versioned = versionId === undefined ? object : withVersion(object, versionId)
      const name = Buffer.from(key).toString('latin1')
      buckets.get(bucket)?.objects.set(objectName(name, versionId), versioned)
    },
    remove(bucket, key) {
      buckets.get(bucket)?.objects.delete(objectName(Buffer.from(key).toString('latin1')))
    },
    fail(error, count) {
      for (let i = 0; i < count; i++) failures.push(error)
    },
    handle,
    async close() {
      server.closeAllConnections()
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
}

function decide(
  request: SignedRequest,
  { bucket: name, key, query }: Place,
  signature: S3Signature,
  { buckets, failures }: State,
): Answer {
  // Amazon takes a raw plus for a space, others for a plus: whoever sends one is misunderstood somewhere.
  if (splitTarget(request.target)[0].includes('+')) return errorAnswer(400, 'InvalidURI')
  if (signature.kind === 'refused') return errorAnswer(signature.status, signature.code)
  const bucket = buckets.get(name)
  if (bucket === undefined) return errorAnswer(404, 'NoSuchBucket')
  const isRefused = signature.kind === 'anonymous' && !bucket.isPublic
  if (isRefused) return errorAnswer(403, 'AccessDenied')
  const failure = failures.shift()
  if (failure !== undefined) {
    return errorAnswer(failure.status, failure.code, failure.fields, failure.body)
  }
  const version = /^versionId=([^&]+)$/.exec(query)?.[1]
  if (key.length === 0 || (query !== '' && version === undefined)) return listing(bucket)
  const object = bucket.objects.get(objectName(key.toString('latin1'), version))
  if (object === undefined) {
    if (!bucket.mayList) return errorAnswer(403, 'AccessDenied')
    return errorAnswer(404, version === undefined ? 'NoSuchKey' : 'NoSuchVersion')
  }
  const header = (field: string): string | undefined => headerOf(request, field.toLowerCase())
  const { method, target } = request
  const path = `/${name}/${key.toString()}`
  const answer = decideAnswer(path, object, { method, target, header })
  const { checksum } = object
  if (checksum === undefined || header('x-amz-checksum-mode') !== 'ENABLED') return answer
  return withChecksum(answer, checksum, () => digestOf(path, object, checksum))
}

/** As S3 has it: with a range that is not all of the object nothing is told. */
function withChecksum(answer: Answer, checksum: S3Checksum, makeDigest: () => Buffer): Answer {
  const { part } = answer
  if (part?.startByte !== 0 || part.endByte !== part.lengthBytes) return answer
  const { algorithm, kind = 'right', tellsType = true } = checksum
  const digest = Buffer.from(makeDigest())
  if (kind !== 'right') digest[0] = (digest[0] ?? 0) ^ 1
  const isComposite = kind === 'composite'
  // With a range, even one of everything, the number of parts is left out.
  const suffix = isComposite && answer.status !== 206 ? '-2' : ''
  const fields: (readonly [string, string])[] = [
    ...answer.fields,
    [`x-amz-checksum-${algorithm.replace('-', '')}`, digest.toString('base64') + suffix],
  ]
  const type = isComposite ? 'COMPOSITE' : 'FULL_OBJECT'
  if (tellsType) fields.push(['x-amz-checksum-type', type])
  return { ...answer, fields }
}

const digests = new WeakMap<S3Object, Buffer>()

function digestOf(path: string, object: S3Object, { algorithm }: S3Checksum): Buffer {
  const known = digests.get(object)
  if (known !== undefined) return known
  const whole = decideAnswer(path, object, { method: 'GET', target: path, header: () => undefined })
  const bytes = whole.body?.read(0, whole.body.sizeBytes) ?? Buffer.alloc(0)
  const digest = isCrc(algorithm) ? crcBytes(algorithm, bytes) : hashBytes(algorithm, bytes)
  digests.set(object, digest)
  return digest
}

function isCrc(algorithm: CrcAlgorithm | HashAlgorithm): algorithm is CrcAlgorithm {
  return algorithm.startsWith('crc')
}

function crcBytes(algorithm: CrcAlgorithm, bytes: Uint8Array): Buffer {
  const digitCount = algorithm === 'crc64nvme' ? 16 : 8
  return Buffer.from(crcOf(algorithm, bytes).toString(16).padStart(digitCount, '0'), 'hex')
}

function hashBytes(algorithm: HashAlgorithm, bytes: Uint8Array): Buffer {
  return createHash(algorithm.replace('-', '')).update(bytes).digest()
}

function objectName(key: string, versionId?: string): string {
  return versionId === undefined ? key : `${key}\n${versionId}`
}

function withVersion(object: S3Object, versionId: string): S3Object {
  return { ...object, fields: [...(object.fields ?? []), ['x-amz-version-id', versionId]] }
}

function placeOf(target: string, basePath: string): Place {
  const [path, query] = splitTarget(target)
  const below = path.startsWith(`${basePath}/`) ? path.slice(basePath.length + 1) : ''
  const slash = below.indexOf('/')
  const bucket = slash < 0 ? below : below.slice(0, slash)
  return {
    bucket: decodeBytes(bucket).toString(),
    key: decodeBytes(slash < 0 ? '' : below.slice(slash + 1)),
    query,
  }
}

/** What must never get out: the names in the bucket, and what a sub-resource would tell. */
function listing(bucket: Bucket): Answer {
  const names = [...bucket.objects.keys()].map((name) => `<Key>${name}</Key>`).join('')
  const body = Buffer.from(`<ListBucketResult>${names}</ListBucketResult>`)
  return {
    status: 200,
    fields: [['Content-Type', 'application/xml']],
    body: bodyOf(body),
    framing: 'length',
    part: undefined,
  }
}

async function send(answer: Answer, response: ServerResponse, nowMs: number): Promise<void> {
  const { body, framing } = answer
  response.sendDate = false
  const fields = [['Date', new Date(nowMs).toUTCString()], ...S3_INTERNALS, ...answer.fields]
  if (body !== undefined && framing === 'length') {
    fields.push(['Content-Length', String(body.sizeBytes)])
  }
  response.writeHead(answer.status, fields.flat())
  if (body !== undefined && response.req.method !== 'HEAD') {
    const stepBytes = 256 * 1024
    for (let at = 0; at < body.sizeBytes && !response.destroyed; at += stepBytes) {
      const hasRoom = response.write(body.read(at, Math.min(body.sizeBytes, at + stepBytes)))
      if (!hasRoom) await Promise.race([once(response, 'drain'), once(response, 'close')])
    }
  }
  response.end()
}
