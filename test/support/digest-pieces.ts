// Uses a Digests as a fill does, on any platform.

import type { CrcAlgorithm, DigestAlgorithm, HashAlgorithm } from '#core/http/digest-fields.ts'
import { toHex } from '#core/http/digest-fields.ts'
import type { Digests } from '#core/ports/digests.ts'

/** As the contract has it. */
export async function digestPieces(
  digests: Digests,
  algorithm: DigestAlgorithm,
  bytes: Uint8Array,
  pieceBytes: number,
): Promise<string> {
  if (algorithm.startsWith('crc')) return await crcOf(digests, algorithm as CrcAlgorithm, bytes)
  const running = digests.startHash(algorithm as HashAlgorithm)
  if (running === undefined) throw new Error(`Cannot make "${algorithm}": the platform has none`)
  for (let atByte = 0; atByte < bytes.byteLength; atByte += pieceBytes) {
    running.update(bytes.subarray(atByte, atByte + pieceBytes))
  }
  return toHex(await running.digest())
}

async function crcOf(digests: Digests, algorithm: CrcAlgorithm, bytes: Uint8Array) {
  const crc = await digests.crc(algorithm, bytes)
  return crc.toString(16).padStart(algorithm === 'crc64nvme' ? 16 : 8, '0')
}
