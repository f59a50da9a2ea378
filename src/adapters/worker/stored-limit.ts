import type { Fields } from '#core/entry/fields.ts'
import { combined, first } from '#core/entry/fields.ts'
import { parseContentRange } from '#core/http/byte-range.ts'
import type { Upstream } from '#core/ports/upstream.ts'

/**
 * Lets nothing above `maxBytes` be stored: each segment of it would cost a subrequest to write and another to read,
 * and a request has only so many. Such a response is passed on as it is, whole or by exact range.
 *
 * It says so by `isDelimited: false`, without which the flow stores nothing; the fields must not be touched, as they
 * go to the client. A body of unknown length is let through: what becomes of it shows at its end.
 */
export function withStoredLimit(inner: Upstream, maxBytes: number): Upstream {
  return {
    async fetch(request, scope) {
      const response = await inner.fetch(request, scope)
      if ((completeLengthOf(response.status, response.fields) ?? 0) <= maxBytes) return response
      scope.record({ kind: 'limit', name: 'subrequests' })
      return { ...response, isDelimited: false }
    },
  }
}

function completeLengthOf(status: number, fields: Fields): number | undefined {
  if (status === 206) {
    return parseContentRange(combined(fields, 'content-range') ?? '')?.completeLength
  }
  const contentLength = first(fields, 'content-length')
  return contentLength === undefined ? undefined : Number(contentLength)
}
