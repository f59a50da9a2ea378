// What every platform's digests have to give.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { DigestAlgorithm } from '#core/http/digest-fields.ts'

import { slowDigest } from '../support/slow-digest.ts'

const ALGORITHMS: readonly DigestAlgorithm[] = [
  'sha-512',
  'sha-256',
  'sha-1',
  'md5',
  'crc64nvme',
  'crc32c',
  'crc32',
]

export interface DigestsHarness {
  /** In hexadecimal, of the bytes given in pieces of this length; a CRC gets them in one. */
  digest(algorithm: DigestAlgorithm, bytes: Uint8Array, pieceBytes: number): Promise<string>
  close(): Promise<void>
}

export function describeDigests(name: string, open: () => Promise<DigestsHarness>): void {
  describe(`${name} as Digests`, () => {
    let harness: DigestsHarness
    beforeAll(async () => {
      harness = await open()
    })
    afterAll(() => harness.close())

    it.each(ALGORITHMS)('makes %s of bytes however they come', async (algorithm) => {
      const bytes = Uint8Array.from({ length: 10_007 }, (_, i) => (i * 31) % 256)
      const expected = slowDigest(algorithm, bytes).toString('hex')
      for (const pieceBytes of [20_000, 4096, 777]) {
        expect(await harness.digest(algorithm, bytes, pieceBytes)).toBe(expected)
      }
    })

    it.each(ALGORITHMS)('makes %s of nothing', async (algorithm) => {
      const nothing = new Uint8Array()
      const expected = slowDigest(algorithm, nothing).toString('hex')
      expect(await harness.digest(algorithm, nothing, 10)).toBe(expected)
    })
  })
}
