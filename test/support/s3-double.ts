// A small S3: buckets in memory, path-style GET and HEAD, every signature verified, errors as XML.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

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
  put(bucket: string, key: string, object: OriginObject, versionId?: string): void
  remove(bucket: string, key: string): void
  /** Answers so the next requests that would have been let through. */
  fail(error: S3Error, count: number): void
  /** For a server of the test's own. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  close(): Promise<void>
}

interface Bucket extends Required<BucketOptions> {
  readonly objects: Map<string, OriginObject>
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
  return decideAnswer(`/${name}/${key.toString()}`, object, {
    method: request.method,
    target: request.target,
    header: (field) => headerOf(request, field.toLowerCase()),
  })
}

function objectName(key: string, versionId?: string): string {
  return versionId === undefined ? key : `${key}\n${versionId}`
}

function withVersion(object: OriginObject, versionId: string): OriginObject {
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
