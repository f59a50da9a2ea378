// What undici does not do with the head of a response: read past a 100 that nobody asked for, as every client must be
// able to (RFC 9110 §15.2), and tell its version.

import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Of one response; more of them are no mistake any more, and undici may do with them what it does. */
const MAX_CONTINUE_COUNT = 10
/** Of one interim head that is held until it is whole. */
const MAX_HEAD_BYTES = 16 * 1024

const END_OF_HEAD = '\r\n\r\n'
/** `HTTP/1.1 100` tells an interim response from a final one. */
const STATUS_BYTES = 12
const STATUS_AT = 9
const DIGIT_ONE = 0x31

/** Looks at what stands before a final head, and at its beginning; from there on bytes pass untouched. */
export class ResponseFilter {
  /** Of the final head, as its status line has it; empty for what is no status line. */
  version = ''
  #isBeforeFinal = false
  #continueCount = 0
  #held: Buffer | undefined

  /** A request has gone out: what comes next is the head of its response. */
  expectHead(): void {
    this.version = ''
    this.#isBeforeFinal = true
    this.#continueCount = 0
    this.#held = undefined
  }

  get isPassing(): boolean {
    return !this.#isBeforeFinal
  }

  /** @returns What is to be read of these bytes, without 100s; `undefined` as long as that cannot be told. */
  pass(chunk: Buffer): Buffer | undefined {
    if (this.isPassing) return chunk
    // As nearly always: a final status line at once.
    if (this.#held === undefined && isFinal(chunk)) {
      this.#seeFinal(chunk)
      return chunk
    }
    let rest = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = undefined
    const passed: Buffer[] = []
    while (rest.byteLength > 0) {
      const end = this.#endOfInterim(rest)
      if (end === 'final') {
        this.#seeFinal(rest)
        passed.push(rest)
        break
      }
      if (end === 'incomplete') {
        this.#held = rest
        break
      }
      if (!isContinue(rest) || ++this.#continueCount > MAX_CONTINUE_COUNT) {
        passed.push(rest.subarray(0, end))
      }
      rest = rest.subarray(end)
    }
    return passed.length === 0 ? undefined : Buffer.concat(passed)
  }

  #seeFinal(head: Buffer): void {
    this.#isBeforeFinal = false
    this.version = versionOf(head)
  }

  /** Where the interim head at the beginning ends. */
  #endOfInterim(bytes: Buffer): number | 'final' | 'incomplete' {
    if (bytes.byteLength < STATUS_BYTES) return isStart(bytes) ? 'incomplete' : 'final'
    if (!/^HTTP\/1\.[01] 1/.test(bytes.toString('latin1', 0, STATUS_BYTES))) return 'final'
    const end = bytes.indexOf(END_OF_HEAD)
    if (end >= 0) return end + END_OF_HEAD.length
    return bytes.byteLength > MAX_HEAD_BYTES ? 'final' : 'incomplete'
  }
}

/** Without a doubt: a status line that is there, and not of an interim response. */
function isFinal(chunk: Buffer): boolean {
  return chunk.byteLength >= STATUS_BYTES && chunk[STATUS_AT] !== DIGIT_ONE
}

/** Of the status line; empty for what is none. */
function versionOf(bytes: Buffer): string {
  return /^HTTP\/([0-9]\.[0-9]) /.exec(bytes.toString('latin1', 0, STATUS_BYTES))?.[1] ?? ''
}

/** Whether more bytes could make it a status line. */
function isStart(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  return text.length < START.length ? START.startsWith(text) : text.startsWith(START)
}

const START = 'HTTP/'

function isContinue(head: Buffer): boolean {
  return /^HTTP\/1\.[01] 100(?: |\r)/.test(head.toString('latin1', 0, STATUS_BYTES + 1))
}

const filters = new WeakMap<object, ResponseFilter>()
/** Of the socket read last: undici parses what it has read before it reads from another. */
let current: ResponseFilter | undefined

/** Version of the response whose head undici tells at this moment. */
export function versionTold(): string {
  return current?.version ?? ''
}

/** undici says which socket a request goes out on. */
subscribe('undici:client:sendHeaders', (message) => {
  if (typeof message !== 'object' || message === null || !('socket' in message)) return
  const { socket } = message
  if (typeof socket === 'object' && socket !== null) filters.get(socket)?.expectHead()
})

/** To be called before undici reads from the socket. */
export function filterResponses(socket: Socket): void {
  const filter = new ResponseFilter()
  filters.set(socket, filter)
  const read = socket.read.bind(socket)
  socket.read = (size?: number): unknown => {
    for (;;) {
      const chunk: unknown = read(size)
      current = filter
      if (filter.isPassing || !Buffer.isBuffer(chunk)) return chunk
      const passed = filter.pass(chunk)
      if (passed !== undefined) return passed
    }
  }
}
