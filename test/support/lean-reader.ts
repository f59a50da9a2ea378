// A client for crowds: one socket, one buffer that all of them read into, bytes compared as they come.

import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface LeanOptions {
  readonly port: number
  readonly target: string
  /** Half-open; absent, the whole is asked for. */
  readonly range?: { readonly startByte: number; readonly endByte: number }
  /** The whole object; without it and without `part` bytes are only counted. */
  readonly object?: Uint8Array
  /** The bytes of the range alone. */
  readonly part?: Uint8Array
  /** Reads no more once so many bytes of the body have come; then only an end of the connection is noticed. */
  readonly stopAfterBytes?: number
}

export interface LeanResult {
  readonly status: number
  readonly contentLength: number
  readonly bodyBytes: number
  /** What is wrong with the answer; an end before its length is reached is. */
  readonly problem: string | undefined
  /** From the request to the first and to the last byte of the body. */
  readonly firstByteMs: number
  readonly lastByteMs: number
}

export interface LeanReader {
  /** When the body is complete, or the connection has ended. Never rejects. */
  readonly done: Promise<LeanResult>
  /** When it has read all that it will, `stopAfterBytes` or everything. */
  readonly stopped: Promise<void>
  destroy(): void
}

const BUFFER_BYTES = 256 * 1024
/** Libuv reads and calls back in one go, so one buffer serves all sockets. */
const shared = Buffer.allocUnsafeSlow(BUFFER_BYTES)

/** Asks on a connection of its own and reads as fast as bytes come. */
export function readLean(options: LeanOptions): LeanReader {
  const { port, target, range, stopAfterBytes = Infinity } = options
  const { promise: done, resolve } = Promise.withResolvers<LeanResult>()
  const { promise: stopped, resolve: resolveStopped } = Promise.withResolvers<void>()
  const reading = new Reading(options)
  const socket: Socket = connect({
    port,
    host: '127.0.0.1',
    onread: {
      buffer: shared,
      callback(count) {
        const isEnough = reading.take(shared.subarray(0, count))
        if (isEnough) finish()
        else if (reading.bodyBytes >= stopAfterBytes) {
          resolveStopped()
          return false
        }
        return true
      },
    },
  })
  function finish(): void {
    resolveStopped()
    resolve(reading.result())
    socket.destroy()
  }
  socket.once('error', (error) => {
    reading.brokenBy = error.message
    finish()
  })
  socket.once('close', finish)
  socket.once('end', finish)
  const lines = [`GET ${target} HTTP/1.1`, 'Host: edge.test']
  if (range !== undefined) lines.push(`Range: bytes=${range.startByte}-${range.endByte - 1}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  return { done, stopped, destroy: () => socket.destroy() }
}

class Reading {
  bodyBytes = 0
  brokenBy = 'it ended'
  readonly #options: LeanOptions
  readonly #askedAtMs = performance.now()
  #head = ''
  #status = 0
  #contentLength = Number.NaN
  #firstAtMs = Number.NaN
  #lastAtMs = Number.NaN
  #wrongAtByte: number | undefined

  constructor(options: LeanOptions) {
    this.#options = options
  }

  /** @returns Whether the body is complete. */
  take(bytes: Buffer): boolean {
    const body = this.#status === 0 ? this.#takeHead(bytes) : bytes
    if (body.length === 0) return false
    if (this.bodyBytes === 0) this.#firstAtMs = performance.now()
    this.#compare(body)
    this.bodyBytes += body.length
    if (this.bodyBytes < this.#contentLength) return false
    this.#lastAtMs = performance.now()
    return true
  }

  #takeHead(bytes: Buffer): Buffer {
    const before = this.#head.length
    this.#head += bytes.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return bytes.subarray(bytes.length)
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(this.#head) ?? []
    const [, length] = /^content-length: *(\d+)\r$/im.exec(this.#head.slice(0, end + 2)) ?? []
    this.#status = Number(status)
    this.#contentLength = Number(length)
    return bytes.subarray(end + 4 - before)
  }

  #compare(body: Buffer): void {
    const { object, part, range } = this.#options
    const expected = part ?? object
    if (expected === undefined || this.#wrongAtByte !== undefined) return
    const startByte = (part === undefined ? (range?.startByte ?? 0) : 0) + this.bodyBytes
    const endByte = startByte + body.length
    const isRight = endByte <= expected.length && body.compare(expected, startByte, endByte) === 0
    if (!isRight) this.#wrongAtByte = startByte
  }

  result(): LeanResult {
    return {
      status: this.#status,
      contentLength: this.#contentLength,
      bodyBytes: this.bodyBytes,
      problem: this.#problem(),
      firstByteMs: this.#firstAtMs - this.#askedAtMs,
      lastByteMs: this.#lastAtMs - this.#askedAtMs,
    }
  }

  #problem(): string | undefined {
    const { range } = this.#options
    const wantedStatus = range === undefined ? 200 : 206
    if (this.#status === 0) return `no answer: ${this.brokenBy}`
    if (this.#status !== wantedStatus) return `status ${this.#status}`
    if (this.#wrongAtByte !== undefined) return `wrong after byte ${this.#wrongAtByte}`
    const wantedBytes = range === undefined ? this.#contentLength : range.endByte - range.startByte
    if (this.bodyBytes === wantedBytes) return undefined
    return `${this.bodyBytes} bytes instead of ${wantedBytes}: ${this.brokenBy}`
  }
}
