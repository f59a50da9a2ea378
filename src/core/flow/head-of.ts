// From an origin's response to the head that is stored of it.

import { bodyIdOf, randomBodyId } from '../entry/body-id.ts'
import { expectedDigests } from '../entry/expected-digests.ts'
import type { Fields } from '../entry/fields.ts'
import { combined, only, without } from '../entry/fields.ts'
import type { Nominated, StoredResponse } from '../entry/stored-response.ts'
import { DIGESTS_OF_MESSAGE } from '../http/digest-fields.ts'
import { controlOf, fieldsApart } from '../policy/control.ts'
import { nominate, selectingFields } from '../policy/forwarding.ts'
import type { FreshnessVerdict } from '../policy/freshness.ts'
import { groupsOf } from '../policy/invalidation.ts'
import { strongValidatorOf, validatorsOf } from '../policy/validation.ts'
import type { WriteTicket } from '../ports/store.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import type { Exchange } from './exchange.ts'
import { authorityKeyed } from './read-request.ts'

/** Fields that each answer gets anew. */
const PER_ANSWER: ReadonlySet<string> = new Set(['age', 'content-length'])
/** What is said of a part, and not of the whole that is stored (RFC 9530 §2). */
export const OF_PART: ReadonlySet<string> = new Set([
  'content-length',
  'content-range',
  ...DIGESTS_OF_MESSAGE,
])
const PER_PART: ReadonlySet<string> = new Set([...PER_ANSWER, ...OF_PART])

export interface Head {
  readonly head: StoredResponse
  /** Lines that a qualified `private` or `no-cache` keeps for the one who asked. */
  readonly apart: Fields
}

export interface HeadFacts {
  readonly response: UpstreamResponse
  readonly completeLength: number | undefined
}

export async function headOf(
  x: Exchange,
  { response, completeLength }: HeadFacts,
  freshness: FreshnessVerdict,
  ticket: WriteTicket,
): Promise<Head> {
  const { asked, site } = x
  const { isExplicit: _, ...times } = freshness
  const whole = without(response.fields, response.status === 206 ? PER_PART : PER_ANSWER)
  const { fields, apart } = partedFields(x, whole)
  const validators = validatorsOf(fields, response.receivedAtMs)
  const validator = strongValidatorOf(validators)
  const nominated = nominate(fields, selectingFields(asked.fields, site.forward))
  const isJoinable =
    validator !== undefined && completeLength !== undefined && response.status <= 206
  const body = isJoinable
    ? await bodyIdOf({
        key: asked.key,
        // An entity tag tells variants apart, a date does not: all may be of the same second.
        validator: validators.etag === undefined ? varying(validator, nominated) : validator,
        codings: combined(fields, 'content-encoding') ?? '',
        completeLength,
        segmentBytes: site.segmentBytes,
        generation: ticket.generation,
      })
    : randomBodyId()
  const head: StoredResponse = {
    ...times,
    key: asked.key,
    nominated,
    status: response.status === 206 ? 200 : response.status,
    fields,
    validators,
    body,
    joinable: isJoinable,
    segmentBytes: site.segmentBytes,
    completeLength,
    validatedAtMs: response.receivedAtMs,
    invalidated: false,
    groups: groupsHere(x, fields),
    ...digestsOf(response),
  }
  return { head, apart }
}

/** Read while its status is known: what a 206 says of its part is not to be taken for said of the whole. */
export function digestsOf({ digests, status, fields }: UpstreamResponse) {
  const told = digests ?? expectedDigests(status, fields)
  return told.length === 0 ? undefined : { digests: told }
}

function varying(validator: string, { names, values }: Nominated): string {
  return names.length === 0 ? validator : `${validator} ${JSON.stringify([names, values])}`
}

/** The fields that are stored, and those that a qualified directive keeps for the one who asked. */
export function partedFields(
  { site }: Exchange,
  whole: Fields,
): { readonly fields: Fields; readonly apart: Fields } {
  const names = fieldsApart(controlOf(whole, site.policy))
  if (names.size === 0) return { fields: whole, apart: [] }
  return { fields: without(whole, names), apart: only(whole, names) }
}

export function groupsHere({ asked, site }: Exchange, fields: Fields): StoredResponse['groups'] {
  return groupsOf(fields, 'cache-groups', site.name, authorityKeyed(site, asked.authority))
}
