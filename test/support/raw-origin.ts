// An origin that sends exactly the bytes a test gives it, and keeps the bytes that it was sent.

import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

export interface WireRequest {
  /** Counted from 1 as connections come. */
  readonly connectionId: number
  /** The head as it came, the empty line left out; a character is a byte. */
  readonly head: string
  readonly method: string
  readonly target: string
  /** Lines after the request line. */
  readonly lines: readonly string[]
  /** Values of all lines of the name, joined with a comma; names in any case. */
  header(name: string): string | undefined
}

/** What it returns is written, and the connection stays open; without that it has written itself. */
export type WireHandler = (request: WireRequest, socket: Socket) => Uint8Array | string | undefined

export interface RawOrigin {
  readonly url: string
  readonly port: number
  readonly requests: readonly WireRequest[]
  /** Heads that are not what RFC 9112 §3 and §5 say a request is. */
  readonly malformed: readonly string[]
  readonly connectionCount: number
  /** Connections open now. */
  readonly openCount: number
  /** Answers everything from now on. */
  answer(handler: WireHandler): void
  /** Forgets what was seen. */
  reset(): void
  close(): Promise<void>
}

const REQUEST_LINE = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/
const FIELD_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/
const NOTHING: WireHandler = () => 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'

export async function startRawOrigin(): Promise<RawOrigin> {
  const requests: WireRequest[] = []
  const malformed: string[] = []
  const sockets = new Set<Socket>()
  let handler = NOTHING
  let connectionCount = 0

  function take(head: string, connectionId: number, socket: Socket): void {
    const request = parseHead(head, connectionId)
    const lines = head.split('\r\n')
    const isRight = REQUEST_LINE.test(lines[0] ?? '') && request.lines.every(isFieldLine)
    if (!isRight) malformed.push(head)
    requests.push(request)
    const bytes = handler(request, socket)
    if (bytes !== undefined && socket.writable) socket.write(bytes, 'latin1')
  }

  const server = createServer({ noDelay: true }, (socket) => {
    connectionCount += 1
    const connectionId = connectionCount
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    let received = ''
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      for (;;) {
        const end = received.indexOf('\r\n\r\n')
        if (end < 0) return
        const head = received.slice(0, end)
        received = received.slice(end + 4 + lengthOf(head))
        take(head, connectionId, socket)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    malformed,
    get connectionCount() {
      return connectionCount
    },
    get openCount() {
      return sockets.size
    },
    answer(next) {
      handler = next
    },
    reset() {
      requests.length = 0
      malformed.length = 0
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function parseHead(head: string, connectionId: number): WireRequest {
  const [requestLine = '', ...lines] = head.split('\r\n')
  const [method = '', target = ''] = requestLine.split(' ')
  return {
    connectionId,
    head,
    method,
    target,
    lines,
    header(name) {
      const start = `${name.toLowerCase()}:`
      const own = lines.filter((line) => line.toLowerCase().startsWith(start))
      if (own.length === 0) return undefined
      return own.map((line) => line.slice(start.length).trim()).join(', ')
    },
  }
}

function isFieldLine(line: string): boolean {
  return FIELD_LINE.test(line)
}

/** Of a body whose bytes follow at once; tests that need no more send no more. */
function lengthOf(head: string): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
}

/** A response with its Content-Length; `lines` are field lines as they go on the wire. */
export function wire(
  status: number,
  lines: readonly string[],
  body: Uint8Array | string = '',
): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  return Buffer.concat([wireHead(status, [...lines, `Content-Length: ${bytes.length}`]), bytes])
}

/** A response head as it is, without any framing of its own. */
export function wireHead(status: number, lines: readonly string[]): Buffer {
  const text = [`HTTP/1.1 ${status} As Told`, ...lines, '', ''].join('\r\n')
  return Buffer.from(text, 'latin1')
}

/** Ends the connection behind these bytes, in the middle of whatever they are. */
export function cut(socket: Socket, bytes: Uint8Array | string, how: 'fin' | 'rst'): undefined {
  if (how === 'fin') socket.end(bytes, 'latin1')
  // What was written before a reset must be out of this process, or the reset would swallow it.
  else socket.write(bytes, 'latin1', () => socket.resetAndDestroy())
  return undefined
}
