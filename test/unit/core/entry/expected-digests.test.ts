import { describe, expect, it } from 'vitest'

import { expectedDigests } from '#core/entry/expected-digests.ts'
import type { Fields } from '#core/entry/fields.ts'

const MD5 = Buffer.alloc(16, 1)
const SHA_256 = Buffer.alloc(32, 2)
const SHA_512 = Buffer.alloc(64, 3)
const CRC32 = Buffer.alloc(4, 4)
const CRC64 = Buffer.alloc(8, 5)

const REPR = [
  'repr-digest',
  `sha-256=:${SHA_256.toString('base64')}:`,
  'repr-digest',
  `sha-512=:${SHA_512.toString('base64')}:`,
]
const CONTENT_MD5 = ['content-md5', MD5.toString('base64')]
const S3_CRC32 = ['x-amz-checksum-crc32', CRC32.toString('base64')]
const S3_CRC64 = ['x-amz-checksum-crc64nvme', CRC64.toString('base64')]
const FULL = ['x-amz-checksum-type', 'FULL_OBJECT']
const COMPOSITE = ['x-amz-checksum-type', 'COMPOSITE']
const PART = ['content-range', 'bytes 0-99/200']
const ALL = ['content-range', 'bytes 0-199/200']

function namesOf(status: number, fields: Fields): readonly string[] {
  return expectedDigests(status, fields).map(({ algorithm }) => algorithm)
}

describe('expectedDigests', () => {
  it('gives what all fields say, the strongest first', () => {
    const fields = [...S3_CRC32, ...S3_CRC64, ...CONTENT_MD5, ...REPR]
    expect(expectedDigests(200, fields)).toEqual([
      { algorithm: 'sha-512', hex: SHA_512.toString('hex') },
      { algorithm: 'sha-256', hex: SHA_256.toString('hex') },
      { algorithm: 'md5', hex: MD5.toString('hex') },
      { algorithm: 'crc64nvme', hex: CRC64.toString('hex') },
      { algorithm: 'crc32', hex: CRC32.toString('hex') },
    ])
  })

  it('gives nothing where nothing is said, or nothing that can be read', () => {
    expect(expectedDigests(200, ['etag', '"a"', 'content-digest', REPR[1] ?? ''])).toEqual([])
    const odd = ['repr-digest', 'sha-257=:AAAA:', 'content-md5', 'x', 'x-amz-checksum-xxhash3', 'A']
    expect(expectedDigests(200, odd)).toEqual([])
  })

  it('gives each algorithm once', () => {
    const sha = ['x-amz-checksum-sha256', Buffer.alloc(32, 9).toString('base64')]
    const digests = expectedDigests(200, [...sha, ...REPR])
    expect(digests.filter(({ algorithm }) => algorithm === 'sha-256')).toEqual([
      { algorithm: 'sha-256', hex: SHA_256.toString('hex') },
    ])
  })

  it('takes Repr-Digest of a part for that of the whole, and Content-MD5 not (RFC 9530 §3)', () => {
    const fields = [...REPR, ...CONTENT_MD5]
    expect(namesOf(206, [...fields, ...PART])).toEqual(['sha-512', 'sha-256'])
    expect(namesOf(206, [...fields, ...ALL])).toEqual(['sha-512', 'sha-256', 'md5'])
    expect(namesOf(206, [...fields, 'content-range', 'bytes 0-199/*'])).not.toContain('md5')
    expect(namesOf(206, [...fields, 'content-range', 'bytes 1-199/200'])).not.toContain('md5')
    expect(namesOf(206, fields)).not.toContain('md5')
  })

  it('takes the checksum of a whole object, told as such or told plainly', () => {
    expect(namesOf(200, [...S3_CRC64, ...FULL])).toEqual(['crc64nvme'])
    expect(namesOf(200, S3_CRC64)).toEqual(['crc64nvme'])
  })

  it('never takes a composite checksum, with the number of its parts or without', () => {
    const composite = ['x-amz-checksum-crc32', `${CRC32.toString('base64')}-7`]
    expect(namesOf(200, [...composite, ...COMPOSITE])).toEqual([])
    expect(namesOf(200, composite)).toEqual([])
    expect(namesOf(200, [...composite, ...FULL])).toEqual([])
    expect(namesOf(200, [...S3_CRC32, ...COMPOSITE])).toEqual([])
    expect(namesOf(200, [...S3_CRC32, ...FULL, ...COMPOSITE])).toEqual([])
    expect(namesOf(200, [...S3_CRC32, 'x-amz-checksum-type', 'full_object'])).toEqual([])
  })

  it('takes no checksum that came with a part, which may be of that, but with all there is', () => {
    expect(namesOf(206, [...S3_CRC64, ...FULL, ...PART])).toEqual([])
    expect(namesOf(206, [...S3_CRC64, ...FULL, ...ALL])).toEqual(['crc64nvme'])
    expect(namesOf(206, [...S3_CRC64, ...ALL])).toEqual([])
    expect(namesOf(206, [...S3_CRC64, ...COMPOSITE, ...ALL])).toEqual([])
  })
})
