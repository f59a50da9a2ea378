// Validation of a stored response with the origin (RFC 9111 §4.3).

import type { Fields } from '../entry/fields.ts'
import { first } from '../entry/fields.ts'
import type { StoredResponse, Variant } from '../entry/stored-response.ts'
import { isStrongMatch, parseEntityTag } from '../http/entity-tag.ts'
import { isSameNominated, selectingFields } from '../policy/forwarding.ts'
import { WHOLE } from '../policy/origin-range.ts'
import { decideHead, selectFreshened } from '../policy/validation.ts'
import type { Exchange } from './exchange.ts'
import type { Fetched, HeadPlan } from './fetch-head.ts'
import { fetchHead } from './fetch-head.ts'
import { freshen } from './freshen.ts'

/** For what there is now, whatever we had. */
function plain({ method }: HeadPlan): HeadPlan {
  return { method, conditional: [], range: WHOLE, mayStoreFailure: false, hasFallback: false }
}

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
      const { response } = fetched
      const named = selectFreshened(response.fields, selected, heads, response.receivedAtMs)
      // It speaks of a version that we do not have (RFC 9111 §4.3.3): ask for what there is.
      if (named === undefined) return await fetchHead(x, plain(plan))
      for (const other of alsoNamed(x, response.fields, named, heads)) {
        await freshen(x, ticket, bytesOf(other, variants), response)
      }
      const freshened = await freshen(x, ticket, bytesOf(named, variants), response)
      if (freshened === undefined) return await fetchHead(x, plain(plan))
      return { kind: 'freshened', ...freshened }
    }
    case 'bodiless': {
      const { response } = fetched
      if (decideHead(selected, response, response.receivedAtMs) === 'update') {
        const freshened = await freshen(x, ticket, bytesOf(selected, variants), response)
        if (freshened !== undefined) return { kind: 'freshened', ...freshened }
      }
      // It is of another version, or says that there is none (RFC 9111 §4.3.5).
      const isForAll = !x.asked.hasCredentials
      if (isForAll && isVerdict(response.status)) {
        await x.core.store.invalidate(x.asked.key, 'validate')
      }
      return fetched
    }
    case 'unshareable': {
      const { status } = fetched.response
      // The new version is shorter than where the old one was asked.
      if (status === 416) {
        fetched.response.body.cancel('asking for the whole')
        return await fetchHead(x, plain(plan))
      }
      if (!fetched.isRequests && isVerdict(status)) {
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

/** A strong tag speaks of every response that has it, of those this request could have had (RFC 9111 §4.3.4). */
function alsoNamed(
  { asked, site }: Exchange,
  notModified: Fields,
  named: StoredResponse,
  heads: readonly StoredResponse[],
): readonly StoredResponse[] {
  const tag = parseEntityTag(first(notModified, 'etag') ?? '')
  if (tag === undefined || heads.length < 2) return []
  const selecting = selectingFields(asked.fields, site.forward)
  return heads.filter((head) => {
    const { validators, nominated } = head
    const isNamed = validators.etag !== undefined && isStrongMatch(tag, validators.etag)
    return head !== named && isNamed && isSameNominated(nominated, selecting)
  })
}

/** An answer, and not this response any more; 401, 403 and the like are no verdict on it. */
function isVerdict(status: number): boolean {
  return status < 400 || status === 404 || status === 410
}

function bytesOf(
  head: StoredResponse,
  variants: readonly Variant[],
): Pick<Variant, 'head' | 'onlySegment'> {
  return { head, onlySegment: variants.find((variant) => variant.head === head)?.onlySegment }
}
