// The body of a fake response: pulled, counted, and ending as it was told to.

import type { ByteSource, Maybe } from '#core/entry/byte-source.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { Outcome, UpstreamErrorKind } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'

import type { Gate } from './gate.ts'

export interface FakeBodyOptions {
  /** Bytes that can be read before the ending. */
  readonly totalBytes: number
  readonly bytesOf: (startByte: number, endByte: number) => Uint8Array
  /** What follows the last byte; a kind of error breaks the body. */
  readonly ending: 'complete' | 'hang' | UpstreamErrorKind
  /** Reads from `afterBytes` on wait here. */
  readonly gate: { readonly gate: Gate; readonly afterBytes: number } | undefined
  /** Breaks the body before byte `afterBytes` is given. */
  readonly breaking: { readonly afterBytes: number; readonly error: UpstreamError } | undefined
  readonly chunkBytes: number
  /** On the clock, between chunks. */
  readonly everyMs: number
  readonly isSync: boolean
  readonly clock: Clock
  readonly onBytes: (count: number) => void
  readonly onSettled: (outcome: Outcome) => void
}

type Next = Uint8Array | undefined

export function createFakeBody(options: FakeBodyOptions): ByteSource {
  return new FakeBody(options)
}

class FakeBody implements ByteSource {
  readonly #options: FakeBodyOptions
  readonly #totalBytes: number
  readonly #cancelled = Promise.withResolvers<undefined>()
  readonly #gone = new AbortController()
  #atByte = 0
  #outcome: Outcome | undefined
  #pending: Promise<Next> | undefined

  constructor(options: FakeBodyOptions) {
    this.#options = options
    this.#totalBytes = Math.min(options.totalBytes, options.breaking?.afterBytes ?? Infinity)
    this.#settleIfDone()
  }

  read(): Maybe<Next> {
    if (this.#pending !== undefined) return this.#pending
    if (this.#options.isSync && !this.#mustWait()) return this.#take()
    const pending = Promise.resolve().then(() => this.#waitAndTake())
    const clear = (): void => {
      this.#pending = undefined
    }
    this.#pending = pending
    pending.then(clear, clear)
    return pending
  }

  cancel(): void {
    this.#settle({ kind: 'cancelled' })
    this.#gone.abort()
    this.#cancelled.resolve(undefined)
  }

  /** The next chunk; it ends at the gate, so that what lies behind it can wait. */
  #take(): Next {
    if (this.#outcome?.kind === 'broken') throw this.#outcome.error
    // As an adapter does: whoever has cancelled reads the end, and must not take it for one.
    if (this.#outcome !== undefined) return undefined
    if (this.#atByte >= this.#totalBytes) return this.#end()
    const { chunkBytes, gate, bytesOf, onBytes } = this.#options
    const gateByte =
      gate !== undefined && gate.afterBytes > this.#atByte ? gate.afterBytes : Infinity
    const endByte = Math.min(this.#atByte + chunkBytes, this.#totalBytes, gateByte)
    const chunk = bytesOf(this.#atByte, endByte)
    this.#atByte = endByte
    onBytes(chunk.byteLength)
    this.#settleIfDone()
    return chunk
  }

  #end(): undefined {
    const error = this.#errorHere()
    this.#settle(error === undefined ? { kind: 'complete' } : { kind: 'broken', error })
    if (error !== undefined) throw error
    return undefined
  }

  #settle(outcome: Outcome): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    this.#options.onSettled(outcome)
  }

  /** A recipient knows that the body is complete once it has the last byte. */
  #settleIfDone(): void {
    const isAtEnd = this.#atByte >= this.#totalBytes && this.#options.ending === 'complete'
    if (isAtEnd && this.#errorHere() === undefined) this.#settle({ kind: 'complete' })
  }

  /** What is wrong with the body, once everything before this byte was given. */
  #errorHere(): UpstreamError | undefined {
    const { breaking, ending } = this.#options
    if (breaking !== undefined && this.#atByte >= breaking.afterBytes) return breaking.error
    if (ending === 'complete' || ending === 'hang') return undefined
    const message = `Cannot read body: it broke at byte ${this.#atByte}`
    return new UpstreamError(ending, message, { retryable: true })
  }

  #isHanging(): boolean {
    const isAtEnd = this.#atByte >= this.#totalBytes && this.#options.ending === 'hang'
    return isAtEnd && this.#errorHere() === undefined
  }

  #isAtGate(): boolean {
    const { gate } = this.#options
    return gate !== undefined && this.#atByte >= gate.afterBytes
  }

  #isPaced(): boolean {
    return this.#options.everyMs > 0 && this.#atByte > 0
  }

  #mustWait(): boolean {
    if (this.#outcome !== undefined) return false
    return this.#isHanging() || this.#isAtGate() || this.#isPaced()
  }

  async #waitAndTake(): Promise<Next> {
    const { gate, clock, everyMs } = this.#options
    const cancelled = this.#cancelled.promise
    if (this.#isPaced()) await Promise.race([delay(clock, everyMs), cancelled])
    if (gate !== undefined && this.#isAtGate() && this.#outcome === undefined) {
      // Its rejection is the cancellation, which the read below tells.
      await gate.gate.wait(this.#gone.signal).catch(() => undefined)
    }
    if (this.#isHanging() && this.#outcome === undefined) await cancelled
    return this.#take()
  }
}

function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}
