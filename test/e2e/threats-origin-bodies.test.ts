// Bodies that want to be opened, and errors that tell too much (T-27, T-28).

import { gzipSync } from 'node:zlib'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { NO_STORE, SHARED, startAttacked } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import { wire } from '../support/raw-origin.ts'

const MIB = 1024 * 1024
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI' }

let attacked: Attacked
let bucket: Attacked

beforeAll(async () => {
  attacked = await startAttacked((origin) => ({ origin, memory: '32MiB' }))
  const site = { origin: 's3://secret-bucket/secret-prefix', s3Region: 'us-east-1' }
  bucket = await startAttacked((s3Endpoint) => ({ ...site, s3Endpoint }), [], { env: KEYS })
})

afterAll(async () => {
  await bucket.finish()
  await attacked.finish()
})

beforeEach(() => {
  attacked.origin.reset()
  bucket.origin.reset()
})

describe('a body of 10 MiB that decodes to 10 GiB (T-27)', () => {
  const MEMBER = gzipSync(Buffer.alloc(10 * MIB), { level: 9 })
  const BOMB = Buffer.concat(Array<Buffer>(Math.ceil((10 * MIB) / MEMBER.length)).fill(MEMBER))
  const GZIPS = Array<string>(200).fill('gzip').join(', ')

  beforeAll(async () => {
    // As much as the store takes, so that what grows then is not what any body needs.
    attacked.origin.answer(() => wire(200, [SHARED, 'ETag: "plain"'], BOMB))
    for (let i = 0; i < 4; i += 1) await attacked.get(`/plain-${i}`)
  })

  it.each(['gzip', 'x-gzip', 'br', 'zstd', 'deflate', 'identity, gzip', GZIPS])(
    'is passed on and served unopened: %s',
    async (coding) => {
      const lines = [SHARED, 'ETag: "bomb"', `Content-Encoding: ${coding}`]
      attacked.origin.answer(() => wire(200, lines, BOMB))
      const path = `/bomb/${coding.replaceAll(/\W+/g, '-').slice(0, 20)}-${coding.length}`
      const rssBefore = attacked.sluice.rssBytes()
      const headers = { 'Accept-Encoding': coding }
      for (const isHit of [false, true, true]) {
        const result = await attacked.get(path, { headers })
        expect(result).toMatchObject({ status: 200, complete: true, isHit })
        expect(result.header('content-encoding')).toBe(coding)
        expect(result.body.equals(BOMB)).toBe(true)
      }
      const part = await attacked.get(path, { headers, range: 'bytes=1000-1999' })
      expect([part.status, part.body.equals(BOMB.subarray(1000, 2000))]).toEqual([206, true])
      expect(attacked.sluice.rssBytes() - rssBefore).toBeLessThan(20 * MIB)
    },
  )
})

describe('Accept-Encoding at the origin (T-27, T-39)', () => {
  it.each([
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP;q=0.001', 'gzip'],
    ['gzip, br, zstd', 'zstd'],
    ['gzip;q=0, br;q=1.000', 'br'],
    ['*', 'zstd'],
    ['*;q=0', 'identity'],
    ['gzip;q=1.5', 'identity'],
    ['gzip;q="1"', 'identity'],
    ['gzip;x=y', 'identity'],
    ['deflate, compress', 'identity'],
    ['"gzip"', 'identity'],
    [', ,;,gzip', 'gzip'],
    ['gzip\t;\tq=1', 'gzip'],
    ['', 'identity'],
    [Array<string>(500).fill('gzip').join(','), 'gzip'],
  ])('is one word, whatever the client sends: %s', async (value, sent) => {
    attacked.origin.answer(() => wire(200, [NO_STORE]))
    await attacked.get('/coding', { headers: { 'Accept-Encoding': value } })
    expect(attacked.origin.requests.map((request) => request.header('accept-encoding'))).toEqual([
      sent,
    ])
  })
})

const INTERNAL = [
  'x-amz-id-2: secret-id',
  'x-amz-request-id: secret-request',
  'x-amz-bucket-region: secret-region',
  'x-amz-meta-owner: secret-owner',
  'x-amz-server-side-encryption-aws-kms-key-id: secret-key',
  'x-amz-replication-status: secret',
  'x-amz-error-message: secret',
  'x-amz-error-detail-key: secret',
  'x-amz-delete-marker: secret',
  'x-minio-deployment-id: secret',
  'x-rgw-object-type: secret',
  'Server: secret',
  'X-Powered-By: secret',
]
const ERROR = `<?xml version="1.0"?><Error><Code>InternalSecret</Code><Message>secret</Message>
<BucketName>secret-bucket</BucketName><Key>secret-prefix/a</Key><HostId>secret</HostId></Error>`
const LOCATION = 'Location: https://secret-bucket.s3.amazonaws.com/'
const ERROR_FIELDS = [
  'cache-control',
  'cache-status',
  'content-length',
  'content-type',
  'date',
  'via',
]
const CONNECTION_FIELDS = ['connection', 'keep-alive']

async function namesAndText(path: string, method: string) {
  const { status, headers, text } = await bucket.get(path, { method })
  const names = headers.map(([name]) => name.toLowerCase())
  const lines = headers.map(([name, value]) => `${name}: ${value}`)
  return { status, names, all: [...lines, text].join('\n') }
}

describe('what a bucket says of itself (T-28)', () => {
  const STATUSES = [301, 307, 400, 401, 403, 404, 405, 409, 410, 412, 416, 429, 500, 501, 502, 503]

  it.each(STATUSES.flatMap((status) => [['GET', status] as const, ['HEAD', status] as const]))(
    'never reaches a client with an error: %s, %i',
    async (method, status) => {
      const lines = [...INTERNAL, 'Content-Type: application/xml', 'ETag: "secret"']
      if (status < 400) lines.push(LOCATION)
      const bytes = wire(status, lines, method === 'HEAD' ? '' : ERROR)
      bucket.origin.answer(() => bytes)
      const { status: seen, names, all } = await namesAndText(`/a-${method}-${status}`, method)
      expect(seen).toBeGreaterThanOrEqual(400)
      expect(all).not.toMatch(/secret|AKID|<\?xml|amazonaws/i)
      const known = new Set([...ERROR_FIELDS, ...CONNECTION_FIELDS])
      expect(names.filter((name) => !known.has(name))).toEqual([])
      expect(bucket.origin.requests[0]?.target).toBe(
        `/secret-bucket/secret-prefix/a-${method}-${status}`,
      )
    },
  )

  it.each([LOCATION, 'WWW-Authenticate: Basic realm="secret"', 'Surrogate-Key: secret'])(
    'never reaches a client with an error, by no other field either: %s',
    async (line) => {
      bucket.origin.answer(() => wire(404, [...INTERNAL, line], ERROR))
      const { all } = await namesAndText('/other', 'GET')
      expect(all).not.toContain('secret')
    },
  )

  it('never reaches a client with an object, new or stored', async () => {
    const own = ['x-amz-version-id: v1', 'x-amz-checksum-crc32c: /4Yfgg==', 'ETag: "e"', SHARED]
    bucket.origin.answer(() => wire(200, [...INTERNAL, ...own, 'Content-Type: text/plain'], 'mine'))
    for (const method of ['HEAD', 'GET', 'GET', 'HEAD']) {
      const { names, all } = await namesAndText('/object', method)
      expect(all).not.toMatch(/secret|AKID/i)
      expect(names).toContain('x-amz-version-id')
      const kept = ['etag', 'x-amz-version-id', 'accept-ranges', 'age']
      const known = new Set([...ERROR_FIELDS, ...CONNECTION_FIELDS, ...kept])
      expect(names.filter((name) => !known.has(name))).toEqual([])
    }
  })
})
