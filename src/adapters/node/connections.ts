// What is being answered on each connection, so that nothing is ever written between or into answers, and
// nothing is taken for a request that may belong to one before.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** One request on a connection, until its answer is complete or has failed. */
export interface Turn {
  /** Announces a body. */
  readonly hasBody: boolean
  /** Whoever answers has begun to read the body. */
  isBodyRead: boolean
  /** The head of the answer is about to be written. */
  decided(closes: boolean): void
  ended(): void
}

export interface Connections {
  /** From when a connection is accepted until it is closed. */
  add(socket: Socket): void
  count(): number
  /**
   * A request has come. `run` is called once it may be acted upon: at once, or when a body before it was
   * read; and never if the connection ends with an earlier answer.
   */
  begin(req: IncomingMessage, res: ServerResponse, run: (turn: Turn) => void): void
  /** Whether a client waits for something on this connection. */
  isAnswering(socket: Socket): boolean
  /**
   * Ends a connection on which nothing more can be understood: with the status line after the answers
   * under way, and without it where it would stand within one of them.
   */
  refuse(socket: Socket, statusLine: string): void
}

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

interface Connection {
  /**
   * Requests whose answers are not complete, oldest first: pipelined ones are answered in order. No Set: V8
   * links the tables that a churning Set outgrows, and through them every request would outlive many.
   */
  readonly exchanges: Exchange[]
  /** Written when all of these are answered. */
  refusal: string | undefined
  isClosing: boolean
  /** A body whose reader is not known yet: what comes behind it is held back. */
  bodyTurn: Turn | undefined
  readonly held: (() => void)[]
}

export function createConnections(): Connections {
  const connections = new Map<Socket, Connection>()

  function begin(req: IncomingMessage, res: ServerResponse, run: (turn: Turn) => void): void {
    const connection = connections.get(req.socket)
    if (connection === undefined || connection.isClosing) return
    if (connection.bodyTurn !== undefined) {
      connection.held.push(() => begin(req, res, run))
      return
    }
    const exchange: Exchange = { req, res }
    connection.exchanges.push(exchange)
    const turn: Turn = {
      hasBody: announcesBody(req),
      isBodyRead: false,
      decided(closes) {
        connection.isClosing ||= closes
        release(connection, turn)
      },
      ended() {
        const { refusal, exchanges } = connection
        const index = exchanges.indexOf(exchange)
        if (index >= 0) exchanges.splice(index, 1)
        if (refusal !== undefined && exchanges.length === 0) writeRefusal(req.socket, refusal)
      },
    }
    if (turn.hasBody) connection.bodyTurn = turn
    run(turn)
  }

  return {
    add(socket) {
      connections.set(socket, {
        exchanges: [],
        refusal: undefined,
        isClosing: false,
        bodyTurn: undefined,
        held: [],
      })
      socket.once('close', () => abandon(connections, socket))
    },
    count: () => connections.size,
    begin,
    isAnswering: (socket) => (connections.get(socket)?.exchanges.length ?? 0) > 0,
    refuse(socket, statusLine) {
      const connection = connections.get(socket)
      const newest = connection?.exchanges.at(-1)
      if (connection === undefined || newest === undefined) writeRefusal(socket, statusLine)
      // What came after complete requests has no effect on their answers.
      else if (newest.req.complete) connection.refusal ??= statusLine
      else if (connection.exchanges.length === 1 && !newest.res.headersSent) {
        writeRefusal(socket, statusLine)
      } else if (newest.res.writableEnded) socket.destroySoon()
      else socket.destroy()
    },
  }
}

/** Node tells only the answer under way of the end, and not those that wait for their turn behind it. */
function abandon(connections: Map<Socket, Connection>, socket: Socket): void {
  const exchanges = connections.get(socket)?.exchanges ?? []
  connections.delete(socket)
  for (const { res } of exchanges) {
    if (res.socket !== null || res.closed) continue
    res.destroy()
    res.emit('close')
  }
}

function release(connection: Connection, turn: Turn): void {
  if (connection.bodyTurn !== turn) return
  connection.bodyTurn = undefined
  for (const held of connection.held.splice(0)) held()
}

/** Content-Length above zero or any Transfer-Encoding (RFC 9112 §6). */
function announcesBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  return coding !== undefined || (length !== undefined && Number(length) > 0)
}

function writeRefusal(socket: Socket, statusLine: string): void {
  if (socket.writable) {
    socket.end(`HTTP/1.1 ${statusLine}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  }
  socket.destroySoon()
}
