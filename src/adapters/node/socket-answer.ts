// Writes an Answer to a Node response: bytes in one write with the head, sources at the socket's pace.

import type { ServerResponse } from 'node:http'

import type { Answer } from '#core/entry/answer.ts'
import type { ByteSource, Maybe } from '#core/entry/byte-source.ts'
import { isPromise } from '#core/entry/byte-source.ts'
import { socketBelow } from './below-tls.ts'
import type { StallWatch } from './stall-watch.ts'

export interface WriteOptions {
  readonly isHead: boolean
  /** Whether the connection ends after this answer. */
  readonly closes: boolean
  readonly watch: StallWatch
  /** Body bytes handed to the socket. */
  onBytes(countBytes: number): void
  onBroken(error: unknown): void
}

/** Names as people are used to see them; each is spelled once. */
const SPELLED = new Map([
  ['etag', 'ETag'],
  ['www-authenticate', 'WWW-Authenticate'],
])
/** Origins may send any names; no more of them are remembered than this. */
const MAX_SPELLED_COUNT = 1000

function spell(name: string): string {
  const known = SPELLED.get(name)
  if (known !== undefined) return known
  const spelled = name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => {
    return dash + letter.toUpperCase()
  })
  if (SPELLED.size < MAX_SPELLED_COUNT) SPELLED.set(name, spelled)
  return spelled
}

export function writeAnswer(res: ServerResponse, answer: Answer, options: WriteOptions): void {
  const { body } = answer
  // Without a socket it may still be waiting for its turn behind a pipelined request.
  if (res.destroyed || res.closed) {
    if (body.kind === 'source') body.source.cancel('the client is gone')
    return
  }
  // The end of the content is the end of the connection: then there is no last chunk to claim more.
  if (answer.closes === true) res.useChunkedEncodingByDefault = false
  writeHead(res, answer, options.closes)
  if (options.isHead || body.kind === 'none') {
    if (body.kind === 'source') body.source.cancel('no content is sent')
    res.end()
    return
  }
  if (body.kind === 'bytes') {
    options.onBytes(body.bytes.byteLength)
    res.end(body.bytes)
    return
  }
  pump(res, body.source, { ...options, isDelimited: answer.contentLength !== undefined })
}

function writeHead(res: ServerResponse, answer: Answer, closes: boolean): void {
  const { fields, contentLength, status } = answer
  const lines: string[] = []
  let hasDate = false
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (name === 'date') hasDate = true
    lines.push(spell(name), fields[i + 1] ?? '')
  }
  if (contentLength !== undefined) lines.push('Content-Length', String(contentLength))
  if (closes || answer.closes === true) lines.push('Connection', 'close')
  res.sendDate = !hasDate
  res.writeHead(status, lines)
}

interface PumpOptions extends WriteOptions {
  /** Whether the head says how long the content is. */
  readonly isDelimited: boolean
}

/** A client that does not read stops the reading of the source, and with it what that causes. */
function pump(res: ServerResponse, source: ByteSource, options: PumpOptions): void {
  const isDelimited = options.isDelimited || res.chunkedEncoding
  let isOver = false

  function stop(why: unknown): void {
    if (isOver) return
    isOver = true
    source.cancel(why)
  }

  function broken(error: unknown): void {
    if (isOver) return
    stop(error)
    options.onBroken(error)
    breakOff(res, isDelimited)
  }

  function take(chunk: Uint8Array | undefined): boolean {
    if (isOver) return false
    if (chunk === undefined) {
      isOver = true
      res.end()
      return false
    }
    options.onBytes(chunk.byteLength)
    if (res.write(chunk)) return true
    res.once('drain', next)
    return false
  }

  function next(): void {
    try {
      while (!isOver) {
        const read: Maybe<Uint8Array | undefined> = source.read()
        if (isPromise(read)) {
          read.then((chunk) => {
            if (take(chunk)) next()
          }, broken)
          return
        }
        if (!take(read)) return
      }
    } catch (error) {
      broken(error)
    }
  }

  if (res.socket !== null) options.watch.begin(res.socket)
  res.once('close', () => stop('the client is gone'))
  res.on('timeout', () => {
    const { socket } = res
    if (socket === null || res.writableLength === 0 || !options.watch.isStalled(socket)) return
    broken(new Error('Cannot write: the client does not read'))
  })
  next()
}

/**
 * Ends a response that cannot be completed, so that no client takes it for complete: with a length or
 * chunks a closed connection says so, without either only a reset does. Under TLS the missing close_notify would say it
 * too (RFC 9112 §9.8), but there are clients that ask no more of it than of a FIN.
 */
function breakOff(res: ServerResponse, isDelimited: boolean): void {
  const { socket } = res
  // A reset while data is still being flushed never closes on Node 26.
  const canReset = socket !== null && !socket.writableEnded
  const below = !isDelimited && canReset ? socketBelow(socket) : undefined
  if (below === undefined) res.destroy()
  else below.resetAndDestroy()
}
