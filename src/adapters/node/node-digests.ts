import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'

import { crcOf } from '#core/entry/crc.ts'
import type { HashAlgorithm } from '#core/http/digest-fields.ts'
import type { Digests } from '#core/ports/digests.ts'

const NAMES: Readonly<Record<HashAlgorithm, string>> = {
  'sha-512': 'sha512',
  'sha-256': 'sha256',
  'sha-1': 'sha1',
  md5: 'md5',
}

/** Digests by OpenSSL, CRC-32 by zlib; of the other CRCs Node has none. All of them at once, in this thread. */
export function createNodeDigests(): Digests {
  return {
    startHash(algorithm) {
      const hash = hashOf(NAMES[algorithm])
      if (hash === undefined) return undefined
      return {
        update: (bytes) => void hash.update(bytes),
        digest: () => hash.digest(),
      }
    },
    crc(algorithm, bytes) {
      return algorithm === 'crc32' ? BigInt(crc32(bytes)) : crcOf(algorithm, bytes)
    },
  }
}

/** A build, or a policy of the machine, may be without MD5. */
function hashOf(name: string): Hash | undefined {
  try {
    return createHash(name)
  } catch {
    return undefined
  }
}
