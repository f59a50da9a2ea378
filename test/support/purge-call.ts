// Calls of POST /purge, and what is to be seen of a purge in the bodies that come after it.

import { httpGet, type HttpGetOptions, type HttpResult } from './http-get.ts'
import { ORACLE_BLOCK_BYTES } from './oracle.ts'

/** Sends a purge as an operator would; what is no text is sent as JSON. */
export function sendPurge(
  adminUrl: string,
  body: unknown,
  options: HttpGetOptions = {},
): Promise<HttpResult> {
  return httpGet(`${adminUrl}/purge`, {
    method: 'POST',
    ...options,
    headers: { 'Content-Type': 'application/json', ...options.headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

/** The versions whose blocks are in bytes of an object of the oracle, from the start of a block. */
export function versionsIn(bytes: Buffer): ReadonlySet<number> {
  const versions = new Set<number>()
  for (let at = 0; at + ORACLE_BLOCK_BYTES <= bytes.length; at += ORACLE_BLOCK_BYTES) {
    versions.add(Number.parseInt(bytes.toString('latin1', at + 5, at + 8), 36))
  }
  return versions
}
