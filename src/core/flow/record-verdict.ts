import type { StoredResponse } from '../entry/stored-response.ts'
import type { DigestAlgorithm } from '../http/digest-fields.ts'
import type { RequestScope } from '../ports/request-scope.ts'
import type { Store } from '../ports/store.ts'

export interface Verdict {
  readonly verdict: 'verified' | 'mismatch'
  /** What it rests on. */
  readonly algorithm: DigestAlgorithm
}

/**
 * Lets what is stored of a body follow the verdict about its bytes: its heads say that it is verified; or it is dropped,
 * and its id with it, so that the same validator does not bring the same bytes back.
 *
 * An origin may go on to send what it says is something else: for a while that is passed on, as it is, to each who asks.
 *
 * @param passedUntilMs Wall clock; until then nothing of a mismatched key is stored.
 *
 * To be called when the head has been written: one that is not there yet learns nothing.
 */
export async function recordVerdict(
  { store, scope }: { readonly store: Store; readonly scope: Pick<RequestScope, 'record'> },
  { key, body }: Pick<StoredResponse, 'key' | 'body'>,
  { verdict, algorithm }: Verdict,
  passedUntilMs: number,
): Promise<void> {
  if (verdict === 'mismatch') {
    scope.record({ kind: 'digest-mismatch', algorithm })
    await store.invalidate(key, 'drop')
    const mark = { kind: 'mismatch', expiresAtMs: passedUntilMs } as const
    await store.writeMark(store.ticket(key), mark)
    return
  }
  scope.record({ kind: 'body-verified', algorithm })
  const ticket = store.ticket(key)
  const entry = await store.read(key)
  // The oldest first, as the one written last comes first.
  for (const { head } of (entry?.variants ?? []).toReversed()) {
    if (head.body !== body || head.verified === algorithm) continue
    await store.writeHead(ticket, { ...head, verified: algorithm })
  }
}
