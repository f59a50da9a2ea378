import type { ByteSource, Maybe } from '../entry/byte-source.ts'
import { isPromise } from '../entry/byte-source.ts'
import type { MultipartFrame } from '../http/multipart.ts'
import { BodyReader } from './body-reader.ts'

/** Several parts of a body in their frame, opened one after the other. */
export class PartsSource implements ByteSource {
  readonly #frame: MultipartFrame
  readonly #opens: readonly (() => ByteSource)[]
  #part: ByteSource | undefined
  /** Of the part whose opening comes next. */
  #index = 0
  #primed: ByteSource | undefined
  #isOver = false

  constructor(frame: MultipartFrame, opens: readonly (() => ByteSource)[]) {
    this.#frame = frame
    this.#opens = opens
  }

  /** Waits for the first bytes of the first part, so that what fails before them can still be answered otherwise. */
  async prime(): Promise<void> {
    const source = this.#opens[0]?.()
    this.#primed = source
    if (source instanceof BodyReader) await source.prime()
  }

  read(): Maybe<Uint8Array | undefined> {
    if (this.#isOver) return undefined
    if (this.#part !== undefined) {
      const read = this.#part.read()
      return isPromise(read) ? read.then((bytes) => this.#take(bytes)) : this.#take(read)
    }
    const opening = this.#frame.openings[this.#index]
    if (opening === undefined) {
      this.#isOver = true
      return this.#frame.closing
    }
    this.#part = this.#primed ?? this.#opens[this.#index]?.()
    this.#primed = undefined
    this.#index++
    return opening
  }

  cancel(why: unknown): void {
    this.#isOver = true
    this.#part?.cancel(why)
    this.#primed?.cancel(why)
    // Some are open before it is their turn.
    for (const open of this.#opens.slice(this.#index)) open().cancel(why)
    this.#index = this.#opens.length
  }

  #take(bytes: Uint8Array | undefined): Maybe<Uint8Array | undefined> {
    if (bytes !== undefined) return bytes
    this.#part = undefined
    return this.read()
  }
}
