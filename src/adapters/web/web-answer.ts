import type { Answer } from '#core/entry/answer.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Fields } from '#core/entry/fields.ts'

/** Statuses whose responses cannot have a body (WHATWG Fetch §2.2.3). */
const NULL_BODY: ReadonlySet<number> = new Set([101, 103, 204, 205, 304])

/** What Workers take besides: the bytes are in the coding that Content-Encoding names already. */
interface CodedInit extends ResponseInit {
  encodeBody?: 'manual'
}

/** Workers keep a Content-Length only for a stream that is bound to it. */
type FixedLengthStreams = new (
  length: number,
) => {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/**
 * The answer as a web `Response`. Its body is read as fast as the client takes it; a client that leaves cancels
 * the source, and a source that breaks breaks the response, so that incomplete never looks complete. `closes` has no
 * meaning here: the connection is the runtime's.
 */
export function toWebResponse(answer: Answer): Response {
  const { status, fields, body, contentLength } = answer
  const headers = headersOf(fields)
  const init: CodedInit = { status, headers }
  if (headers.has('content-encoding')) init.encodeBody = 'manual'
  if (body.kind === 'none' || NULL_BODY.has(status)) {
    if (body.kind === 'source') body.source.cancel('no content')
    // The length is what HEAD tells; a 204 or 304 has none.
    if (contentLength !== undefined) headers.set('content-length', String(contentLength))
    return new Response(null, init)
  }
  if (body.kind === 'bytes') {
    headers.set('content-length', String(body.bytes.byteLength))
    return new Response(body.bytes as BodyInit, init)
  }
  if (contentLength === undefined) return new Response(streamOf(body.source), init)
  headers.set('content-length', String(contentLength))
  return new Response(fixedStreamOf(body.source, contentLength), init)
}

function headersOf(fields: Fields): Headers {
  const headers = new Headers()
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i] ?? '', fields[i + 1] ?? '')
  return headers
}

function streamOf(source: ByteSource): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await source.read()
        if (chunk === undefined) controller.close()
        // It is only valid until the next read, and who reads the stream may hold it longer.
        else controller.enqueue(chunk.slice())
      },
      cancel: (why) => source.cancel(why),
    },
    { highWaterMark: 0 },
  )
}

function fixedStreamOf(source: ByteSource, length: number): ReadableStream<Uint8Array> {
  const Fixed: FixedLengthStreams | undefined = Reflect.get(globalThis, 'FixedLengthStream')
  if (Fixed === undefined) return streamOf(source)
  const { readable, writable } = new Fixed(length)
  void pump(source, writable)
  return readable
}

/** Writes what the source gives; a write is done when it has been read, so the client sets the pace. */
async function pump(source: ByteSource, writable: WritableStream<Uint8Array>): Promise<void> {
  const writer = writable.getWriter()
  // Both are told below as well; unheard, either would count as a failure of ours.
  writer.closed.catch((why: unknown) => source.cancel(why))
  try {
    for (;;) {
      const chunk = await source.read()
      if (chunk === undefined) break
      await writer.write(chunk)
    }
    await writer.close()
  } catch (error) {
    source.cancel(error)
    await writer.abort(error).catch(() => undefined)
  }
}
