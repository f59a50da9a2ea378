import { createHash } from 'node:crypto'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { all } from '#core/entry/fields.ts'
import type { Upstream } from '#core/ports/upstream.ts'
import { ownResponse } from '#web/own-response.ts'
import { ask, failureOf } from '../../../support/ask.ts'
import { ACCOUNT, LAPSED, TEMPORARY, startS3Fixture } from '../../../support/s3-fixture.ts'
import type { S3Fixture } from '../../../support/s3-fixture.ts'

let s3: S3Fixture

beforeEach(async () => {
  s3 = await startS3Fixture()
  s3.double.put('data', 'a', { sizeBytes: 10 })
})

afterEach(async () => {
  await s3.close()
})

const INTERNAL_FIELDS = [
  ['x-amz-meta-author', 'someone'],
  ['x-amz-storage-class', 'GLACIER'],
  ['x-amz-server-side-encryption', 'AES256'],
  ['x-amz-replication-status', 'COMPLETED'],
  ['x-amz-checksum-sha256', 'abc='],
  ['x-amz-checksum-type', 'FULL_OBJECT'],
  ['x-goog-hash', 'crc32c=1'],
  ['x-trans-id', 'tx1'],
  ['x-timestamp', '1'],
] as const
const SHOWN_FIELDS = [
  ['x-amz-version-id', 'v1'],
  ['cache-control', 'max-age=60'],
] as const

describe('createS3Upstream, answers', () => {
  it('shows nothing of the server and of the owner of the object', async () => {
    const fields = [...INTERNAL_FIELDS, ...SHOWN_FIELDS]
    s3.double.put('data', 'b', { body: 'object', fields })
    const hit = await ask(s3.upstream(), '/b')
    const names = hit.fields.filter((_, index) => index % 2 === 0)
    const endToEnd = names.filter((name) => name !== 'connection' && name !== 'keep-alive')
    expect(endToEnd.toSorted()).toEqual([
      'accept-ranges',
      'cache-control',
      'content-length',
      'content-type',
      'date',
      'etag',
      'last-modified',
      'x-amz-version-id',
    ])
    const miss = await ask(s3.upstream(), '/none')
    expect(miss.fields.join()).not.toMatch(/amz|AmazonS3|NoSuchKey/)
  })

  it('tells the flow what all bytes of the object have, and the client nothing of it', async () => {
    const hex = createHash('sha256').update('object').digest('hex')
    const expected = [{ algorithm: 'sha-256', hex }]
    const told = { body: 'object', checksum: { algorithm: 'sha-256' } } as const
    s3.double.put('data', 'b', told)
    for (const [method, fields] of [
      ['GET', []],
      ['HEAD', []],
      ['GET', ['range', 'bytes=0-100']],
    ] as const) {
      const { response } = await ask(s3.upstream(), '/b', fields, { method })
      expect(response.digests).toEqual(expected)
      expect(response.fields.join()).not.toContain('checksum')
    }
    const part = await ask(s3.upstream(), '/b', ['range', 'bytes=0-2'])
    expect([part.status, part.response.digests]).toEqual([206, []])
    s3.double.put('data', 'b', { ...told, checksum: { ...told.checksum, tellsType: false } })
    expect((await ask(s3.upstream(), '/b')).response.digests).toEqual(expected)
  })

  it('tells the flow nothing that is over the checksums of parts', async () => {
    for (const tellsType of [true, false]) {
      const checksum = { algorithm: 'crc64nvme', kind: 'composite', tellsType } as const
      s3.double.put('data', 'b', { body: 'object', checksum })
      expect((await ask(s3.upstream(), '/b')).response.digests).toEqual([])
      const whole = await ask(s3.upstream(), '/b', ['range', 'bytes=0-'])
      expect([whole.status, whole.response.digests]).toEqual([206, []])
    }
  })

  it('never shows an error document, and frames its own text', async () => {
    const got = await ask(s3.upstream(), '/none')
    expect([got.status, got.text]).toEqual([404, 'Not found\n'])
    expect(all(got.fields, 'content-type')).toEqual(['text/plain; charset=utf-8'])
    expect(all(got.fields, 'content-length')).toEqual(['10'])
    expect(got.field('transfer-encoding')).toBeUndefined()
    expect(await got.response.settled).toEqual({ kind: 'complete' })
  })

  it.each([
    ['GET', 404, 403],
    ['HEAD', 404, 403],
  ])(
    'tells AccessDenied to %s as %i, or as %i where that is set',
    async (method, missing, told) => {
      s3.double.createBucket('hidden', { mayList: false })
      const hiding = await ask(s3.upstream({ bucket: 'hidden' }), '/none', [], { method })
      const telling = { bucket: 'hidden', missingKeyAs404: false }
      const plain = await ask(s3.upstream(telling), '/none', [], { method })
      expect([hiding.status, plain.status]).toEqual([missing, told])
      expect(hiding.text + plain.text).toBe(method === 'GET' ? 'Not found\nForbidden\n' : '')
    },
  )

  it('leaves a 403 for another reason a 403', async () => {
    s3.double.fail({ status: 403, code: 'InvalidObjectState' }, 1)
    expect((await ask(s3.upstream(), '/a')).status).toBe(403)
  })

  it('leaves 503 SlowDown a 503 with its Retry-After', async () => {
    s3.double.fail({ status: 503, code: 'SlowDown', fields: [['Retry-After', '7']] }, 1)
    const got = await ask(s3.upstream(), '/a')
    expect([got.status, got.field('retry-after')]).toEqual([503, '7'])
    expect(got.text).toBe('The origin is overloaded\n')
  })

  it('keeps the complete length in a 416 (RFC 9110 §15.5.17)', async () => {
    const got = await ask(s3.upstream(), '/a', ['range', 'bytes=10-'])
    expect([got.status, got.field('content-range')]).toEqual([416, 'bytes */10'])
  })

  it('reads no more than 64 KiB of an error, and takes a 403 without a code for one', async () => {
    const body = `${' '.repeat(200_000)}<Error><Code>AccessDenied</Code></Error>`
    s3.double.fail({ status: 403, code: '', body }, 1)
    expect((await ask(s3.upstream(), '/a')).status).toBe(403)
  })
})

describe('createS3Upstream, credentials', () => {
  it.each([
    ['a wrong secret', { ...ACCOUNT, secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
    ['an unknown key', { accessKeyId: 'AKIDOTHER', secretAccessKey: 'x' }, 'InvalidAccessKeyId'],
    ['a lapsed token', LAPSED, 'ExpiredToken'],
    ['a missing token', { ...TEMPORARY, sessionToken: undefined }, 'InvalidToken'],
    ['what no field can hold', { ...ACCOUNT, accessKeyId: 'a\nb' }, 'credentials that no field'],
  ])('rejects on %s, so that nothing is stored', async (_, credentials, message) => {
    const failure = await failureOf(ask(s3.upstream({ credentials: () => credentials }), '/a'))
    expect(failure).toMatchObject({ kind: 'proxy_internal_error', retryable: false })
    expect(failure.message).toContain(message)
    expect(failure.message).not.toContain(credentials.secretAccessKey)
  })

  it('rejects when the region is wrong, and where the bucket is is not said', async () => {
    const elsewhere = ask(s3.upstream({ region: 'eu-west-1' }), '/a')
    await expect(elsewhere).rejects.toThrow('AuthorizationHeaderMalformed')
    s3.double.fail({ status: 301, code: 'PermanentRedirect' }, 1)
    await expect(ask(s3.upstream(), '/a')).rejects.toThrow('it redirects (301)')
  })

  it.each([
    [301, 'PermanentRedirect'],
    [307, 'TemporaryRedirect'],
    [400, 'AuthorizationHeaderMalformed'],
  ])('asks once more where a %i says the bucket is, and goes on there', async (status, code) => {
    const { inner, counts } = redirecting([{ status, code, region: 'us-east-1' }])
    const upstream = s3.upstream({ region: 'eu-west-1' }, inner)
    expect((await ask(upstream, '/a')).status).toBe(200)
    expect(counts).toEqual({ asked: 2 })
    expect((await ask(upstream, '/a')).status).toBe(200)
    expect(counts).toEqual({ asked: 3 })
  })

  it('does not follow a bucket from place to place, nor to what is no region', async () => {
    const code = 'PermanentRedirect'
    const twice = ['eu-central-1', 'eu-north-1'].map((region) => ({ status: 301, code, region }))
    const moving = ask(s3.upstream({}, redirecting(twice).inner), '/a')
    await expect(moving).rejects.toThrow('moved twice, it is in "eu-north-1"')
    const { inner, counts } = redirecting([{ status: 301, code, region: 'evil.example/' }])
    await expect(ask(s3.upstream({}, inner), '/a')).rejects.toThrow('it redirects (301)')
    expect(counts).toEqual({ asked: 1 })
  })

  it('asks the endpoint of the region where there is one', async () => {
    const asked: string[] = []
    const elsewhere = (region: string) => {
      asked.push(region)
      return { inner: s3.inner, endpoint: new URL(`${s3.double.url}/s3`) }
    }
    const { inner } = redirecting([{ status: 301, code: 'PermanentRedirect', region: 'us-east-1' }])
    const upstream = s3.upstream({ region: 'eu-west-1', elsewhere }, inner)
    expect((await ask(upstream, '/a')).status).toBe(200)
    expect(asked).toEqual(['us-east-1'])
  })

  it('looks for it there once, however many are told at once', async () => {
    const asked: string[] = []
    const elsewhere = (region: string) => {
      asked.push(region)
      return { inner: s3.inner, endpoint: new URL(`${s3.double.url}/s3`) }
    }
    const told = { status: 301, code: 'PermanentRedirect', region: 'us-east-1' }
    const { inner } = redirecting(Array.from({ length: 5 }, () => told))
    const upstream = s3.upstream({ region: 'eu-west-1', elsewhere }, inner)
    const got = await Promise.all(Array.from({ length: 5 }, () => ask(upstream, '/a')))
    expect(got.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(asked).toEqual(['us-east-1'])
  })
})

interface Redirection {
  readonly status: number
  readonly code: string
  readonly region: string
}

/** Answers the first requests so, and leaves the others to the double. */
function redirecting(redirections: readonly Redirection[]) {
  const left = [...redirections]
  const counts = { asked: 0 }
  const inner: Upstream = {
    async fetch(request, scope) {
      counts.asked++
      const next = left.shift()
      if (next === undefined) return s3.inner.fetch(request, scope)
      const { status, code, region } = next
      const times = { sentAtMs: 0, receivedAtMs: 0 }
      const text = `<Error><Code>${code}</Code></Error>`
      const fields = ['x-amz-bucket-region', region]
      return ownResponse({ status, method: 'GET', text, address: 's3', fields, ...times })
    },
  }
  return { inner, counts }
}
