// Whether the bytes of a body, all together, have the digest that the origin told.

import type { Maybe } from '../entry/byte-source.ts'
import { isPromise } from '../entry/byte-source.ts'
import { CRCS } from '../entry/crc.ts'
import { CrcPieces } from '../entry/crc-pieces.ts'
import { segmentIndexOf, segmentLengthOf } from '../entry/segment.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type {
  CrcAlgorithm,
  DigestAlgorithm,
  ExpectedDigest,
  HashAlgorithm,
} from '../http/digest-fields.ts'
import { toHex } from '../http/digest-fields.ts'
import type { Clock } from '../ports/clock.ts'
import type { Digests, RunningHash } from '../ports/digests.ts'

/** `unknown`: not all of it has come yet, or not in an order that lets it be told. */
export type BodyVerdict = 'verified' | 'mismatch' | 'unknown'

/** What the body is held against: the strongest that wants an order, and the strongest that does not. */
interface ExpectedHash {
  readonly algorithm: HashAlgorithm
  readonly hex: string
  readonly running: RunningHash
}

interface ExpectedCrc {
  readonly algorithm: CrcAlgorithm
  readonly hex: string
  readonly pieces: CrcPieces
}

/**
 * Begins to verify a body against what its head says of it.
 *
 * @returns `undefined` when there is nothing that it could be held against.
 */
export function verifyBody(
  head: Pick<StoredResponse, 'digests' | 'segmentBytes' | 'completeLength'>,
  digests: Digests,
): BodyVerification | undefined {
  const { digests: expected = [], segmentBytes, completeLength } = head
  const hash = expectedHash(expected, digests)
  const crc = expectedCrc(expected)
  if (hash === undefined && crc === undefined) return undefined
  return new BodyVerification({ hash, crc, digests, segmentBytes, completeLength })
}

function expectedHash(
  expected: readonly ExpectedDigest[],
  digests: Digests,
): ExpectedHash | undefined {
  for (const { algorithm, hex } of expected) {
    if (isCrc(algorithm)) continue
    const running = digests.startHash(algorithm)
    if (running !== undefined) return { algorithm, hex, running }
  }
  return undefined
}

function expectedCrc(expected: readonly ExpectedDigest[]): ExpectedCrc | undefined {
  for (const { algorithm, hex } of expected) {
    if (isCrc(algorithm)) return { algorithm, hex, pieces: new CrcPieces(algorithm) }
  }
  return undefined
}

function isCrc(algorithm: DigestAlgorithm): algorithm is CrcAlgorithm {
  return algorithm in CRCS
}

interface VerificationOptions {
  readonly hash: ExpectedHash | undefined
  readonly crc: ExpectedCrc | undefined
  readonly digests: Digests
  readonly segmentBytes: number
  readonly completeLength: number | undefined
}

/** Verifies one body once. It keeps digests of segments, and no segment. */
export class BodyVerification {
  readonly #digests: Digests
  readonly #segmentBytes: number
  #completeLength: number | undefined
  readonly #hash: ExpectedHash | undefined
  /** All before it went into the hash. */
  #hashedBytes = 0
  #crc: ExpectedCrc | undefined
  /** CRCs that the platform has not given yet. */
  readonly #pending = new Set<Promise<void>>()
  #decided: Maybe<BodyVerdict> = 'unknown'
  #algorithm: DigestAlgorithm | undefined

  constructor({ hash, crc, digests, segmentBytes, completeLength }: VerificationOptions) {
    this.#hash = hash
    this.#crc = crc
    this.#digests = digests
    this.#segmentBytes = segmentBytes
    this.#completeLength = completeLength
  }

  /** What the verdict rests on; `undefined` before there is one. */
  get algorithm(): DigestAlgorithm | undefined {
    return this.#algorithm
  }

  lengthBecameKnown(completeLength: number): void {
    this.#completeLength = completeLength
  }

  /**
   * Takes a whole segment, in any order. One that came before is not looked at again.
   *
   * @param bytes Never to change: the platform may look at them later.
   */
  segmentCame(index: number, bytes: Uint8Array): void {
    if (this.#algorithm !== undefined) return
    const startByte = index * this.#segmentBytes
    if (startByte === this.#hashedBytes) {
      this.#hash?.running.update(bytes)
      this.#hashedBytes += bytes.byteLength
    }
    const crc = this.#crc
    if (crc === undefined || crc.pieces.has(startByte)) return
    const value = this.#digests.crc(crc.algorithm, bytes)
    const endByte = startByte + bytes.byteLength
    if (isPromise(value)) this.#waitFor(value, crc, startByte, endByte)
    else crc.pieces.add(startByte, endByte, value)
  }

  #waitFor(value: Promise<bigint>, { pieces }: ExpectedCrc, startByte: number, endByte: number) {
    const pending = value
      .then((crc) => pieces.add(startByte, endByte, crc))
      // A platform that fails to make a CRC leaves the hash, or nothing to tell by.
      .catch(() => void (this.#crc = undefined))
      .finally(() => this.#pending.delete(pending))
    this.#pending.add(pending)
  }

  /** A promise only where the platform makes digests in its own time. */
  verdict(): Maybe<BodyVerdict> {
    if (this.#algorithm !== undefined) return this.#decided
    const completeLength = this.#completeLength
    if (completeLength === undefined) return 'unknown'
    const hash = this.#hash
    if (hash !== undefined && this.#hashedBytes === completeLength) return this.#decideByHash(hash)
    if (this.#pending.size > 0) return this.#settle().then(() => this.verdict())
    return this.#decideByCrc(completeLength)
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#pending)
  }

  #decideByHash({ algorithm, hex, running }: ExpectedHash): Maybe<BodyVerdict> {
    this.#algorithm = algorithm
    const digest = running.digest()
    this.#decided = isPromise(digest)
      ? digest.then((bytes) => verdictOf(toHex(bytes) === hex)).catch(() => 'unknown' as const)
      : verdictOf(toHex(digest) === hex)
    return this.#decided
  }

  #decideByCrc(completeLength: number): BodyVerdict {
    if (this.#crc === undefined) return 'unknown'
    const { algorithm, hex, pieces } = this.#crc
    const value = pieces.whole(completeLength)
    if (value === undefined) return 'unknown'
    this.#algorithm = algorithm
    this.#decided = verdictOf(value === BigInt(`0x${hex}`))
    return this.#decided
  }

  /**
   * Whether only a pass can tell, asked once all segments are at hand: some came out of the order that the hash wants,
   * or did not come through here.
   */
  needsPass(): boolean {
    if (this.#algorithm !== undefined || this.#pending.size > 0) return false
    return this.#missingByte() !== undefined
  }

  /** Where the first segment begins that has to be read for a verdict. */
  #missingByte(): number | undefined {
    if (this.#hash === undefined && this.#crc === undefined) return undefined
    const atByte = this.#crc === undefined ? this.#hashedBytes : this.#crc.pieces.firstGapByte()
    const isMissing = this.#completeLength !== undefined && atByte < this.#completeLength
    return isMissing && atByte % this.#segmentBytes === 0 ? atByte : undefined
  }

  /**
   * Reads what is missing for a verdict, in order. At most half of the time is taken: after each segment it rests for as
   * long as that took.
   *
   * @param read All bytes of a segment; `undefined`, or a rejection, ends the pass without a verdict.
   * @param options When `signal` aborts, the pass ends after the segment it is at; another may go on from there.
   */
  async pass(
    read: (index: number) => Maybe<Uint8Array | undefined>,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<BodyVerdict> {
    await this.#settle()
    for (;;) {
      const beganAtMs = clock.monotonicMs()
      const missingByte = this.#missingByte()
      if (missingByte === undefined || this.#algorithm !== undefined) return await this.verdict()
      const bytes = signal.aborted ? undefined : await this.#readAt(missingByte, read)
      if (bytes === undefined) return 'unknown'
      this.segmentCame(segmentIndexOf(missingByte, this.#segmentBytes), bytes)
      await this.#settle()
      await rest(clock, clock.monotonicMs() - beganAtMs)
    }
  }

  async #readAt(
    startByte: number,
    read: (index: number) => Maybe<Uint8Array | undefined>,
  ): Promise<Uint8Array | undefined> {
    const index = segmentIndexOf(startByte, this.#segmentBytes)
    const lengthBytes = segmentLengthOf(index, this.#completeLength ?? 0, this.#segmentBytes)
    try {
      const bytes = await read(index)
      return bytes?.byteLength === lengthBytes ? bytes : undefined
    } catch {
      // A store that cannot give it: as if it were not there.
      return undefined
    }
  }
}

function verdictOf(isEqual: boolean): BodyVerdict {
  return isEqual ? 'verified' : 'mismatch'
}

function rest(clock: Clock, tookMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(Math.max(1, tookMs), resolve))
}
