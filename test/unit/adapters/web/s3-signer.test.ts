import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { S3Credentials } from '#web/s3-signer.ts'
import type { Fields } from '#core/entry/fields.ts'
import { ask } from '../../../support/ask.ts'
import { checkOracle } from '../../../support/oracle.ts'
import { originEtag, originLastModified } from '../../../support/origin-answer.ts'
import { ACCOUNT, TEMPORARY, startS3Fixture } from '../../../support/s3-fixture.ts'
import type { S3Fixture } from '../../../support/s3-fixture.ts'
import { createSteppedClock } from '../../../support/stepped-clock.ts'

let s3: S3Fixture

beforeEach(async () => {
  s3 = await startS3Fixture()
  s3.double.put('data', 'a', { sizeBytes: 100 })
})

afterEach(async () => {
  await s3.close()
})

const THEIRS: Fields = [
  ['authorization', 'AWS4-HMAC-SHA256 Credential=theirs'],
  ['x-amz-date', '20200101T000000Z'],
  ['x-amz-security-token', 'theirs'],
  ['x-amz-acl', 'public-read'],
  ['x_amz_acl', 'public-read'],
  ['host', 'evil.test'],
].flat()

describe('createS3Upstream, fields of the request', () => {
  it("never sends the client's own signing fields", async () => {
    const got = await ask(s3.upstream(), '/a', [...THEIRS, 'user-agent', 'test'])
    expect(got.status).toBe(200)
    const { rawHeaders } = s3.lastRequest()
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    const signed = [
      'authorization',
      'host',
      'x-amz-checksum-mode',
      'x-amz-content-sha256',
      'x-amz-date',
    ]
    expect(names.toSorted()).toEqual([...signed, 'connection', 'user-agent'].toSorted())
    expect(rawHeaders.join()).not.toMatch(/theirs|evil|public-read/)
    expect(s3.lastRequest().header('host')).toBe(new URL(s3.double.url).host)
  })

  it('sends a Range and conditions as they are, unsigned', async () => {
    s3.double.put('data', 'big', { sizeBytes: 100_000 })
    const etag = originEtag('/data/big', 1)
    const part = await ask(s3.upstream(), '/big', ['range', 'bytes=500-999', 'if-match', etag])
    expect([part.status, part.field('content-range')]).toEqual([206, 'bytes 500-999/100000'])
    const expected = { object: '/data/big', version: 1, startByte: 500, endByte: 1000 }
    expect(checkOracle(part.bytes, expected)).toBeUndefined()
    expect(s3.lastRequest().header('range')).toBe('bytes=500-999')
    expect(s3.lastRequest().signature).toMatchObject({
      signedNames: ['host', 'x-amz-checksum-mode', 'x-amz-content-sha256', 'x-amz-date'],
    })
  })

  it.each<[number, Fields]>([
    [304, ['if-none-match', originEtag('/data/a', 1)]],
    [304, ['if-modified-since', originLastModified(1)]],
    [412, ['if-match', '"other"']],
    [412, ['if-unmodified-since', originLastModified(0)]],
    [200, ['range', 'bytes=0-9', 'if-range', '"other"']],
    [416, ['range', 'bytes=100-']],
  ])('answers %i to %j', async (status, fields) => {
    expect((await ask(s3.upstream(), '/a', fields)).status).toBe(status)
  })

  it('reads a public bucket without credentials, unsigned', async () => {
    s3.double.createBucket('open', { isPublic: true })
    s3.double.put('open', 'a', { body: 'public' })
    const got = await ask(s3.upstream({ bucket: 'open', credentials: () => undefined }), '/a')
    expect(got.text).toBe('public')
    const { rawHeaders } = s3.lastRequest()
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    expect(names.filter((name) => /amz|authorization/.test(name))).toEqual(['x-amz-checksum-mode'])
  })

  it('sends and signs the session token', async () => {
    expect((await ask(s3.upstream({ credentials: () => TEMPORARY }), '/a')).status).toBe(200)
    expect(s3.lastRequest().header('x-amz-security-token')).toBe(TEMPORARY.sessionToken)
    expect(s3.lastRequest().signature).toMatchObject({
      signedNames: [
        'host',
        'x-amz-checksum-mode',
        'x-amz-content-sha256',
        'x-amz-date',
        'x-amz-security-token',
      ],
    })
  })
})

describe('createS3Signer', () => {
  it('signs once for all ranges of an object within a second, and anew in the next', async () => {
    const origin = s3.upstream()
    await ask(origin, '/a', ['range', 'bytes=0-9'])
    await ask(origin, '/a', ['range', 'bytes=10-19'])
    s3.clock.advance(1000)
    await ask(origin, '/a', ['range', 'bytes=20-29'])
    const [one, two, three] = s3.double.requests.map((request) => request.header('authorization'))
    expect(two).toBe(one)
    expect(three).not.toBe(one)
  })

  it('signs across midnight, and after a change of credentials within the second', async () => {
    s3.clock.setWall(Date.UTC(2025, 2, 1) - 500)
    let credentials: S3Credentials = ACCOUNT
    const origin = s3.upstream({ credentials: () => credentials })
    expect((await ask(origin, '/a')).status).toBe(200)
    credentials = TEMPORARY
    expect((await ask(origin, '/a')).status).toBe(200)
    s3.clock.advance(1000)
    expect((await ask(origin, '/a')).status).toBe(200)
    const authorizations = s3.double.requests.map((request) => request.header('authorization'))
    expect(authorizations.map((value) => /Credential=([^,]*)/.exec(value ?? '')?.[1])).toEqual([
      'AKIDEXAMPLE/20250228/us-east-1/s3/aws4_request',
      'ASIAEXAMPLE/20250228/us-east-1/s3/aws4_request',
      'ASIAEXAMPLE/20250301/us-east-1/s3/aws4_request',
    ])
  })
})

describe('createS3Upstream, clocks', () => {
  it.each(['GET', 'HEAD'])('takes the clock of the bucket once %s was skewed', async (method) => {
    const origin = s3.upstream({ clock: createSteppedClock(s3.clock.nowMs() - 3_600_000) })
    expect((await ask(origin, '/a', [], { method })).status).toBe(200)
    expect(s3.double.requests.map(({ status }) => status)).toEqual([403, 200])
    // From then on it knows.
    expect((await ask(origin, '/a', [], { method })).status).toBe(200)
    expect(s3.double.requests).toHaveLength(3)
  })

  it.each([
    [14, 1],
    [-14, 1],
    [16, 2],
    [-16, 2],
  ])('with a clock %i minutes off, an object takes %i requests', async (minutes, count) => {
    const clock = createSteppedClock(s3.clock.nowMs() + minutes * 60_000)
    expect((await ask(s3.upstream({ clock }), '/a')).status).toBe(200)
    expect(s3.double.requests).toHaveLength(count)
  })

  it('tries no third time', async () => {
    s3.double.fail({ status: 403, code: 'RequestTimeTooSkewed' }, 3)
    await expect(ask(s3.upstream(), '/a')).rejects.toThrow('RequestTimeTooSkewed')
    expect(s3.double.requests).toHaveLength(2)
  })
})
