import type { ByteSource, Maybe } from '#core/entry/byte-source.ts'
import type { Outcome, UpstreamError } from '#core/ports/upstream.ts'
import { Cancelled } from '#core/ports/upstream.ts'

/** As much as one read takes: a runtime left to choose gives pieces of 4 KiB. */
const READ_BYTES = 64 * 1024

type StreamRead = () => Promise<{ readonly value?: Uint8Array | undefined; readonly done: boolean }>

interface StreamReader {
  readonly read: StreamRead
  cancel(why: unknown): Promise<void>
}

/** The body of a fetched response: it is read only when its reader asks. */
export class FetchedBody implements ByteSource {
  readonly settled: Promise<Outcome>
  readonly #settled = Promise.withResolvers<Outcome>()
  readonly #reader: StreamReader | undefined
  readonly #toError: (error: unknown) => UpstreamError | Cancelled
  #end: Outcome | undefined
  #stop: (() => void) | undefined

  /**
   * @param stream `null` where there is no content.
   * @param toError What a broken stream means.
   */
  constructor(
    stream: ReadableStream<Uint8Array> | null,
    toError: (error: unknown) => UpstreamError | Cancelled,
  ) {
    this.settled = this.#settled.promise
    this.#toError = toError
    if (stream === null) this.#finish({ kind: 'complete' })
    else this.#reader = readerOf(stream)
  }

  read(): Maybe<Uint8Array | undefined> {
    if (this.#end?.kind === 'broken') throw this.#end.error
    if (this.#end !== undefined || this.#reader === undefined) return undefined
    return this.#readFrom(this.#reader)
  }

  cancel(_why: unknown): void {
    if (this.#end !== undefined) return
    this.#finish({ kind: 'cancelled' })
    this.#stop?.()
    // The stream may have broken already, which is nobody's concern any more.
    this.#reader?.cancel(new Cancelled('Nobody reads any more')).catch(() => undefined)
  }

  async #readFrom(reader: StreamReader): Promise<Uint8Array | undefined> {
    const stopped = new Promise<undefined>((resolve) => {
      this.#stop = () => resolve(undefined)
    })
    try {
      for (;;) {
        const result = await Promise.race([reader.read(), stopped])
        // Cancelled while it was waited for.
        if (this.#end !== undefined || result === undefined) return undefined
        if (result.done || result.value === undefined) {
          this.#finish({ kind: 'complete' })
          return undefined
        }
        if (result.value.byteLength > 0) return result.value
      }
    } catch (thrown) {
      return this.#broke(thrown)
    }
  }

  #broke(thrown: unknown): undefined {
    if (this.#end !== undefined) return undefined
    const error = this.#toError(thrown)
    if (error instanceof Cancelled) {
      this.#finish({ kind: 'cancelled' })
      return undefined
    }
    this.#finish({ kind: 'broken', error })
    throw error
  }

  #finish(outcome: Outcome): void {
    this.#end = outcome
    this.#settled.resolve(outcome)
  }
}

/** Into a buffer of our own where the stream allows it, which is used again for the next read. */
function readerOf(stream: ReadableStream<Uint8Array>): StreamReader {
  let byob: ReadableStreamBYOBReader
  try {
    byob = stream.getReader({ mode: 'byob' })
  } catch {
    return stream.getReader()
  }
  let buffer = new ArrayBuffer(READ_BYTES)
  return {
    async read() {
      const result = await byob.read(new Uint8Array(buffer, 0, READ_BYTES))
      // The view moved into the result, and its memory with it.
      buffer = result.value?.buffer ?? new ArrayBuffer(READ_BYTES)
      return result
    },
    cancel: (why) => byob.cancel(why),
  }
}
