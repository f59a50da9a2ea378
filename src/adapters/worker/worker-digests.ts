import type { CrcAlgorithm, HashAlgorithm } from '#core/http/digest-fields.ts'
import type { Digests, RunningHash } from '#core/ports/digests.ts'

/** Digests by the DigestStream of workerd, which has them all. Each is of the request in which it was begun. */
export function createWorkerDigests(): Digests {
  return {
    startHash: start,
    async crc(algorithm, bytes) {
      const running = start(algorithm)
      running.update(bytes)
      let crc = 0n
      for (const byte of await running.digest()) crc = (crc << 8n) | BigInt(byte)
      return crc
    },
  }
}

function start(algorithm: HashAlgorithm | CrcAlgorithm): RunningHash {
  const stream = new crypto.DigestStream(algorithm)
  const writer = stream.getWriter()
  const { digest } = stream
  // What goes wrong, the digest tells whoever wants it.
  digest.catch(nothing)
  return {
    update: (bytes) => void writer.write(bytes).catch(nothing),
    async digest() {
      writer.close().catch(nothing)
      return new Uint8Array(await digest)
    },
  }
}

function nothing(): void {}
