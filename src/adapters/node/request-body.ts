import type { IncomingMessage, ServerResponse } from 'node:http'

import type { ByteSource } from '#core/entry/byte-source.ts'

/** The body of a request as it is asked for. Nothing is read, and no 100 sent, before the first read. */
export function requestBody(
  req: IncomingMessage,
  res: ServerResponse,
  onFirstRead: () => void,
): ByteSource {
  let chunks: AsyncIterator<unknown> | undefined
  return {
    async read() {
      if (chunks === undefined) {
        onFirstRead()
        if (req.headers.expect !== undefined) res.writeContinue()
        // Leaving the body must not take the connection away, on which an answer is due.
        chunks = req.iterator({ destroyOnReturn: false })
      }
      for (;;) {
        const { done, value } = await chunks.next()
        if (done === true) return undefined
        if (value instanceof Uint8Array && value.byteLength > 0) return value
      }
    },
    cancel() {
      void chunks?.return?.()
    },
  }
}
