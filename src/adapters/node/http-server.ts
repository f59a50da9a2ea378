// The edge listener on node:http: strict limits, raw targets, answers written without Hono where nobody
// has an opinion on them.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

import type { Answer } from '#core/entry/answer.ts'
import type { RawRequest } from '#core/entry/asked.ts'
import type { Maybe } from '#core/entry/byte-source.ts'
import { isPromise } from '#core/entry/byte-source.ts'
import { requestBody } from './request-body.ts'
import { writeAnswer } from './socket-answer.ts'

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
  readonly maxConnectionCount: number
  /** Begins an exchange and answers it; never throws or rejects. */
  handle(raw: RawRequest, exchange: ServerExchange): Maybe<Answer>
}

/** What the server knows of an exchange, and wants to be told. */
export interface ServerExchange {
  readonly socket: Socket
  /** Sends an interim response (RFC 9110 §15.2). */
  sendEarlyHints(links: readonly string[]): void
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
  const sockets = new Set<Socket>()
  const server = createServer(
    {
      maxHeaderSize: options.maxHeadBytes,
      headersTimeout: options.headTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, options.headTimeoutMs),
      keepAliveTimeout: options.keepAliveMs,
      requireHostHeader: false,
      noDelay: true,
    },
    listener,
  )
  server.maxHeadersCount = 0
  server.maxRequestsPerSocket = options.maxRequestsPerSocket
  server.maxConnections = options.maxConnectionCount
  server.timeout = options.stallMs
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('clientError', refuseMalformed)
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    // Only what reads the body asks for it.
    listener(req, res)
  })
  server.on('connect', (_req: IncomingMessage, socket: Socket) => {
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })

  function listener(req: IncomingMessage, res: ServerResponse): void {
    const raw: RawRequest = {
      method: req.method ?? '',
      target: req.url ?? '',
      httpVersion: req.httpVersion,
      lines: req.rawHeaders,
      body: requestBody(req, res),
    }
    const exchange: ServerExchange = {
      socket: req.socket,
      sendEarlyHints: (links) => res.writeEarlyHints({ link: [...links] }),
      onDone: undefined,
      onGone: undefined,
    }
    const answer = options.handle(raw, exchange)
    if (!isPromise(answer)) return write(req, res, exchange, answer)
    res.once('close', () => exchange.onGone?.())
    void answer.then((settled) => write(req, res, exchange, settled))
  }

  function write(
    req: IncomingMessage,
    res: ServerResponse,
    exchange: ServerExchange,
    answer: Answer,
  ): void {
    let bodyBytes = 0
    let failure: unknown
    const closes = isDraining || answer.closes === true
    writeAnswer(res, answer, {
      isHead: req.method === 'HEAD',
      closes,
      onBytes: (countBytes) => {
        bodyBytes += countBytes
      },
      onBroken: (error) => {
        failure = error
      },
    })
    const done = () => {
      const error = failure ?? (res.writableFinished ? undefined : new Error('client is gone'))
      exchange.onDone?.({ status: answer.status, bodyBytes, error })
      // What is left of a request nobody read must not be taken for the next one.
      if (answer.closes === true) req.socket.destroySoon()
    }
    if (res.closed) done()
    else res.once('close', done)
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => resolve())
  })
  const { address, port } = server.address() as AddressInfo
  return {
    host: address,
    port,
    connectionCount: () => sockets.size,
    drain() {
      isDraining = true
    },
    close: (graceMs) => closeServer(server, sockets, graceMs),
  }
}

/** What the parser refuses gets a short answer, and its connection ends. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
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
  socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroySoon()
}

async function closeServer(server: Server, sockets: Set<Socket>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}
