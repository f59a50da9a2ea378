// The CRC of a whole out of those of its parts, which may come in any order.

import type { CrcAlgorithm } from '../http/digest-fields.ts'
import { CRCS } from './crc.ts'

/**
 * The CRC of two runs of bytes, one behind the other, from the CRC of each: that of the first times `x` to the power
 * of the bits that follow it, plus that of the second, as polynomials over GF(2).
 */
export function joinedCrc(
  algorithm: CrcAlgorithm,
  first: bigint,
  second: bigint,
  secondBytes: number,
): bigint {
  return multiply(algorithm, powerOf(algorithm, secondBytes), first) ^ second
}

/** The product modulo the polynomial of the CRC. */
function multiply(algorithm: CrcAlgorithm, a: bigint, b: bigint): bigint {
  const { bits, polynomial } = CRCS[algorithm]
  let product = 0n
  let shifted = b
  for (let bit = 1n << BigInt(bits - 1); bit > 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= shifted
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n
  }
  return product
}

/** By algorithm: what a run of `2 ** k` bytes multiplies with, for each `k` that was asked for. */
const powers = new Map<CrcAlgorithm, bigint[]>()

/** `x ** (8 * countBytes)`. */
function powerOf(algorithm: CrcAlgorithm, countBytes: number): bigint {
  const { bits } = CRCS[algorithm]
  let known = powers.get(algorithm)
  if (known === undefined) powers.set(algorithm, (known = [1n << BigInt(bits - 1 - 8)]))
  let power = 1n << BigInt(bits - 1)
  let square = known[0] ?? power
  for (let k = 0, rest = countBytes; rest > 0; k++, rest = Math.floor(rest / 2)) {
    if (k > 0) square = known[k] ??= multiply(algorithm, square, square)
    if (rest % 2 === 1) power = multiply(algorithm, power, square)
  }
  return power
}

interface Piece {
  readonly startByte: number
  readonly endByte: number
  readonly crc: bigint
}

/** Parts of one body with the CRC of each: neighbours become one, so it holds no more than there are gaps. */
export class CrcPieces {
  readonly #algorithm: CrcAlgorithm
  /** In order, with a gap between any two. */
  readonly #pieces: Piece[] = []

  constructor(algorithm: CrcAlgorithm) {
    this.#algorithm = algorithm
  }

  /** Adds the part `[startByte, endByte)`; one that overlaps what was added before is left out. */
  add(startByte: number, endByte: number, crc: bigint): void {
    const at = this.#pieces.findLastIndex((piece) => piece.startByte <= startByte) + 1
    const before = this.#pieces[at - 1]
    const after = this.#pieces[at]
    if (before !== undefined && before.endByte > startByte) return
    if (after !== undefined && after.startByte < endByte) return
    let piece: Piece = { startByte, endByte, crc }
    const joinsBefore = before?.endByte === startByte
    if (joinsBefore) piece = this.#join(before, piece)
    const joinsAfter = after?.startByte === endByte
    if (joinsAfter) piece = this.#join(piece, after)
    this.#pieces.splice(at - Number(joinsBefore), Number(joinsBefore) + Number(joinsAfter), piece)
  }

  #join(first: Piece, second: Piece): Piece {
    const secondBytes = second.endByte - second.startByte
    return {
      startByte: first.startByte,
      endByte: second.endByte,
      crc: joinedCrc(this.#algorithm, first.crc, second.crc, secondBytes),
    }
  }

  has(byte: number): boolean {
    return this.#pieces.some(({ startByte, endByte }) => startByte <= byte && byte < endByte)
  }

  /** The first byte that is in no part. */
  firstGapByte(): number {
    const [first] = this.#pieces
    return first?.startByte === 0 ? first.endByte : 0
  }

  /** Of the bytes `[0, completeLength)`; `undefined` while there are gaps in them. */
  whole(completeLength: number): bigint | undefined {
    const [first] = this.#pieces
    if (completeLength === 0) return 0n
    return first?.startByte === 0 && first.endByte === completeLength ? first.crc : undefined
  }
}
