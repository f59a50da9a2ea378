import { lookup } from 'node:dns'

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createUndiciUpstream } from '../../../../src/adapters/node/undici-upstream.ts'
import type { UndiciUpstream } from '../../../../src/adapters/node/undici-upstream.ts'
import { createS3Upstream } from '#web/s3-upstream.ts'
import type { S3UpstreamOptions } from '#web/s3-upstream.ts'
import { readAll } from '#core/entry/byte-source.ts'
import { cacheKeyOf } from '#core/entry/cache-key.ts'
import type { Fields } from '#core/entry/fields.ts'
import { all, first } from '#core/entry/fields.ts'
import type { Upstream, UpstreamResponse } from '#core/ports/upstream.ts'
import { checkOracle } from '../../../support/oracle.ts'
import { originEtag, originLastModified } from '../../../support/origin-answer.ts'
import { startS3Double } from '../../../support/s3-double.ts'
import type { S3Double, S3Request } from '../../../support/s3-double.ts'
import { createTestScope } from '../../../support/scopes.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'
import type { SteppedClock } from '../../../support/stepped-clock.ts'

const ACCOUNT = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfi' }
const TEMPORARY = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'temporary',
  sessionToken: 'IQoJb3JpZ2luX2VjEJ//////////wEaCXVz+LWVhc3QtMSJHMEUCIQD==',
}
const LAPSED = { accessKeyId: 'ASIALAPSED', secretAccessKey: 'late', isExpired: true }

let clock: SteppedClock
let double: S3Double
let transport: UndiciUpstream

beforeEach(async () => {
  clock = createSteppedClock()
  double = await startS3Double({
    accounts: [ACCOUNT, TEMPORARY, LAPSED],
    nowMs: () => clock.nowMs(),
    basePath: '/s3',
  })
  double.createBucket('data')
  transport = createUndiciUpstream({
    origin: new URL(double.url),
    clock,
    lookup,
    connectTimeoutMs: 5000,
    keepAliveMs: 10_000,
    maxConnectionCount: 8,
    maxHeadBytes: 65_536,
    limits: { maxFieldCount: 100, maxInterimCount: 8 },
  })
})

afterEach(async () => {
  await transport.close()
  await double.close()
})

function upstream(options: Partial<S3UpstreamOptions> = {}): Upstream {
  return createS3Upstream(transport, {
    bucket: 'data',
    prefix: '',
    endpoint: new URL(`${double.url}/s3`),
    region: 'us-east-1',
    credentials: () => ACCOUNT,
    missingKeyAs404: true,
    clock,
    ...options,
  })
}

interface Got {
  readonly response: UpstreamResponse
  readonly status: number
  readonly fields: Fields
  readonly body: string
}

async function ask(
  origin: Upstream,
  target: string,
  fields: Fields = [],
  method = 'GET',
): Promise<Got> {
  const key = cacheKeyOf('test', '', target)
  const response = await origin.fetch(
    { method, target, fields, authority: 'client.test', key, body: undefined },
    createTestScope(),
  )
  const bytes = await readAll(response.body, 10_000_000)
  const body = Buffer.from(bytes ?? []).toString()
  return { response, status: response.status, fields: response.fields, body }
}

function lastRequest(): S3Request {
  const request = double.requests.at(-1)
  if (request === undefined) throw new Error('Cannot tell: the double has seen no request')
  return request
}

/** `encodeURIComponent`, as a browser or an SDK would, the slash left alone. */
function toPath(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '/')
}

describe('createS3Upstream, keys', () => {
  const ODD_KEYS: readonly (readonly [target: string, key: string])[] = [
    ['/plain.txt', 'plain.txt'],
    ['/a%2Fb', 'a/b'],
    ['/a%2fb', 'a/b'],
    ['/a+b', 'a+b'],
    ['/a%2Bb', 'a+b'],
    ['/a%20b', 'a b'],
    ['/a/../b', 'a/../b'],
    ['/a/%2e%2e/b', 'a/../b'],
    ['/a/./b', 'a/./b'],
    ['/a..b', 'a..b'],
    ['/a//b', 'a//b'],
    ['//a', '/a'],
    ['/a/', 'a/'],
    ['/100%25', '100%'],
    ['/a%252e%252e/b', 'a%2e%2e/b'],
    ['/%C3%A9', '\u00e9'],
    ['/e%CC%81', 'e\u0301'],
    ['/%e2%82%ac', '€'],
    ['/~user', '~user'],
    ['/%7Euser', '~user'],
    ["/it's", "it's"],
    ['/wow!', 'wow!'],
    ['/star*', 'star*'],
    ['/(a)', '(a)'],
    ['/a|b^c{d}', 'a|b^c{d}'],
    ['/a;x=1,2&b=@:$', 'a;x=1,2&b=@:$'],
    ['/q%3Fa', 'q?a'],
    ['/h%23a', 'h#a'],
    ['/"quoted"<x>`\\', '"quoted"<x>`\\'],
  ]

  it.each(ODD_KEYS)('signs %s and means the key "%s"', async (target, key) => {
    double.put('data', key, { body: `content of ${key}` })
    const got = await ask(upstream(), target)
    expect([got.status, got.body]).toEqual([200, `content of ${key}`])
    expect(lastRequest().signature.kind).toBe('valid')
    expect(lastRequest().key.toString()).toBe(key)
  })

  it('keeps the two Unicode forms of a name apart, and bytes that are no UTF-8 as they are', async () => {
    double.put('data', '\u00e9', { body: 'composed' })
    expect((await ask(upstream(), '/%C3%A9')).body).toBe('composed')
    expect((await ask(upstream(), '/e%CC%81')).status).toBe(404)
    expect((await ask(upstream(), '/%ff%FE')).status).toBe(404)
    expect(lastRequest().key).toEqual(Buffer.from([0xff, 0xfe]))
  })

  it('signs random keys so that an independent verifier reads the same key', async () => {
    const origin = upstream({ prefix: 'pré fix/' })
    const unit = fc.oneof(
      fc.constantFrom(
        ' ',
        '+',
        '%',
        '/',
        '//',
        '~',
        "'",
        '!',
        '*',
        '(',
        ')',
        '.',
        '..',
        '%2F',
        '?',
      ),
      fc.constantFrom(
        '\u00e9',
        'e\u0301',
        '€',
        '😀',
        '&',
        '=',
        ';',
        '#',
        '|',
        '^',
        '"',
        '\\',
        '\u0080',
      ),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
    )
    const keys = fc.array(unit, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(''))
    let signedCount = 0
    await fc.assert(
      fc.asyncProperty(keys, async (key) => {
        const seenCount = double.requests.length
        const { status } = await ask(origin, `/${toPath(key)}`)
        // Keys that would lead out of the prefix, or to nothing, where dots are resolved.
        if (double.requests.length === seenCount) {
          expect(status === 400 || status === 404).toBe(true)
          expect(/^[/.]*$|(^|\/)\.\.(\/|$)/.test(key)).toBe(true)
          return
        }
        signedCount += 1
        expect(lastRequest().signature.kind).toBe('valid')
        expect(lastRequest().key.toString()).toBe(`pré fix/${key}`)
        // A server that signs the path as it came, without decoding it, agrees too.
        expect(lastRequest().target).toMatch(/^[A-Za-z0-9\-._~/%]*$/)
      }),
      { numRuns: 600 },
    )
    expect(signedCount).toBeGreaterThan(500)
  })

  it('joins the prefix and never leaves it', async () => {
    const origin = upstream({ prefix: 'public/' })
    double.put('data', 'public/a', { body: 'public' })
    double.put('data', 'secret', { body: 'secret' })
    expect((await ask(origin, '/a')).body).toBe('public')
    const targets = [
      '/../secret',
      '/..%2fsecret',
      '/%2e%2e/secret',
      '/a/../../secret',
      '/a//../../x',
    ]
    for (const target of targets) expect((await ask(origin, target)).status, target).toBe(400)
    expect(double.requests.map(({ key }) => key.toString())).toEqual(['public/a'])
  })

  it.each(['/', '//', '/%2F', '/.', '/a/..', '/?list-type=2'])(
    'answers %s, which names no key, with a 404 of its own and asks nobody',
    async (target) => {
      for (const prefix of ['', 'public/']) {
        const got = await ask(upstream({ prefix }), target)
        expect([got.status, got.body]).toEqual([404, 'Not found\n'])
      }
      expect(double.requests).toEqual([])
    },
  )

  it.each(['/%zz', '/a%', '/a%2', '/é', '/a b'])('refuses %s with 400', async (target) => {
    expect((await ask(upstream(), target)).status).toBe(400)
    expect(double.requests).toEqual([])
  })

  it('sends nothing but GET and HEAD', async () => {
    for (const method of ['PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH']) {
      const got = await ask(upstream(), '/a', [], method)
      expect([got.status, first(got.fields, 'allow')]).toEqual([405, 'GET, HEAD'])
    }
    expect(double.requests).toEqual([])
  })
})

describe('createS3Upstream, queries', () => {
  const SUB_RESOURCES = [
    'list-type=2',
    'policy',
    'acl',
    'versions',
    'uploads',
    'tagging',
    'location',
  ]

  it.each(SUB_RESOURCES)('never lets the sub-resource ?%s reach the bucket', async (query) => {
    double.put('data', 'a', { body: 'object' })
    expect((await ask(upstream(), `/a?${query}&response-content-type=text/html`)).body).toBe(
      'object',
    )
    expect(lastRequest().query).toBe('')
  })

  it('passes on a version id, signed, and nothing beside it', async () => {
    double.put('data', 'a', { body: 'now' })
    double.put('data', 'a', { body: 'then' }, '3%2FL4k=')
    double.put('data', 'a', { body: 'old' }, 'v1')
    const old = await ask(upstream(), '/a?acl&versionId=v1&X-Amz-Signature=00')
    expect([old.body, first(old.fields, 'x-amz-version-id')]).toEqual(['old', 'v1'])
    expect(lastRequest().query).toBe('versionId=v1')
    await ask(upstream(), '/a?versionId=3/L4k=')
    expect(lastRequest()).toMatchObject({ query: 'versionId=3%2FL4k%3D', status: 404 })
    expect(lastRequest().signature.kind).toBe('valid')
  })

  it('refuses two version ids, and one that is not validly encoded', async () => {
    expect((await ask(upstream(), '/a?versionId=1&versionId=2')).status).toBe(400)
    expect((await ask(upstream(), '/a?versionId=%z')).status).toBe(400)
    expect(double.requests).toEqual([])
  })
})

describe('createS3Upstream, fields of the request', () => {
  it("never sends the client's own signing fields", async () => {
    double.put('data', 'a', { body: 'object' })
    const got = await ask(upstream(), '/a', [
      'authorization',
      'AWS4-HMAC-SHA256 Credential=theirs',
      'x-amz-date',
      '20200101T000000Z',
      'x-amz-security-token',
      'theirs',
      'x-amz-acl',
      'public-read',
      'x_amz_acl',
      'public-read',
      'host',
      'evil.test',
      'user-agent',
      'test',
    ])
    expect(got.status).toBe(200)
    const names = lastRequest().rawHeaders.filter((_, index) => index % 2 === 0)
    expect(names.map((name) => name.toLowerCase()).toSorted()).toEqual([
      'authorization',
      'connection',
      'host',
      'user-agent',
      'x-amz-content-sha256',
      'x-amz-date',
    ])
    expect(lastRequest().rawHeaders.join()).not.toMatch(/theirs|evil|public-read/)
    expect(lastRequest().header('host')).toBe(new URL(double.url).host)
  })

  it('sends Range and conditions as they are, unsigned', async () => {
    double.put('data', 'big', { sizeBytes: 100_000 })
    const etag = originEtag('/data/big', 1)
    const whole = await ask(upstream(), '/big')
    expect(first(whole.fields, 'etag')).toBe(etag)
    const part = await ask(upstream(), '/big', ['range', 'bytes=500-999', 'if-match', etag])
    expect([part.status, first(part.fields, 'content-range')]).toEqual([
      206,
      'bytes 500-999/100000',
    ])
    const expected = { object: '/data/big', version: 1, startByte: 500, endByte: 1000 }
    expect(checkOracle(Buffer.from(part.body), expected)).toBeUndefined()
    expect(lastRequest().signature).toMatchObject({
      signedNames: ['host', 'x-amz-content-sha256', 'x-amz-date'],
    })
    const conditions: readonly (readonly [number, Fields])[] = [
      [304, ['if-none-match', etag]],
      [304, ['if-modified-since', originLastModified(1)]],
      [412, ['if-match', '"other"']],
      [412, ['if-unmodified-since', originLastModified(0)]],
      [200, ['range', 'bytes=0-9', 'if-range', '"other"']],
      [416, ['range', 'bytes=100000-']],
    ]
    for (const [status, fields] of conditions) {
      expect((await ask(upstream(), '/big', fields)).status, fields.join()).toBe(status)
    }
  })

  it('signs once for all ranges of an object within a second, and anew in the next', async () => {
    double.put('data', 'a', { sizeBytes: 100 })
    const origin = upstream()
    await ask(origin, '/a', ['range', 'bytes=0-9'])
    await ask(origin, '/a', ['range', 'bytes=10-19'])
    clock.advance(1000)
    await ask(origin, '/a', ['range', 'bytes=20-29'])
    const [one, two, three] = double.requests.map((request) => request.header('authorization'))
    expect(two).toBe(one)
    expect(three).not.toBe(one)
  })

  it('signs across midnight, and after a change of credentials within the second', async () => {
    double.put('data', 'a', { body: 'object' })
    clock.setWall(Date.UTC(2025, 2, 1) - 500)
    let credentials: typeof ACCOUNT = ACCOUNT
    const origin = upstream({ credentials: () => credentials })
    expect((await ask(origin, '/a')).status).toBe(200)
    credentials = TEMPORARY
    expect((await ask(origin, '/a')).status).toBe(200)
    clock.advance(1000)
    expect((await ask(origin, '/a')).status).toBe(200)
    const scopes = double.requests.map(
      ({ header }) => /Credential=([^,]*)/.exec(header('authorization') ?? '')?.[1],
    )
    expect(scopes).toEqual([
      'AKIDEXAMPLE/20250228/us-east-1/s3/aws4_request',
      'ASIAEXAMPLE/20250228/us-east-1/s3/aws4_request',
      'ASIAEXAMPLE/20250301/us-east-1/s3/aws4_request',
    ])
  })

  it('sends and signs the session token', async () => {
    double.put('data', 'a', { body: 'object' })
    expect((await ask(upstream({ credentials: () => TEMPORARY }), '/a')).status).toBe(200)
    expect(lastRequest().header('x-amz-security-token')).toBe(TEMPORARY.sessionToken)
    expect(lastRequest().signature).toMatchObject({
      signedNames: ['host', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token'],
    })
  })

  it('reads a public bucket without credentials, unsigned', async () => {
    double.createBucket('open', { isPublic: true })
    double.put('open', 'a', { body: 'public' })
    const got = await ask(upstream({ bucket: 'open', credentials: () => undefined }), '/a')
    expect(got.body).toBe('public')
    expect(lastRequest().rawHeaders.join().toLowerCase()).not.toContain('amz')
  })
})

describe('createS3Upstream, errors', () => {
  it.each(['GET', 'HEAD'])('tells AccessDenied for a missing key as 404 to %s', async (method) => {
    double.createBucket('hidden', { mayList: false })
    const got = await ask(upstream({ bucket: 'hidden' }), '/none', [], method)
    expect([got.status, got.body]).toEqual([404, method === 'GET' ? 'Not found\n' : ''])
    const told = await ask(
      upstream({ bucket: 'hidden', missingKeyAs404: false }),
      '/none',
      [],
      method,
    )
    expect([told.status, told.body]).toEqual([403, method === 'GET' ? 'Forbidden\n' : ''])
  })

  it('never shows an error document, and frames its own text', async () => {
    const got = await ask(upstream(), '/none')
    expect([got.status, got.body]).toEqual([404, 'Not found\n'])
    expect(all(got.fields, 'content-type')).toEqual(['text/plain; charset=utf-8'])
    expect(all(got.fields, 'content-length')).toEqual(['10'])
    expect(await got.response.settled).toEqual({ kind: 'complete' })
  })

  it('shows nothing of the server and of the owner of the object', async () => {
    double.put('data', 'a', {
      body: 'object',
      fields: [
        ['x-amz-meta-author', 'someone'],
        ['x-amz-storage-class', 'GLACIER'],
        ['x-amz-server-side-encryption', 'AES256'],
        ['x-amz-checksum-sha256', 'abc='],
        ['x-amz-replication-status', 'COMPLETED'],
        ['x-goog-hash', 'crc32c=1'],
        ['Cache-Control', 'max-age=60'],
      ],
    })
    const hit = await ask(upstream(), '/a')
    const names = hit.fields.filter((_, index) => index % 2 === 0).toSorted()
    expect(names.filter((name) => name !== 'connection' && name !== 'keep-alive')).toEqual([
      'accept-ranges',
      'cache-control',
      'content-length',
      'content-type',
      'date',
      'etag',
      'last-modified',
      'x-amz-checksum-sha256',
    ])
    const miss = await ask(upstream(), '/none')
    expect(miss.fields.join()).not.toMatch(/amz|AmazonS3|NoSuchKey/)
  })

  it.each([
    ['a wrong secret', { ...ACCOUNT, secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
    ['an unknown key', { accessKeyId: 'AKIDOTHER', secretAccessKey: 'x' }, 'InvalidAccessKeyId'],
    ['a lapsed token', LAPSED, 'ExpiredToken'],
    ['a missing token', { ...TEMPORARY, sessionToken: undefined }, 'InvalidToken'],
  ])('rejects on %s, so that nothing is stored', async (_, credentials, code) => {
    double.put('data', 'a', { body: 'object' })
    await expect(ask(upstream({ credentials: () => credentials }), '/a')).rejects.toMatchObject({
      name: 'UpstreamError',
      kind: 'proxy_internal_error',
      retryable: false,
      message: expect.stringContaining(code) as string,
    })
  })

  it('rejects when the region is wrong, or the bucket is elsewhere', async () => {
    await expect(ask(upstream({ region: 'eu-west-1' }), '/a')).rejects.toMatchObject({
      message: expect.stringContaining('AuthorizationHeaderMalformed') as string,
    })
    const fields = [['x-amz-bucket-region', 'eu-central-1']] as const
    double.fail({ status: 301, code: 'PermanentRedirect', fields }, 1)
    await expect(ask(upstream(), '/a')).rejects.toMatchObject({
      message: expect.stringContaining('eu-central-1') as string,
    })
  })

  it('rejects on credentials that no field can hold', async () => {
    const credentials = (): typeof ACCOUNT => ({ ...ACCOUNT, accessKeyId: 'a\nb' })
    await expect(ask(upstream({ credentials }), '/a')).rejects.toMatchObject({
      kind: 'proxy_internal_error',
    })
  })

  it('leaves 503 SlowDown a 503 with its Retry-After', async () => {
    double.fail({ status: 503, code: 'SlowDown', fields: [['Retry-After', '7']] }, 1)
    const got = await ask(upstream(), '/a')
    expect([got.status, first(got.fields, 'retry-after')]).toEqual([503, '7'])
    expect(got.body).toBe('The origin is overloaded\n')
  })

  it('keeps the length in a 416 (RFC 9110 §15.5.17)', async () => {
    double.put('data', 'a', { sizeBytes: 10 })
    const got = await ask(upstream(), '/a', ['range', 'bytes=10-'])
    expect([got.status, first(got.fields, 'content-range')]).toEqual([416, 'bytes */10'])
  })

  it('reads no more than 64 KiB of an error, and takes a 403 without a code for what it is', async () => {
    const body = `${' '.repeat(200_000)}<Error><Code>AccessDenied</Code></Error>`
    double.fail({ status: 403, code: '', body }, 1)
    expect((await ask(upstream(), '/a')).status).toBe(403)
  })
})

describe('createS3Upstream, clocks', () => {
  it.each(['GET', 'HEAD'])(
    'takes the clock of the bucket once when %s is skewed',
    async (method) => {
      double.put('data', 'a', { body: 'object' })
      const ours = createSteppedClock(clock.nowMs() - 3_600_000)
      const origin = upstream({ clock: ours })
      expect((await ask(origin, '/a', [], method)).status).toBe(200)
      expect(double.requests.map(({ status }) => status)).toEqual([403, 200])
      // From then on it knows.
      expect((await ask(origin, '/a', [], method)).status).toBe(200)
      expect(double.requests).toHaveLength(3)
    },
  )

  it.each([
    [14, 1],
    [-14, 1],
    [16, 2],
    [-16, 2],
  ])('signed %i minutes off, an object takes %i requests', async (minutes, count) => {
    double.put('data', 'a', { body: 'object' })
    const origin = upstream({ clock: createSteppedClock(clock.nowMs() + minutes * 60_000) })
    expect((await ask(origin, '/a')).status).toBe(200)
    expect(double.requests).toHaveLength(count)
  })

  it('tries no third time', async () => {
    double.fail({ status: 403, code: 'RequestTimeTooSkewed' }, 3)
    await expect(ask(upstream(), '/a')).rejects.toMatchObject({
      message: expect.stringContaining('RequestTimeTooSkewed') as string,
    })
    expect(double.requests).toHaveLength(2)
  })
})
