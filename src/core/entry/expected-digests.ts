import { parseContentRange } from '../http/byte-range.ts'
import type { DigestAlgorithm, ExpectedDigest } from '../http/digest-fields.ts'
import {
  S3_CHECKSUMS,
  parseContentMd5,
  parseReprDigest,
  parseS3Checksum,
} from '../http/digest-fields.ts'
import type { Fields } from './fields.ts'
import { combined } from './fields.ts'

export const NO_DIGESTS: readonly ExpectedDigest[] = []

const STRONGEST_FIRST: readonly DigestAlgorithm[] = [
  'sha-512',
  'sha-256',
  'sha-1',
  'md5',
  'crc64nvme',
  'crc32c',
  'crc32',
]

/**
 * The digests that the whole representation must have by the fields of a response to GET or HEAD, the strongest
 * first, each algorithm once. What is malformed or not known is ignored: it is no reason to refuse a body.
 *
 * On a 206 only Repr-Digest is of the whole (RFC 9530 §3); the others are too where the part is all there is.
 */
export function expectedDigests(status: number, fields: Fields): readonly ExpectedDigest[] {
  const digests: ExpectedDigest[] = []
  const reprDigest = combined(fields, 'repr-digest')
  if (reprDigest !== undefined) digests.push(...parseReprDigest(reprDigest))
  if (status !== 206 || isAll(fields)) {
    const contentMd5 = combined(fields, 'content-md5')
    const digest = contentMd5 === undefined ? undefined : parseContentMd5(contentMd5)
    if (digest !== undefined) digests.push(digest)
    digests.push(...s3Checksums(status, fields))
  }
  if (digests.length === 0) return NO_DIGESTS
  return STRONGEST_FIRST.flatMap((algorithm) => {
    const digest = digests.find((candidate) => candidate.algorithm === algorithm)
    return digest === undefined ? [] : [digest]
  })
}

/** Whether a 206 carries everything, as the answer to a range that reaches past the end may. */
function isAll(fields: Fields): boolean {
  const value = combined(fields, 'content-range')
  const range = value === undefined ? undefined : parseContentRange(value)
  return range?.span?.startByte === 0 && range.span.endByte === range.completeLength
}

/**
 * What S3 tells of the bytes of an object. With a range it tells nothing, or, where the range is one part of the upload,
 * what is of that part, whatever the type: no 206 is believed but one with everything in it.
 *
 * A composite checksum is over those of the parts. With a 200 it ends in `-` and their number, so a plain value is of the
 * bytes also where no type is told, as before 2025 and by many a server that is like S3. With a 206 it comes plain.
 */
function s3Checksums(status: number, fields: Fields): readonly ExpectedDigest[] {
  const type = combined(fields, 'x-amz-checksum-type')
  const isOfBytes = type === 'FULL_OBJECT' || (type === undefined && status !== 206)
  if (!isOfBytes) return NO_DIGESTS
  const digests: ExpectedDigest[] = []
  for (const [name, algorithm] of S3_CHECKSUMS) {
    const value = combined(fields, name)
    const digest = value === undefined ? undefined : parseS3Checksum(algorithm, value)
    if (digest !== undefined) digests.push(digest)
  }
  return digests
}
