import type { RawRequest } from '#core/entry/asked.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import { Cancelled } from '#core/ports/upstream.ts'
import { FetchedBody } from '#web/fetched-body.ts'

/**
 * A request as Workers give it. The target is not raw any more: the runtime has parsed the URL, so dot segments are
 * resolved, some characters percent-encoded, and what it takes for malformed never came here. Lines of one name are one
 * combined line. What Cloudflare says of the client (`cf-…`) is not the client's word and is left out, all but the id.
 */
export function rawRequestOf(request: Request): RawRequest {
  const { method, url, headers, body } = request
  const lines: string[] = []
  for (const [name, value] of headers) {
    if (!name.startsWith('cf-') || name === 'cf-ray') lines.push(name, value)
  }
  if (!headers.has('host')) lines.push('host', new URL(url).host)
  // HTTP/2 frames a body without a word of it in the fields.
  const isAnnounced = headers.has('content-length') || headers.has('transfer-encoding')
  if (body !== null && !isAnnounced) lines.push('transfer-encoding', 'chunked')
  return {
    method,
    // After the authority; a URL of http or https always has this slash.
    target: url.slice(url.indexOf('/', url.indexOf('//') + 2)),
    // What the client spoke is the edge's affair; we are told the meaning of its request.
    httpVersion: '1.1',
    lines,
    body: body === null ? undefined : bodyOf(body),
  }
}

/** Taken hold of only when it is read: what nobody reads the runtime drains by itself. */
function bodyOf(stream: ReadableStream<Uint8Array>): ByteSource {
  let source: ByteSource | undefined
  return {
    read() {
      source ??= new FetchedBody(stream, clientLeft)
      return source.read()
    },
    cancel: (why) => source?.cancel(why),
  }
}

function clientLeft(error: unknown): Cancelled {
  return new Cancelled(`The client left within its request: ${String(error)}`)
}
