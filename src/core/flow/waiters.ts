import type { UpstreamError } from '../ports/upstream.ts'
import type { Run } from './run.ts'

interface Waiter {
  readonly byte: number
  resolve(): void
  reject(error: UpstreamError): void
}

/** Readers of a body that wait for a byte. */
export class Waiters {
  #waiting: Waiter[] = []

  /** Resolves when something has come, or is to be looked at again; rejects when what was to bring it has failed. */
  wait(byte: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ byte, resolve, reject })
    return promise
  }

  /** Bytes have come: those who waited for them go on. */
  bytesCame(run: Run): void {
    const waiting: Waiter[] = []
    for (const waiter of this.#waiting) {
      if (run.isComing(waiter.byte) || !run.holds(waiter.byte)) waiting.push(waiter)
      else waiter.resolve()
    }
    this.#waiting = waiting
  }

  /** Those look again whose byte is as the test says. */
  wakeIf(test: (byte: number) => boolean): void {
    const waiting: Waiter[] = []
    for (const waiter of this.#waiting) {
      if (test(waiter.byte)) waiter.resolve()
      else waiting.push(waiter)
    }
    this.#waiting = waiting
  }

  /** Wakes all: with an error, or to look again. */
  wake(errorFor: (byte: number) => UpstreamError | undefined): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const waiter of waiting) {
      const error = errorFor(waiter.byte)
      if (error === undefined) waiter.resolve()
      else waiter.reject(error)
    }
  }
}
