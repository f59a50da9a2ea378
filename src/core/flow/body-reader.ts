// A cursor over a body: from the fill in progress, else from the store, else by a run of its own. Who
// reads does not know which.

import type { ByteSource, Maybe } from '../entry/byte-source.ts'
import { isPromise } from '../entry/byte-source.ts'
import { segmentIndexOf } from '../entry/segment.ts'
import type { StoredResponse } from '../entry/stored-response.ts'
import type { Store } from '../ports/store.ts'
import { UpstreamError } from '../ports/upstream.ts'
import type { BodyFill } from './body-fill.ts'
import type { Fills } from './fills.ts'
import type { Cursor } from './pace.ts'

/** Transfers begun for one and the same byte. */
const MAX_START_COUNT = 4
/** What is given at once: a client with much to read lets the others have their turn. */
const VIEW_BYTES = 256 * 1024
/** What a reader holds of its own when there is no room for it to hold segments. */
const COPY_BYTES = 64 * 1024

export interface BodyReaderOptions {
  readonly head: StoredResponse
  readonly store: Store
  readonly fills: Fills
  readonly startByte: number
  /** `Infinity`: to the end, wherever that will be. */
  readonly endByte: number
  /** How far a transfer that is begun for it may go on, for ranges that follow; `endByte` unless said. */
  readonly toByte?: number
  /** Makes the fill that fetches what is missing. */
  openFill(): BodyFill
}

export class BodyReader implements ByteSource, Cursor {
  position: number
  readonly #options: BodyReaderOptions
  #fill: BodyFill | undefined
  #primed: Uint8Array | undefined
  #cutBy: UpstreamError | undefined
  #isClosed = false
  #startedAtByte: number | undefined
  #startCount = 0
  #lookedAgainAtByte: number | undefined
  /** Of what was given last, which is being sent. */
  #pinnedBytes = 0

  constructor(options: BodyReaderOptions) {
    this.#options = options
    this.position = options.startByte
  }

  get endByte(): number {
    return Math.min(this.#options.endByte, this.#fill?.completeLength ?? Number.POSITIVE_INFINITY)
  }

  get hasBegun(): boolean {
    return this.position > this.#options.startByte && this.#primed === undefined
  }

  /** Takes part in a fill under way from its beginning, before anything is read. */
  attach(fill: BodyFill): void {
    this.#fill = fill
    fill.attach(this)
  }

  /** Waits for the first bytes, so that what fails before them can still be answered otherwise. */
  async prime(): Promise<void> {
    this.#primed = await this.read()
  }

  read(): Maybe<Uint8Array | undefined> {
    if (this.#primed !== undefined) {
      const primed = this.#primed
      this.#primed = undefined
      return primed
    }
    if (this.#cutBy !== undefined) throw this.#cutBy
    if (this.#isClosed) return undefined
    if (this.position >= this.endByte) return this.#close()
    const { head, store, fills } = this.#options
    const fill = this.#fill ?? fills.get(head.body)
    const view = fill?.view(this.position, this.endByte)
    if (view !== undefined) return this.#advance(view)
    if (this.#fill?.isComing(this.position) === true) return this.#wait()
    const { segmentBytes } = head
    const index = segmentIndexOf(this.position, segmentBytes)
    const startByte = index * segmentBytes
    const stored = store.readSegment(
      head.body,
      index,
      this.position - startByte,
      Math.min(segmentBytes, this.endByte - startByte),
    )
    if (isPromise(stored)) return stored.then((bytes) => this.#take(bytes))
    return this.#take(stored)
  }

  cancel(_why: unknown): void {
    this.#close()
  }

  cut(error: UpstreamError): void {
    this.#cutBy = error
    this.#close()
  }

  #take(stored: Uint8Array | undefined): Maybe<Uint8Array | undefined> {
    // Cut meanwhile: that must not look like the end.
    if (this.#cutBy !== undefined) throw this.#cutBy
    if (this.#isClosed) return undefined
    if (stored !== undefined && stored.byteLength > 0) return this.#advance(stored)
    return this.#wait()
  }

  #advance(view: Uint8Array): Uint8Array {
    const given = this.#pin(view)
    this.position += given.byteLength
    this.#fill?.moved(this)
    return given
  }

  /** A view keeps its whole segment alive for as long as a client takes to read it: too many of them are copied. */
  #pin(view: Uint8Array): Uint8Array {
    const { budget } = this.#options.fills
    this.#unpin()
    const isRoom = budget.mayPin(view.buffer.byteLength)
    const given = isRoom ? view.subarray(0, VIEW_BYTES) : view.slice(0, COPY_BYTES)
    this.#pinnedBytes = given.buffer.byteLength
    budget.pinnedBytes += this.#pinnedBytes
    return given
  }

  #unpin(): void {
    this.#options.fills.budget.pinnedBytes -= this.#pinnedBytes
    this.#pinnedBytes = 0
  }

  /** Waits for a run that brings the byte, and begins one if none will. */
  async #wait(): Promise<Uint8Array | undefined> {
    try {
      if (this.#fill === undefined) this.attach(this.#options.openFill())
      const fill = this.#fill
      if (fill === undefined) throw new Error('Cannot read: no fill is attached')
      for (let hasAskedStore = true; ; hasAskedStore = false) {
        if (this.#cutBy !== undefined) throw this.#cutBy
        if (this.position >= this.endByte) return this.#close()
        const view = fill.view(this.position, this.endByte)
        if (view !== undefined) return this.#advance(view)
        if (!fill.isComing(this.position) || fill.isFar(this.position)) {
          // It has passed by, or was ended: the store may have it.
          if (!hasAskedStore || this.#hasComeSince(fill)) return await this.read()
          this.#startRun(fill)
        }
        await fill.waitFor(this.position)
      }
    } catch (error) {
      this.#close()
      throw error
    }
  }

  /** While the store looked for it in vain: once for each byte, as what is said to be there may not be. */
  #hasComeSince(fill: BodyFill): boolean {
    if (this.#lookedAgainAtByte === this.position || !fill.isHere(this.position)) return false
    this.#lookedAgainAtByte = this.position
    return true
  }

  /** Runs that end before they bring the byte are not begun for ever: the origin would pay for it. */
  #startRun(fill: BodyFill): void {
    this.#startCount = this.position === this.#startedAtByte ? this.#startCount + 1 : 1
    this.#startedAtByte = this.position
    if (this.#startCount > MAX_START_COUNT) {
      const message = `Cannot read byte ${this.position}: ${MAX_START_COUNT} transfers ended before it`
      throw new UpstreamError('http_response_incomplete', message, { retryable: false })
    }
    fill.startRun(this.position, Math.max(this.endByte, this.#options.toByte ?? 0))
  }

  #close(): undefined {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#unpin()
    this.#fill?.detach(this)
  }
}
