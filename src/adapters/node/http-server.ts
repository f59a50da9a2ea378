// The edge listener on node:http: strict limits, raw targets, answers written without Hono where nobody
// has an opinion on them.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { Answer } from '#core/entry/answer.ts'
import type { RawRequest } from '#core/entry/asked.ts'
import type { Maybe } from '#core/entry/byte-source.ts'
import { isPromise } from '#core/entry/byte-source.ts'
import type { Fields } from '#core/entry/fields.ts'
import { createConnections } from './connections.ts'
import type { Connections, Turn } from './connections.ts'
import { listen } from './listen.ts'
import type { Places } from './places.ts'
import { requestBody } from './request-body.ts'
import { writeAnswer } from './socket-answer.ts'
import { createStallWatch } from './stall-watch.ts'
import type { StallWatch } from './stall-watch.ts'
import { createTlsServer } from './tls-server.ts'
import type { TlsOptions } from './tls-server.ts'

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  /** Until the last field of a request has come. */
  readonly headTimeoutMs: number
  /** Until the last byte of a request body has come. */
  readonly requestTimeoutMs: number
  readonly keepAliveMs: number
  /** Without a byte accepted by the client. */
  readonly stallMs: number
  readonly maxHeadBytes: number
  readonly maxRequestsPerSocket: number
  /** Over all listeners that share them. */
  readonly places: Places
  /** Absent: in the clear. */
  readonly tls?: TlsOptions | undefined
  /** Begins an exchange and answers it; never throws or rejects. */
  handle(raw: RawRequest, exchange: ServerExchange): Maybe<Answer>
}

/** What the server knows of an exchange, and wants to be told. */
export interface ServerExchange {
  readonly socket: Socket
  /** Under TLS. */
  readonly isSecure: boolean
  /** Sends an interim response (RFC 9110 §15.2). */
  sendInterim(status: number, fields: Fields): void
  /** Called once the answer has been written or has failed. Set by who handles it. */
  onDone: ((done: Done) => void) | undefined
  /** Called when the client goes before its answer is complete. */
  onGone: (() => void) | undefined
}

export interface Done {
  readonly status: number
  readonly bodyBytes: number
  /** Why it is not complete, if it is not. */
  readonly error: unknown
}

export interface HttpServer {
  readonly host: string
  readonly port: number
  readonly connectionCount: () => number
  /** From now on every answer closes its connection. */
  drain(): void
  /** Stops listening, closes idle connections, and waits for running answers; after `graceMs` cuts them. */
  close(graceMs: number): Promise<void>
}

/** Idle connections are swept this often while closing. */
const SWEEP_MS = 250

export async function listenHttp(options: HttpServerOptions): Promise<HttpServer> {
  let isDraining = false
  const connections = createConnections()
  const watch = createStallWatch(options.stallMs)
  const answerRequest = createListener(options, connections, {
    watch,
    isDraining: () => isDraining,
  })
  const settings: ServerOptions = {
    maxHeaderSize: options.maxHeadBytes,
    headersTimeout: options.headTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, options.headTimeoutMs),
    keepAliveTimeout: options.keepAliveMs,
    requireHostHeader: false,
    noDelay: true,
  }
  const { tls, places } = options
  const server = tls === undefined ? createServer(settings) : createTlsServer(settings, tls)
  server.on('request', answerRequest)
  server.maxHeadersCount = 0
  // A client may say that it has asked all and still wants its answers. Node knows this, but tells nobody.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.maxRequestsPerSocket = options.maxRequestsPerSocket
  server.maxConnections = places.maxCount
  server.timeout = options.stallMs
  const accepted = new Set<Socket>()
  server.on('connection', (socket) => accept(socket, accepted, places))
  server.on(tls === undefined ? 'connection' : 'secureConnection', connections.add)
  server.on('clientError', (error, socket) => {
    refuseMalformed(error, socket as Socket, connections)
  })
  server.on('timeout', (socket: Socket) => {
    // Silence is the client's fault when it does not take what was written, or asks for nothing.
    const isIdle = !connections.isAnswering(socket)
    if (isIdle || (socket.writableLength > 0 && watch.isStalled(socket))) socket.destroy()
  })
  // Only what reads the body asks for it; what else is expected is judged with the request.
  server.on('checkContinue', answerRequest)
  server.on('checkExpectation', answerRequest)
  server.on('connect', (_req: IncomingMessage, socket: Socket) => {
    // Node lets go of the socket, and with it of its errors.
    socket.on('error', () => socket.destroy())
    connections.refuse(socket, '405 Method Not Allowed')
  })
  const { address, port } = await listen(server, options.host, options.port)
  return {
    host: address,
    port,
    connectionCount: () => connections.count(),
    drain() {
      isDraining = true
    },
    close: (graceMs) => closeServer(server, accepted, graceMs),
  }
}

interface Visit {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly turn: Turn
  readonly exchange: ServerExchange
  isOver: boolean
  onEnd: (() => void) | undefined
}

type Listener = (req: IncomingMessage, res: ServerResponse) => void

function createListener(
  options: HttpServerOptions,
  connections: Connections,
  { watch, isDraining }: { readonly watch: StallWatch; isDraining(): boolean },
): Listener {
  function write(visit: Visit, answer: Answer): void {
    const { req, res, turn, exchange } = visit
    let bodyBytes = 0
    let failure: unknown
    // What is left of a body nobody read must not be taken for the next request.
    const isBodyLeft = turn.hasBody && !(turn.isBodyRead && req.complete)
    const closes = isDraining() || answer.closes === true || isBodyLeft
    visit.onEnd = () => {
      const error = failure ?? (res.writableFinished ? undefined : new Error('client is gone'))
      exchange.onDone?.({ status: answer.status, bodyBytes, error })
      if (closes) req.socket.destroySoon()
    }
    writeAnswer(res, answer, {
      isHead: req.method === 'HEAD',
      closes,
      watch,
      onBytes: (countBytes) => {
        bodyBytes += countBytes
      },
      onBroken: (error) => {
        failure = error
      },
    })
    if (visit.isOver) visit.onEnd()
    turn.decided(closes)
  }

  function answerTurn(req: IncomingMessage, res: ServerResponse, turn: Turn): void {
    const raw: RawRequest = {
      method: req.method ?? '',
      target: req.url ?? '',
      httpVersion: req.httpVersion,
      lines: req.rawHeaders,
      body: requestBody(req, res, () => {
        turn.isBodyRead = true
      }),
    }
    const exchange: ServerExchange = {
      socket: req.socket,
      isSecure: options.tls !== undefined,
      sendInterim: (status, fields) => sendInterim(req, res, status, fields),
      onDone: undefined,
      onGone: undefined,
    }
    const visit: Visit = { req, res, turn, exchange, isOver: false, onEnd: undefined }
    res.once('close', () => {
      visit.isOver = true
      turn.ended()
      if (!res.writableFinished) exchange.onGone?.()
      visit.onEnd?.()
    })
    const answer = options.handle(raw, exchange)
    if (!isPromise(answer)) return write(visit, answer)
    void answer.then((settled) => write(visit, settled))
  }

  return (req, res) => connections.begin(req, res, (turn) => answerTurn(req, res, turn))
}

/** What the parser refuses gets a short answer in its turn, and its connection ends. */
function refuseMalformed(
  error: NodeJS.ErrnoException,
  socket: Socket,
  connections: Connections,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const isTimeout = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const line = isTimeout
    ? '408 Request Timeout'
    : isTooLarge
      ? '431 Request Header Fields Too Large'
      : '400 Bad Request'
  connections.refuse(socket, line)
}

/** 1xx are for HTTP/1.1 only (RFC 9110 §15.2), and come before the answer or not at all. */
function sendInterim(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  fields: Fields,
): void {
  if (req.httpVersion !== '1.1' || res.headersSent || res.destroyed) return
  // Since Node 26; before it no interim response is passed on.
  res.writeInformation?.(status, [...fields])
}

function accept(socket: Socket, accepted: Set<Socket>, places: Places): void {
  if (!places.take()) {
    socket.destroy()
    return
  }
  accepted.add(socket)
  socket.once('close', () => {
    accepted.delete(socket)
    places.leave()
  })
}

async function closeServer(
  server: Server,
  accepted: ReadonlySet<Socket>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
  const cut = setTimeout(() => {
    for (const socket of accepted) socket.destroy()
  }, graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}
