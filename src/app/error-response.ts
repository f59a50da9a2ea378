// The only place where a failure becomes a status.

import type { Answer } from '#core/entry/answer.ts'
import { formatCacheStatus } from '#core/http/cache-status.ts'
import { plainAnswer } from '#core/flow/refuse.ts'
import type { Refusal } from '#core/flow/read-request.ts'
import type { UpstreamErrorKind } from '#core/ports/upstream.ts'
import { Cancelled, UpstreamError } from '#core/ports/upstream.ts'

const TIMEOUTS: ReadonlySet<UpstreamErrorKind> = new Set([
  'dns_timeout',
  'connection_timeout',
  'connection_read_timeout',
  'http_response_timeout',
])

/** Refused for now, and worth asking again. */
const OVERLOADED: ReadonlySet<UpstreamErrorKind> = new Set([
  'destination_unavailable',
  'connection_limit_reached',
])

/** 504 for a timeout, 503 for an open breaker or a full queue, 502 otherwise; 500 for a mistake of ours. */
export function answerOfError(error: unknown, name: string): Answer {
  if (!(error instanceof UpstreamError)) {
    const isOurs = !(error instanceof Cancelled)
    return plainAnswer(isOurs ? 500 : 502, isOurs ? 'Internal error' : 'Cancelled', [
      'cache-status',
      formatCacheStatus(name, { hit: false, detail: 'internal-error' }),
    ])
  }
  const status = TIMEOUTS.has(error.kind) ? 504 : OVERLOADED.has(error.kind) ? 503 : 502
  const { forward = 'miss', kind } = error
  const detail = { hit: false, forward, detail: kind }
  const fields = ['cache-status', formatCacheStatus(name, detail)]
  if (status === 503) {
    fields.push('retry-after', String(Math.max(1, Math.ceil((error.retryAfterMs ?? 1000) / 1000))))
  }
  return plainAnswer(status, TEXTS.get(status) ?? 'Bad gateway', fields)
}

const TEXTS: ReadonlyMap<number, string> = new Map([
  [502, 'The origin could not be reached, or gave no usable answer'],
  [503, 'The origin is unavailable at the moment'],
  [504, 'The origin did not answer in time'],
])

/** A malformed request: its connection ends, as nothing that follows can be trusted. */
export function answerOfRefusal(refusal: Refusal): Answer {
  const answer = plainAnswer(refusal.status, refusal.reason)
  return { ...answer, closes: refusal.status !== 405 && refusal.status !== 508 }
}
