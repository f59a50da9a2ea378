// What every adapter has to say of an HTTP response in the same words.

import type { Fields } from '../entry/fields.ts'
import { has } from '../entry/fields.ts'
import { Cancelled, UpstreamError } from './upstream.ts'

/** Whether a cut could be told from the end (RFC 9112 §6.3). */
export function isDelimited(method: string, status: number, fields: Fields): boolean {
  if (method === 'HEAD' || status === 204 || status === 304) return true
  return has(fields, 'content-length') || has(fields, 'transfer-encoding')
}

/** A response that no parser may take for one (RFC 9112 §9.2). */
export function protocolError(what: string): UpstreamError {
  return new UpstreamError('http_protocol_error', `Cannot take response: ${what}`, {
    retryable: false,
  })
}

/** Why a request was aborted: a deadline says so itself, anything else is nobody waiting. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof UpstreamError
    ? signal.reason
    : new Cancelled('Nobody waits any more')
}
