// An origin over real HTTP that sends what it is told, byte for byte.

import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

import type { OriginRequest, Script, ScriptedAnswer } from './run-case.ts'

export interface RawOrigin {
  readonly port: number
  /** Requests whose path is this one, or below it, are answered by the script. */
  play(path: string, script: Script): void
  close(): Promise<void>
}

interface Message extends OriginRequest {
  readonly target: string
  readonly bodyBytes: number
}

const HEAD_END = '\r\n\r\n'

export async function startRawOrigin(): Promise<RawOrigin> {
  const scripts = new Map<string, Script>()
  const sockets = new Set<Socket>()

  async function answer(socket: Socket, message: Message): Promise<void> {
    const path = message.target.split(/[?/]/).slice(1, 3).join('/')
    const script = scripts.get(`/${path}`) ?? scripts.get(`/${path.split('/')[0]}`)
    if (script === undefined) throw new Error(`Cannot answer ${message.target}: no case has it`)
    await send(socket, message.method, await script(message))
  }

  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    serve(socket, answer).catch((error: unknown) => {
      socket.end(`HTTP/1.1 500 ${String(error).replace(/[^ -~]/g, ' ')}\r\n\r\n`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    play: (path, script) => void scripts.set(path, script),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** One request after another, as a proxy sends them. */
async function serve(
  socket: Socket,
  answer: (socket: Socket, message: Message) => Promise<void>,
): Promise<void> {
  let pending = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    pending += chunk.toString('latin1')
    for (;;) {
      const headEnd = pending.indexOf(HEAD_END)
      if (headEnd < 0) break
      const message = parseHead(pending.slice(0, headEnd))
      const endByte = headEnd + HEAD_END.length + message.bodyBytes
      if (pending.length < endByte) break
      pending = pending.slice(endByte)
      await answer(socket, message)
    }
  }
}

function parseHead(head: string): Message {
  const [requestLine = '', ...fieldLines] = head.split('\r\n')
  const [method = '', target = ''] = requestLine.split(' ')
  const lines = fieldLines.flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const at = lines.indexOf('content-length')
  return { method, target, lines, bodyBytes: at < 0 ? 0 : Number(lines[at + 1]) }
}

async function send(socket: Socket, method: string, answer: ScriptedAnswer): Promise<void> {
  if (answer.isSilent) return void socket.destroy()
  const { status, framing, body, cutAfterBytes } = answer
  for (const { status: interim, lines } of answer.interim) {
    socket.write(`HTTP/1.1 ${interim} Interim\r\n${linesText(lines)}\r\n`, 'latin1')
  }
  const isEmpty = method === 'HEAD' || status === 204 || status === 304
  const head = `HTTP/1.1 ${status} Scripted\r\n${linesText(answer.lines)}${framingText(method, answer)}\r\n`
  if (isEmpty) return void socket.write(head, 'latin1')
  const sent = body.slice(0, cutAfterBytes)
  const isCut = cutAfterBytes !== undefined
  const content = framing === 'chunked' ? chunked(sent, isCut, answer.trailers) : sent
  await new Promise<void>((resolve) => {
    socket.write(head + content, 'latin1', () => resolve())
  })
  if (isCut || framing === 'close') socket.end()
}

function framingText(method: string, { status, framing, lines, body }: ScriptedAnswer): string {
  const hasLength = lines.some((line, i) => i % 2 === 0 && /^content-length$/i.test(line))
  if (status === 204 || status === 304 || hasLength) return ''
  if (framing === 'close') return 'Connection: close\r\n'
  if (framing === 'chunked') return method === 'HEAD' ? '' : 'Transfer-Encoding: chunked\r\n'
  return `Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n`
}

function chunked(body: string, isCut: boolean, trailers: readonly string[]): string {
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`
  return isCut ? chunk : `${chunk}0\r\n${linesText(trailers)}\r\n`
}

function linesText(lines: readonly string[]): string {
  let text = ''
  for (let i = 0; i < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`
  return text
}
