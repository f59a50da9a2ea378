// Who may call what discloses or changes something on the admin listener.

import type { ReadHead } from '#core/flow/read-request.ts'

/** A request at the admin listener. */
export interface AdminCall {
  readonly head: ReadHead
  /** Address of the other end of the connection. */
  readonly peer: string
}

/** As what a call is granted; or why it is not. */
export type AdminAccess =
  | { readonly granted: true; readonly by: 'token' | 'loopback' }
  | { readonly granted: false; readonly because: 'token-missing' | 'token-wrong' | 'peer' }

export interface Denial {
  readonly status: 401 | 403
  /** What to do instead. */
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
}

const BEARER = 'Bearer realm="sluice admin"'

/** @param what What is asked for: `purge`. */
export function findDenial(access: AdminAccess, what: string): Denial | undefined {
  if (access.granted) return undefined
  if (access.because === 'peer') {
    const text = `Without a token only this machine may ${what}: start Sluice with --admin-token-file, and send the token as Authorization: Bearer`
    return { status: 403, text, headers: {} }
  }
  // RFC 6750 §3.1: a call without a token is told no error.
  const isWrong = access.because === 'token-wrong'
  return {
    status: 401,
    text: 'Send the token of the admin token file as Authorization: Bearer, and nowhere else',
    headers: { 'www-authenticate': isWrong ? `${BEARER}, error="invalid_token"` : BEARER },
  }
}
