// A certificate and its key: read from files, and found to fit, or not used at all.

import { X509Certificate, constants, createHash, createPrivateKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { SecureContext, SecureContextOptions } from 'node:tls'

export interface PairFiles {
  /** Leaf first, then its chain; PEM. */
  readonly cert: string
  readonly key: string
  /** DER; need not be there (RFC 6066 §8). */
  readonly ocsp?: string | undefined
}

export interface PairBytes {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ocsp: Buffer | undefined
  /** Of all together: equal ones are the same pair. */
  readonly digest: string
}

export interface Pair {
  readonly options: SecureContextOptions
  readonly context: SecureContext
  /** The leaf, DER. */
  readonly der: Buffer
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
  readonly ocsp: Buffer | undefined
}

/** Why a pair cannot be used, and which of its files is to blame. */
export class PairError extends Error {
  readonly file: keyof PairFiles

  constructor(file: keyof PairFiles, message: string) {
    super(message)
    this.file = file
  }
}

/** Far above any chain; so that no wrong file is read whole. */
const MAX_FILE_BYTES = 1024 * 1024

/** AEAD with forward secrecy only; which of them is the client's choice, who knows its processor. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** What holds with any certificate, and with none. */
export const CONTEXT: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: CIPHERS,
  honorCipherOrder: false,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
}

/** @throws {PairError} When a file cannot be read. */
export async function readPair(files: PairFiles): Promise<PairBytes> {
  const cert = await readWhole('cert', files.cert)
  const key = await readWhole('key', files.key)
  const ocsp = files.ocsp === undefined ? undefined : await readIfThere('ocsp', files.ocsp)
  const hash = createHash('sha256')
  for (const bytes of [cert, key, ocsp]) hash.update(`${bytes?.byteLength}\n`).update(bytes ?? '')
  return { cert, key, ocsp, digest: hash.digest('base64') }
}

/** @throws {PairError} When they are not what they should be, or do not fit one another. */
export function createPair({ cert, key, ocsp }: PairBytes): Pair {
  const leaf = parsed('cert', 'it is no certificate in PEM', () => new X509Certificate(cert))
  const privateKey = parsed('key', 'it is no private key in PEM', () => privateKeyOf(key))
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new PairError('key', 'it is not the key of the certificate')
  }
  // Every DER-encoded OCSPResponse is a SEQUENCE (RFC 6960 §4.2.1).
  if (ocsp !== undefined && ocsp[0] !== 0x30) {
    throw new PairError('ocsp', 'it is no OCSP response in DER')
  }
  const options = { ...CONTEXT, cert, key }
  return {
    options,
    context: parsed('cert', 'it cannot be served', () => createSecureContext(options)),
    der: leaf.raw,
    expiresAtMs: Date.parse(leaf.validTo),
    ocsp,
  }
}

function privateKeyOf(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    if (!pem.includes('ENCRYPTED')) throw error
    throw new PairError('key', 'it is encrypted; allowed is a key without passphrase')
  }
}

function parsed<T>(file: keyof PairFiles, problem: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof PairError) throw error
    throw new PairError(file, `${problem} (${messageOf(error)})`)
  }
}

async function readWhole(file: keyof PairFiles, path: string): Promise<Buffer> {
  const bytes = await readIfThere(file, path)
  if (bytes !== undefined) return bytes
  throw new PairError(file, 'there is no such file')
}

async function readIfThere(file: keyof PairFiles, path: string): Promise<Buffer | undefined> {
  try {
    const stats = await stat(path)
    if (!stats.isFile()) throw new PairError(file, 'it is not a file')
    if (stats.size > MAX_FILE_BYTES) throw new PairError(file, `it is over ${MAX_FILE_BYTES} bytes`)
    return await readFile(path)
  } catch (error) {
    if (error instanceof PairError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new PairError(file, messageOf(error))
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
