// Digests by their definitions and by Node's own, against which ours are held.

import { createHash } from 'node:crypto'

import type { DigestAlgorithm } from '#core/http/digest-fields.ts'

/** Bits, and the polynomial as the catalogues of CRCs print it: the coefficient of x^0 is the lowest bit. */
const CRCS: Readonly<Record<string, readonly [bits: bigint, polynomial: bigint]>> = {
  crc32: [32n, 0x04c11db7n],
  crc32c: [32n, 0x1edc6f41n],
  crc64nvme: [64n, 0xad93d23594c93659n],
}

/** Bytes as they stand in a field: of a CRC the most significant first. */
export function slowDigest(algorithm: DigestAlgorithm, bytes: Uint8Array): Buffer {
  const crc = CRCS[algorithm]
  if (crc === undefined) return createHash(algorithm.replace('-', '')).update(bytes).digest()
  const [bits, polynomial] = crc
  return Buffer.from(
    slowCrc(bytes, bits, polynomial)
      .toString(16)
      .padStart(Number(bits) / 4, '0'),
    'hex',
  )
}

/** Bit by bit: the message, its bytes reflected, is divided by the polynomial. */
function slowCrc(bytes: Uint8Array, bits: bigint, polynomial: bigint): bigint {
  const ones = (1n << bits) - 1n
  const top = 1n << (bits - 1n)
  let rest = ones
  for (const byte of bytes) {
    for (let i = 0; i < 8; i++) {
      const isSet = (rest & top) !== 0n
      rest = (rest << 1n) & ones
      if (isSet !== (((byte >> i) & 1) === 1)) rest ^= polynomial
    }
  }
  let reflected = 0n
  for (let i = 0n; i < bits; i++) if ((rest & (1n << i)) !== 0n) reflected |= 1n << (bits - 1n - i)
  return reflected ^ ones
}
