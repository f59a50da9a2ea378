import { createHash, createHmac } from 'node:crypto'

import { SignatureV4 } from '@smithy/signature-v4'
import { describe, expect, it } from 'vitest'

import { verifyS3Signature } from '../../support/s3-verifier.ts'
import type { S3Account, SignedRequest } from '../../support/s3-verifier.ts'

const AMAZONS: S3Account = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const AT_MS = Date.UTC(2013, 4, 24)

/** The example "GET Object" of Amazon's "Signature Calculations for the Authorization Header". */
const GET_OBJECT: SignedRequest = {
  method: 'GET',
  target: '/test.txt',
  rawHeaders: [
    'Host',
    'examplebucket.s3.amazonaws.com',
    'Range',
    'bytes=0-9',
    'x-amz-content-sha256',
    EMPTY,
    'x-amz-date',
    '20130524T000000Z',
    'Authorization',
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
      'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,' +
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
}

class Sha256 {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {}
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}

describe('verifyS3Signature', () => {
  const options = { accounts: [AMAZONS], region: 'us-east-1', nowMs: AT_MS }

  it("accepts the signature of Amazon's own example", () => {
    expect(verifyS3Signature(GET_OBJECT, options)).toMatchObject({ kind: 'valid' })
  })

  it('refuses the same signature for another path, another method and another region', () => {
    const refused = { kind: 'refused', code: 'SignatureDoesNotMatch' }
    expect(verifyS3Signature({ ...GET_OBJECT, target: '/test.txt/' }, options)).toMatchObject(
      refused,
    )
    expect(verifyS3Signature({ ...GET_OBJECT, target: '/Test.txt' }, options)).toMatchObject(
      refused,
    )
    expect(verifyS3Signature({ ...GET_OBJECT, method: 'HEAD' }, options)).toMatchObject(refused)
    const elsewhere = verifyS3Signature(GET_OBJECT, { ...options, region: 'eu-west-1' })
    expect(elsewhere).toMatchObject({ kind: 'refused', code: 'AuthorizationHeaderMalformed' })
  })

  it('refuses a signature that is 15 minutes and a second old, or as much ahead', () => {
    const skewed = { kind: 'refused', code: 'RequestTimeTooSkewed' }
    for (const [offsetMs, verdict] of [
      [900_000, { kind: 'valid' }],
      [901_000, skewed],
      [-901_000, skewed],
    ] as const) {
      const at = { ...options, nowMs: AT_MS + offsetMs }
      expect(verifyS3Signature(GET_OBJECT, at)).toMatchObject(verdict)
    }
  })

  it('agrees with the signer of the AWS SDK, with and without a token', async () => {
    for (const sessionToken of [undefined, 'a+token/with==signs']) {
      const account = { ...AMAZONS, ...(sessionToken !== undefined && { sessionToken }) }
      const signer = new SignatureV4({
        credentials: account,
        region: 'us-east-1',
        service: 's3',
        sha256: Sha256,
        uriEscapePath: false,
      })
      for (const path of ['/b/plain', '/b/a%20b/c.txt', '/b//two', '/b/%E2%82%AC', '/b/%2525']) {
        const signed = await signer.sign(
          {
            method: 'GET',
            protocol: 'https:',
            hostname: 's3.test',
            path,
            query: { versionId: 'a/b=' },
            headers: { host: 's3.test', 'x-amz-content-sha256': EMPTY },
          },
          { signingDate: new Date(AT_MS) },
        )
        const request = {
          method: 'GET',
          target: `${path}?versionId=a%2Fb%3D`,
          rawHeaders: Object.entries(signed.headers).flat(),
        }
        const verified = verifyS3Signature(request, { ...options, accounts: [account] })
        expect([path, verified.kind]).toEqual([path, 'valid'])
      }
    }
  })
})
