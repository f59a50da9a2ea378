import type { Maybe } from '../entry/byte-source.ts'
import type { Entry, StoredResponse } from '../entry/stored-response.ts'
import { isOutrun } from '../policy/validation.ts'
import type { WriteTicket } from '../ports/store.ts'
import type { Exchange } from './exchange.ts'

/** Stores the head, if nothing newer took its place while it was under way (RFC 9111 §4). */
export function writeUnlessOutrun(
  { core: { store } }: Exchange,
  ticket: WriteTicket,
  head: StoredResponse,
  sentAtMs: number,
): Maybe<'stored' | 'superseded'> {
  const write = (entry: Entry | undefined) =>
    entry?.variants.some((variant) => isOutrun(head, sentAtMs, variant.head)) === true
      ? 'superseded'
      : store.writeHead(ticket, head)
  const entry = store.peek(head.key)
  return entry === 'ask' ? store.read(head.key).then(write) : write(entry)
}
