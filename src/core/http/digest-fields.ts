// What fields say of the digest of a representation (RFC 9530, RFC 1864), and of an object in S3.

import { parseDictionary } from 'structured-headers'
import type { Dictionary } from 'structured-headers'

/** Wants the bytes in order, from the first to the last. */
export type HashAlgorithm = 'sha-512' | 'sha-256' | 'sha-1' | 'md5'
/** Those of the parts give that of the whole, in whatever order they come. */
export type CrcAlgorithm = 'crc64nvme' | 'crc32c' | 'crc32'
export type DigestAlgorithm = HashAlgorithm | CrcAlgorithm

export interface ExpectedDigest {
  readonly algorithm: DigestAlgorithm
  /** Lower case; the most significant digit of a CRC comes first. */
  readonly hex: string
}

const LENGTH_BYTES: Readonly<Record<DigestAlgorithm, number>> = {
  'sha-512': 64,
  'sha-256': 32,
  'sha-1': 20,
  md5: 16,
  crc64nvme: 8,
  crc32c: 4,
  crc32: 4,
}

/**
 * Keys of the registry (RFC 9530 §7.2). MD5 and SHA-1 are no proof against an adversary, but one is not looked for here.
 * `crc32c` is left out: how its number becomes bytes is said nowhere, and a right body would be taken for a wrong one.
 */
const OF_KEY: ReadonlyMap<string, HashAlgorithm> = new Map([
  ['sha-512', 'sha-512'],
  ['sha-256', 'sha-256'],
  ['sha', 'sha-1'],
  ['md5', 'md5'],
] as const)

/**
 * Reads Repr-Digest (RFC 9530 §3), the digests of the whole representation on a 200 and a 206 alike.
 *
 * @param value The combined field value. Members that are not known, no Byte Sequence or of a wrong length are
 *   ignored, and all of what does not parse.
 */
export function parseReprDigest(value: string): readonly ExpectedDigest[] {
  const digests: ExpectedDigest[] = []
  for (const [key, [bytes]] of dictionaryOf(value) ?? []) {
    const algorithm = OF_KEY.get(key)
    if (algorithm === undefined || !(bytes instanceof ArrayBuffer)) continue
    const digest = digestOf(algorithm, new Uint8Array(bytes))
    if (digest !== undefined) digests.push(digest)
  }
  return digests
}

function dictionaryOf(value: string): Dictionary | undefined {
  try {
    return parseDictionary(value)
  } catch {
    return undefined
  }
}

function digestOf(algorithm: DigestAlgorithm, bytes: Uint8Array): ExpectedDigest | undefined {
  if (bytes.byteLength !== LENGTH_BYTES[algorithm]) return undefined
  return { algorithm, hex: toHex(bytes) }
}

/** Two lower-case digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}

/** Reads Content-MD5 (RFC 1864), the digest of what this message carries: of a part, on a 206. */
export function parseContentMd5(value: string): ExpectedDigest | undefined {
  return digestOfBase64('md5', value)
}

/** By field name: the checksums that S3 tells of an object. Of XXHash, which it may tell too, we have none. */
export const S3_CHECKSUMS: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ['x-amz-checksum-sha512', 'sha-512'],
  ['x-amz-checksum-sha256', 'sha-256'],
  ['x-amz-checksum-sha1', 'sha-1'],
  ['x-amz-checksum-md5', 'md5'],
  ['x-amz-checksum-crc64nvme', 'crc64nvme'],
  ['x-amz-checksum-crc32c', 'crc32c'],
  ['x-amz-checksum-crc32', 'crc32'],
] as const)

/** Digests of what one message carries, a part or the whole: they say nothing of any other message (RFC 9530 §2). */
export const DIGESTS_OF_MESSAGE: readonly string[] = [
  'content-digest',
  'content-md5',
  'x-amz-checksum-type',
  ...S3_CHECKSUMS.keys(),
]

/** Reads an `x-amz-checksum-*` field; `-N` behind it, as of any other text that is no digest, gives nothing. */
export function parseS3Checksum(
  algorithm: DigestAlgorithm,
  value: string,
): ExpectedDigest | undefined {
  return digestOfBase64(algorithm, value)
}

function digestOfBase64(algorithm: DigestAlgorithm, value: string): ExpectedDigest | undefined {
  try {
    return digestOf(
      algorithm,
      Uint8Array.from(atob(value), (character) => character.charCodeAt(0)),
    )
  } catch {
    return undefined
  }
}
