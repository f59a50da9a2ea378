// Validation of a stored response with the origin (RFC 9111 §4.3).

import { first } from '../entry/fields.ts'
import type { StoredResponse, Variant } from '../entry/stored-response.ts'
import { pathOf } from '../http/target.ts'
import { controlOf } from '../policy/control.ts'
import { decideFreshness } from '../policy/freshness.ts'
import { WHOLE } from '../policy/origin-range.ts'
import { decideStorable } from '../policy/storable.ts'
import { freshenedFields, selectFreshened, validatorsOf } from '../policy/validation.ts'
import type { WriteTicket } from '../ports/store.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import type { Exchange } from './exchange.ts'
import type { Fetched, HeadPlan } from './fetch-head.ts'
import { fetchHead } from './fetch-head.ts'

/** For what there is now, whatever we had. */
const PLAIN: HeadPlan = { conditional: [], range: WHOLE, mayStoreFailure: false }

export async function fetchValidated(
  x: Exchange,
  plan: HeadPlan,
  selected: StoredResponse,
  variants: readonly Variant[],
): Promise<Fetched> {
  // Before the origin is asked: what is invalidated meanwhile must not be brought back by a 304.
  const ticket = x.core.store.ticket(x.asked.key)
  const fetched = await fetchHead(x, plan)
  switch (fetched.kind) {
    case 'not-modified': {
      const heads = variants.map((variant) => variant.head)
      const named = selectFreshened(fetched.response.fields, selected, heads)
      // It speaks of a version that we do not have (RFC 9111 §4.3.3): ask for what there is.
      if (named === undefined) return await fetchHead(x, PLAIN)
      const onlySegment = variants.find((variant) => variant.head === named)?.onlySegment
      const { head, isShared } = await freshen(x, ticket, named, fetched.response)
      return { kind: 'freshened', variant: { head, onlySegment }, isShared }
    }
    case 'unshareable': {
      const { status } = fetched.response
      // The new version is shorter than where the old one was asked.
      if (status === 416) {
        fetched.response.body.cancel('asking for the whole')
        return await fetchHead(x, PLAIN)
      }
      // An answer, and not this response any more; 401, 403 and the like are no verdict on it.
      if (status < 400 || status === 404 || status === 410) {
        await x.core.store.invalidate(x.asked.key, 'validate')
      }
      return fetched
    }
    case 'freshened':
    case 'filling':
    case 'failed':
      return fetched
  }
}

/**
 * Lays a 304 over the stored head; the bytes stay as they are (RFC 9111 §4.3.4). Its fields may be for the
 * one who asked, as those of a 200 may: then they are neither stored nor shared (RFC 9111 §3).
 */
async function freshen(
  x: Exchange,
  ticket: WriteTicket,
  stored: StoredResponse,
  notModified: UpstreamResponse,
): Promise<{ head: StoredResponse; isShared: boolean }> {
  const { core, asked, site } = x
  const fields = freshenedFields(stored.fields, notModified.fields)
  const age = first(notModified.fields, 'age')
  const { isExplicit: _, ...times } = decideFreshness(
    {
      status: stored.status,
      fields: age === undefined ? fields : [...fields, 'age', age],
      control: controlOf(fields, site.policy.targetedFields),
      sentAtMs: notModified.sentAtMs,
      receivedAtMs: notModified.receivedAtMs,
      path: pathOf(asked.target),
    },
    site.policy,
  )
  const head: StoredResponse = {
    ...stored,
    ...times,
    fields,
    validators: validatorsOf(fields, notModified.receivedAtMs),
    validatedAtMs: notModified.receivedAtMs,
    invalidated: false,
  }
  const { storable: isShared } = decideStorable(
    { ...notModified, asked, status: stored.status, fields },
    site.policy,
  )
  if (isShared) await core.store.writeHead(ticket, head)
  return { head, isShared }
}
