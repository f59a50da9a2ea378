export type Maybe<T> = T | Promise<T>

/** Bytes to be read once, in order, at the reader's pace. */
export interface ByteSource {
  /**
   * The next bytes, never empty; `undefined` at the end. Valid until the next call. A promise only when
   * one must wait. Rejects (or throws) when the bytes break off: then nothing more comes.
   */
  read(): Maybe<Uint8Array | undefined>
  /** Ends the reading early and frees what it holds. Harmless after the end, or twice. */
  cancel(why: unknown): void
}

export function isPromise<T>(value: Maybe<T>): value is Promise<T> {
  return value instanceof Promise
}

const EMPTY: ByteSource = { read: () => undefined, cancel: () => undefined }

/** A source of these bytes, in one piece. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  if (bytes.byteLength === 0) return EMPTY
  let rest: Uint8Array | undefined = bytes
  return {
    read() {
      const piece = rest
      rest = undefined
      return piece
    },
    cancel() {
      rest = undefined
    },
  }
}

/**
 * The bytes `[startByte, endByte)` of a source, counted from its beginning. At `endByte` the inner source
 * is cancelled: what follows is nobody's.
 */
export function sliceSource(inner: ByteSource, startByte: number, endByte: number): ByteSource {
  let atByte = 0

  /** The part of a chunk that is of the slice; `undefined` when none is. */
  function cut(chunk: Uint8Array | undefined): Uint8Array | undefined {
    if (chunk === undefined) throw new Error(`Cannot slice source: it ended at byte ${atByte}`)
    const chunkStartByte = atByte
    atByte += chunk.byteLength
    if (atByte <= startByte) return undefined
    return chunk.subarray(
      Math.max(0, startByte - chunkStartByte),
      Math.min(chunk.byteLength, endByte - chunkStartByte),
    )
  }

  async function continued(
    first: Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array | undefined> {
    return cut(await first) ?? (await read())
  }

  function read(): Maybe<Uint8Array | undefined> {
    while (atByte < endByte) {
      const chunk = inner.read()
      if (isPromise(chunk)) return continued(chunk)
      const piece = cut(chunk)
      if (piece !== undefined) return piece
    }
    inner.cancel('slice is complete')
    return undefined
  }

  return { read, cancel: (why) => inner.cancel(why) }
}

/** Reads everything, up to a limit. `undefined` when there is more than that; the rest is cancelled. */
export async function readAll(
  source: ByteSource,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let totalBytes = 0
  for (;;) {
    const chunk = await source.read()
    if (chunk === undefined) break
    totalBytes += chunk.byteLength
    if (totalBytes > maxBytes) {
      source.cancel('too large')
      return undefined
    }
    chunks.push(chunk.slice())
  }
  return concatenate(chunks, totalBytes)
}

function concatenate(chunks: readonly Uint8Array[], totalBytes: number): Uint8Array {
  const bytes = new Uint8Array(totalBytes)
  let atByte = 0
  for (const chunk of chunks) {
    bytes.set(chunk, atByte)
    atByte += chunk.byteLength
  }
  return bytes
}
