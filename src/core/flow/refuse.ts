// Answers of our own, short and plain.

import type { Answer } from '../entry/answer.ts'
import type { Fields } from '../entry/fields.ts'
import type { CacheStatus, ForwardReason } from '../http/cache-status.ts'
import type { Exchange } from './exchange.ts'
import { withCacheStatus } from './respond.ts'

/** A short plain text, which no cache keeps. */
export function plainAnswer(status: number, text: string, fields: Fields = []): Answer {
  const bytes = new TextEncoder().encode(`${text}\n`)
  return {
    status,
    fields: ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store', ...fields],
    body: { kind: 'bytes', bytes },
    contentLength: bytes.byteLength,
  }
}

/** Only-if-cached, and nothing that may be used (RFC 9111 §5.2.1.7). */
export function notStored(x: Exchange): Answer {
  return told(x, plainAnswer(504, 'Not in the cache, and only-if-cached was asked'), {
    hit: false,
    detail: 'only-if-cached',
  })
}

/** The origin answered somebody else with an error: we pass on its status, and not that answer. */
export function originFailed(x: Exchange, status: number, because: ForwardReason): Answer {
  return told(x, plainAnswer(status, `The origin answered ${status}`), {
    hit: false,
    forward: because,
    forwardStatus: status,
    collapsed: true,
  })
}

function told(x: Exchange, answer: Answer, status: CacheStatus): Answer {
  return { ...answer, fields: withCacheStatus(x, answer.fields, status) }
}
