import type { Asked } from '../entry/asked.ts'
import { combined, endToEnd, has, replaced, without } from '../entry/fields.ts'
import { connectionOptions, hidesCaching } from '../http/hop-by-hop.ts'
import { formatHttpDate } from '../http/http-date.ts'
import { pathOf } from '../http/target.ts'
import { controlOf } from '../policy/control.ts'
import type { UpstreamResponse } from '../ports/upstream.ts'
import type { Site } from './site.ts'

/** Whose response it is. */
interface Received {
  readonly asked: Asked
  readonly site: Site
}

/** A response as the policies see it: end-to-end fields, a Date, and what the site's hook and rules say. */
export function receive({ site, asked }: Received, response: UpstreamResponse): UpstreamResponse {
  const connection = combined(response.fields, 'connection')
  const hidesControl =
    connection !== undefined &&
    hidesCaching(connectionOptions(connection), site.policy.targetedFields)
  let fields = endToEnd(response.fields)
  // A cache with a clock gives a Date to what has none (RFC 9110 §6.6.1).
  if (!has(fields, 'date')) fields = [...fields, 'date', formatHttpDate(response.receivedAtMs)]
  if (site.policy.ignoresSetCookie) fields = without(fields, new Set(['set-cookie']))
  for (const rule of site.responseRules) {
    if (rule.pathPrefix !== undefined && !pathOf(asked.target).startsWith(rule.pathPrefix)) continue
    fields = without(fields, rule.drop)
    for (let i = 0; i < rule.set.length; i += 2) {
      fields = replaced(fields, rule.set[i] ?? '', rule.set[i + 1])
    }
  }
  fields = site.hooks.response?.(fields, response.status, asked.target) ?? fields
  return { ...response, fields, hidesControl }
}

/** Whether a part says that nothing of it is to be stored, or only for one client (RFC 9111 §5.2.2.5, §5.2.2.7). */
export function forbidsStoring({ site }: Received, received: UpstreamResponse): boolean {
  const { fields, hidesControl } = received
  const { noStore, mustUnderstand, isPrivate } = controlOf(fields, site.policy).directives
  return (noStore && !mustUnderstand) || isPrivate || hidesControl === true
}
