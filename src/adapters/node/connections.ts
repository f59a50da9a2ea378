// What is being answered on each connection, so that nothing is ever written between or into answers.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

interface Connection {
  /** Requests whose answers are not complete, oldest first: pipelined ones are answered in order. */
  readonly exchanges: Set<Exchange>
  /** Written when all of these are answered. */
  refusal: string | undefined
}

export interface Connections {
  /** From when a connection is accepted until it is closed. */
  add(socket: Socket): void
  count(): number
  all(): IterableIterator<Socket>
  /** A request has come. Returns what to call once its answer is complete or has failed. */
  begin(req: IncomingMessage, res: ServerResponse): () => void
  /** Whether a client waits for something on this connection. */
  isAnswering(socket: Socket): boolean
  /**
   * Ends a connection on which nothing more can be understood: with the status line after the answers
   * under way, and without it where it would stand within one of them.
   */
  refuse(socket: Socket, statusLine: string): void
}

export function createConnections(): Connections {
  const connections = new Map<Socket, Connection>()

  function end(socket: Socket, exchange: Exchange): void {
    const connection = connections.get(socket)
    if (connection === undefined) return
    connection.exchanges.delete(exchange)
    const { refusal, exchanges } = connection
    if (refusal !== undefined && exchanges.size === 0) writeRefusal(socket, refusal)
  }

  return {
    add(socket) {
      connections.set(socket, { exchanges: new Set(), refusal: undefined })
      socket.once('close', () => connections.delete(socket))
    },
    count: () => connections.size,
    all: () => connections.keys(),
    begin(req, res) {
      const exchange: Exchange = { req, res }
      const { socket } = req
      connections.get(socket)?.exchanges.add(exchange)
      return () => end(socket, exchange)
    },
    isAnswering: (socket) => (connections.get(socket)?.exchanges.size ?? 0) > 0,
    refuse(socket, statusLine) {
      const connection = connections.get(socket)
      const newest = connection === undefined ? undefined : [...connection.exchanges].at(-1)
      if (connection === undefined || newest === undefined) writeRefusal(socket, statusLine)
      // What came after complete requests has no effect on their answers.
      else if (newest.req.complete) connection.refusal ??= statusLine
      else if (connection.exchanges.size === 1 && !newest.res.headersSent) {
        writeRefusal(socket, statusLine)
      } else if (newest.res.writableEnded) socket.destroySoon()
      else socket.destroy()
    },
  }
}

function writeRefusal(socket: Socket, statusLine: string): void {
  if (socket.writable) {
    socket.end(`HTTP/1.1 ${statusLine}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  }
  socket.destroySoon()
}
