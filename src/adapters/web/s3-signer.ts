import { AwsV4Signer } from 'aws4fetch'

import type { Fields } from '#core/entry/fields.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

interface S3Signing {
  readonly method: string
  /** Canonical, as it goes on the wire. */
  readonly path: string
  /** Canonical. */
  readonly query: string
  readonly credentials: S3Credentials
  /** Wall clock of the origin, as far as we know it. */
  readonly atMs: number
}

export interface S3Signer {
  /** The fields that sign a request without a body: for any Range and any condition, which are not signed. */
  sign(signing: S3Signing): Promise<Fields>
}

/** SHA-256 of nothing: every server takes it, which cannot be said of `UNSIGNED-PAYLOAD`. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** Signatures of one second kept for the next request of the same object. */
const MAX_SIGNATURE_COUNT = 4096

/** Of every request, so that the bytes can be held against what S3 knows of the object. */
const WANTED = { 'x-amz-checksum-mode': 'ENABLED' }
/** Of a request without credentials. */
export const UNSIGNED: Fields = Object.entries(WANTED).flat()

/** Signs for S3 (AWS Signature Version 4). */
export function createS3Signer(endpoint: URL, region: string): S3Signer {
  /** By second and credentials: what is in here is good for no other. */
  let signatures = new Map<string, Promise<Fields>>()
  let signaturesFor = ''
  /** By day: aws4fetch keys it by secret, date, region and service. */
  let signingKeys = new Map<string, ArrayBuffer>()
  let signingKeysFor = ''

  async function signNow(signing: S3Signing, datetime: string): Promise<Fields> {
    const { accessKeyId, secretAccessKey, sessionToken } = signing.credentials
    const signer = new AwsV4Signer({
      method: signing.method,
      url: endpoint.origin,
      headers: { ...WANTED, 'x-amz-content-sha256': EMPTY_SHA256 },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      service: 's3',
      region,
      cache: signingKeys,
      datetime,
    })
    // Its own reading of a path goes through a URL, takes `+` for a space and text for UTF-8; ours does not.
    signer.encodedPath = signing.path
    signer.encodedSearch = signing.query
    const { headers } = await signer.sign()
    return [...headers].flat()
  }

  return {
    sign(signing) {
      const { accessKeyId, secretAccessKey, sessionToken = '' } = signing.credentials
      const datetime = toAmzDate(signing.atMs)
      const day = datetime.slice(0, 8)
      if (signingKeysFor !== day) signingKeys = new Map()
      signingKeysFor = day
      const now = [datetime, accessKeyId, secretAccessKey, sessionToken].join('\n')
      if (signaturesFor !== now || signatures.size >= MAX_SIGNATURE_COUNT) signatures = new Map()
      signaturesFor = now
      const name = `${signing.method} ${signing.path}?${signing.query}`
      const known = signatures.get(name)
      if (known !== undefined) return known
      const fields = signNow(signing, datetime)
      signatures.set(name, fields)
      return fields
    },
  }
}

function toAmzDate(atMs: number): string {
  return new Date(atMs).toISOString().replace(/[:-]|\.\d{3}/g, '')
}
