// Sockets to an origin, and what they tell besides what undici hears: whether a connection that ended had been kept
// from before, and whether it ended without saying so.

import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

import type { buildConnector } from 'undici'

import type { Clock } from '#core/ports/clock.ts'
import { filterResponses } from './response-filter.ts'

export interface OriginSockets {
  readonly connect: buildConnector.connector
  /** A connection that waits for its first request is kept as well, and may end as it gets it. */
  noteIdle(socket: Socket): void
  /** Whether the connection of this error was kept from before, so that the origin may just have closed it. */
  wasKept(error: unknown): boolean
  /** The error with which a connection is ending at this moment. */
  endingError(): Error | undefined
}

export interface OriginSocketsOptions {
  readonly connect: buildConnector.connector
  readonly clock: Clock
  /** Of the TLS handshake as well. */
  readonly timeoutMs: number
}

export function createOriginSockets(options: OriginSocketsOptions): OriginSockets {
  const { connect, clock, timeoutMs } = options
  /** Errors of kept connections. */
  const kept = new WeakSet<Error>()
  /** Connections that have had no request. */
  const idle = new WeakSet<Socket>()
  /** undici is told right after us, in the same turn. */
  let endingError: Error | undefined

  function tellEnding(error: Error): void {
    endingError = error
    process.nextTick(() => {
      endingError = undefined
    })
  }

  function watch(socket: Socket): void {
    filterResponses(socket)
    const { bytesRead: atStart } = socket
    socket.prependListener('error', (failure) => {
      if (socket.bytesRead > atStart || idle.has(socket)) kept.add(failure)
      tellEnding(failure)
    })
    if (socket instanceof TLSSocket) watchEnd(socket)
  }

  function watchEnd(socket: TLSSocket): void {
    let isCut = false
    const push = socket.push.bind(socket)
    socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null) isCut = !hasCloseNotify(socket)
      return push(chunk, encoding)
    }
    socket.prependListener('end', () => {
      if (isCut) tellEnding(withoutCloseNotify())
    })
  }

  return {
    connect(where, callback) {
      const connecting: unknown = connect(where, (error, socket) => {
        stop()
        if (error !== null) return callback(error, null)
        watch(socket)
        return callback(null, socket)
      })
      // undici's connector returns its socket, though its type does not say so. Its own time is late by up to a second.
      const stop = clock.after(timeoutMs, () => {
        if (connecting instanceof Socket) connecting.destroy(connectTimeout(timeoutMs))
      })
    },
    noteIdle: (socket) => void idle.add(socket),
    wasKept: (error) => error instanceof Error && kept.has(error),
    endingError: () => endingError,
  }
}

function connectTimeout(timeoutMs: number): Error {
  const message = `No connection within ${timeoutMs} ms`
  return Object.assign(new Error(message), { code: 'UND_ERR_CONNECT_TIMEOUT' })
}

function withoutCloseNotify(): Error {
  const message = 'Connection ended without close_notify, and perhaps before its end'
  return Object.assign(new Error(message), { code: 'ECONNRESET' })
}

/**
 * Whether the end of a TLS connection that is told at this moment was said by the origin (RFC 8446 §6.1), or is merely
 * that of the TCP connection beneath, which anybody on the way can bring about. Node tells both in the same way. But in
 * the first case the connection beneath is still being read, or reading was stopped for a reader that is slow; in the
 * second it was read to its end, and would begin again.
 */
function hasCloseNotify(socket: TLSSocket): boolean {
  const tls: unknown = Reflect.get(socket, '_handle')
  if (!isHandle(tls)) return false
  if (tls.reading === false) return true
  const tcp: unknown = Reflect.get(tls, '_parent')
  return isHandle(tcp) && tcp.readStart?.() === ALREADY_READING
}

/** UV_EALREADY */
const ALREADY_READING = -114

interface Handle {
  readonly reading?: boolean
  readStart?(): number
}

function isHandle(value: unknown): value is Handle {
  return typeof value === 'object' && value !== null
}
