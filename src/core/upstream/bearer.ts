import { without } from '../entry/fields.ts'
import type { Upstream } from '../ports/upstream.ts'

const AUTHORIZATION: ReadonlySet<string> = new Set(['authorization'])

/** Sends a token of our own in place of whatever a client has sent (RFC 6750 §2.1). */
export function withBearer(inner: Upstream, token: () => string): Upstream {
  return {
    fetch(request, scope) {
      const others = without(request.fields, AUTHORIZATION)
      const fields = [...others, 'authorization', `Bearer ${token()}`]
      return inner.fetch({ ...request, fields }, scope)
    },
  }
}
