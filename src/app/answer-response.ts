// An Answer behind a Response: middleware sees and changes the fields, and the body is never touched.

import type { Answer } from '#core/entry/answer.ts'
import { NO_BODY } from '#core/entry/answer.ts'
import type { Fields } from '#core/entry/fields.ts'
import { combined, replaced, without } from '#core/entry/fields.ts'

const ANSWER = Symbol('sluice.answer')

/** A cheap Response that carries the Answer; its own body is empty. */
export function toResponse(answer: Answer): Response {
  const headers = new Headers()
  const { fields } = answer
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i] ?? '', fields[i + 1] ?? '')
  const response = new Response(null, { status: answer.status, headers })
  return Object.assign(response, { [ANSWER]: answer })
}

/** The Answer of a Response, with what middleware changed in its fields laid over. */
function answerOf(response: Response): Answer | undefined {
  if (!(ANSWER in response)) return undefined
  const answer = response[ANSWER] as Answer
  return {
    ...answer,
    status: response.status,
    fields: changedFields(answer.fields, response.headers),
  }
}

/** The Answer of any Response. One that is not made from an Answer is small, and read whole. */
export async function toAnswer(response: Response): Promise<Answer> {
  const carried = answerOf(response)
  if (carried !== undefined) return carried
  const bytes = new Uint8Array(await response.arrayBuffer())
  return {
    status: response.status,
    fields: [...response.headers].flat(),
    body: bytes.byteLength === 0 ? NO_BODY : { kind: 'bytes', bytes },
    contentLength: response.status === 204 ? undefined : bytes.byteLength,
  }
}

function changedFields(fields: Fields, headers: Headers): Fields {
  const removed = new Set<string>()
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (!headers.has(name)) removed.add(name)
  }
  let changed = removed.size > 0 ? without(fields, removed) : fields
  for (const [name, value] of headers) {
    // Set-Cookie is never combined (RFC 6265 §3), so middleware can only have added to it.
    if (name === 'set-cookie') continue
    if (combined(fields, name) !== value) changed = replaced(changed, name, value)
  }
  const cookies = headers.getSetCookie()
  const kept = fields.filter((_, i) => fields[i - 1] === 'set-cookie' && i % 2 === 1)
  return [...changed, ...cookies.slice(kept.length).flatMap((cookie) => ['set-cookie', cookie])]
}
