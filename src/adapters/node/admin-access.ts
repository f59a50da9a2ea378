// Who may change something over the admin listener: whoever has the token, or, where there is none, this machine.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'

type Access =
  | { readonly granted: true; readonly by: 'token' | 'loopback' }
  | { readonly granted: false; readonly because: 'token-missing' | 'token-wrong' | 'peer' }

export type DecideAccess = (peer: string, authorization: string | undefined) => Access

/** Far above any token; so that no wrong file is read whole. */
const MAX_FILE_BYTES = 4096
const OTHERS_READ_OR_WRITE = 0o006
/** What can be sent as a Bearer token (RFC 6750 §2.1). */
const TOKEN = /^[0-9A-Za-z\-._~+/]+=*$/
const BEARER = /^bearer +([^ ]+)$/i

/**
 * With a token file its token is required of everybody, this machine too: what a proxy on it passes on comes from
 * loopback as well.
 *
 * @throws When the token file cannot be used, saying why.
 */
export function createAdminAccess(tokenFile: string | undefined): DecideAccess {
  if (tokenFile === undefined) {
    return (peer) =>
      isLoopback(peer) ? { granted: true, by: 'loopback' } : { granted: false, because: 'peer' }
  }
  const isToken = createComparison(readToken(tokenFile))
  return (_peer, authorization) => {
    if (authorization === undefined) return { granted: false, because: 'token-missing' }
    const token = BEARER.exec(authorization)?.[1]
    return token !== undefined && isToken(token)
      ? { granted: true, by: 'token' }
      : { granted: false, because: 'token-wrong' }
  }
}

/**
 * Compares with digests under a key that nobody knows: how far two of them agree says nothing of how far the tokens
 * do, and both are of one length, which `timingSafeEqual` asks for. What was sent decides how long its digest
 * takes; the token has no part in it.
 */
function createComparison(token: string): (sent: string) => boolean {
  const key = randomBytes(32)
  const digestOf = (text: string) => createHmac('sha256', key).update(text).digest()
  const expected = digestOf(token)
  return (sent) => timingSafeEqual(digestOf(sent), expected)
}

function readToken(path: string): string {
  const token = readPrivateFile(path).trim()
  if (token === '') return unusable(path, 'it is empty; write a token into it')
  if (TOKEN.test(token)) return token
  return unusable(path, 'allowed is one token of letters, digits and "-._~+/" (RFC 6750 §2.1)')
}

function readPrivateFile(path: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    return unusable(path, error instanceof Error ? error.message : String(error))
  }
  try {
    // Of what was opened, and not of what may have taken its name since.
    const stats = fstatSync(file)
    if (!stats.isFile()) return unusable(path, 'it is not a file')
    if ((stats.mode & OTHERS_READ_OR_WRITE) !== 0) {
      return unusable(path, 'every user may read or write it; take that away with chmod o-rw')
    }
    if (stats.size > MAX_FILE_BYTES) return unusable(path, `it is over ${MAX_FILE_BYTES} bytes`)
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

function unusable(path: string, why: string): never {
  throw new Error(`Cannot use admin token file "${path}": ${why}`)
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Also of an IPv4 address as a listener for both families shows it, `::ffff:127.0.0.1`. */
function isLoopback(address: string): boolean {
  const family = isIP(address)
  return family !== 0 && LOOPBACK.check(address, family === 6 ? 'ipv6' : 'ipv4')
}
