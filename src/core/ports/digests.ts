import type { Maybe } from '../entry/byte-source.ts'
import type { CrcAlgorithm, HashAlgorithm } from '../http/digest-fields.ts'

/** A digest that is made of bytes as they come, in their order. */
export interface RunningHash {
  /** The bytes may be looked at later: they are never to change, as those of no segment do. */
  update(bytes: Uint8Array): void
  /** Of all that came. Once, and nothing after it. */
  digest(): Maybe<Uint8Array>
}

/** How the platform makes digests. */
export interface Digests {
  /** @returns `undefined` where the platform has no such algorithm. */
  startHash(algorithm: HashAlgorithm): RunningHash | undefined
  /** The CRC of these bytes alone, which are never to change either. */
  crc(algorithm: CrcAlgorithm, bytes: Uint8Array): Maybe<bigint>
}
