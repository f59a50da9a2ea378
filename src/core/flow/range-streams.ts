// Where clients that ask for one range after the other have got to.

import type { BodyId } from '../entry/body-id.ts'
import { remember } from '../entry/bounded-map.ts'
import type { ByteSpan } from '../http/byte-range.ts'

/** A client's way through a body. */
interface Stream {
  nextByte: number
  readBytes: number
  /** What was fetched ahead of it. */
  aheadToByte: number
}

/** Bodies of which it is known where they were read last. */
const MAX_BODY_COUNT = 1000
/** Clients at different places of one body. */
const MAX_STREAM_COUNT = 16

export class RangeStreams {
  readonly #streams = new Map<BodyId, Stream[]>()

  /**
   * What to fetch ahead of a range; `undefined` when it continues none, or enough is ahead of it. As much as was read
   * in sequence, so that who reads little costs little, and `maxBytes` at most.
   */
  next(
    body: BodyId,
    { startByte, endByte }: ByteSpan,
    toleranceBytes: number,
    maxBytes: number,
  ): ByteSpan | undefined {
    const streams = this.#streams.get(body) ?? []
    remember(this.#streams, body, streams, MAX_BODY_COUNT)
    const at = streams.findIndex(
      ({ nextByte }) => startByte >= nextByte && startByte - nextByte < toleranceBytes,
    )
    const [stream] = at < 0 ? [] : streams.splice(at, 1)
    const readBytes = (stream?.readBytes ?? 0) + endByte - startByte
    const current = { nextByte: endByte, readBytes, aheadToByte: stream?.aheadToByte ?? endByte }
    streams.push(current)
    if (streams.length > MAX_STREAM_COUNT) streams.shift()
    if (stream === undefined) return undefined
    const aheadBytes = Math.min(readBytes, maxBytes)
    const fromByte = Math.max(endByte, current.aheadToByte)
    // Rather half of it at once than a little with each request.
    if (fromByte - endByte > aheadBytes / 2) return undefined
    current.aheadToByte = endByte + aheadBytes
    return { startByte: fromByte, endByte: current.aheadToByte }
  }
}
