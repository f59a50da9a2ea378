// An origin over TLS that answers each request with the same bytes, behind a proxy that sees what came on the wire.

import { once } from 'node:events'
import { createServer } from 'node:tls'
import type { TlsOptions } from 'node:tls'

import { startFaultProxy } from './fault-proxy.ts'

export interface TlsOrigin {
  readonly url: string
  readonly port: number
  /** Heads of the requests, as they came. */
  readonly heads: readonly string[]
  /** Of each connection whose handshake went well: the name that was asked for, and whether it went on with a session. */
  readonly handshakes: readonly { readonly servername: string; readonly isResumed: boolean }[]
  /** First bytes of each connection: 0x16 begins a handshake. */
  readonly firstBytes: readonly number[]
  /** Says the end of every TLS connection, and then ends it. */
  endAll(): void
  /** Ends the TCP connections beneath, without a word. */
  cutAll(): void
  close(): Promise<void>
}

export async function startTlsOrigin(answer: string, options: TlsOptions): Promise<TlsOrigin> {
  const heads: string[] = []
  const handshakes: { servername: string; isResumed: boolean }[] = []
  const firstBytes: number[] = []
  const seen = new Set<number>()
  const sockets = new Set<{ end(): unknown; destroy(): unknown }>()
  const server = createServer(options, (socket) => {
    const servername = typeof socket.servername === 'string' ? socket.servername : ''
    handshakes.push({ servername, isResumed: socket.isSessionReused() })
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      heads.push(chunk.toString('latin1'))
      socket.write(answer)
    })
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const targetPort = typeof address === 'object' && address !== null ? address.port : 0
  const proxy = await startFaultProxy({
    targetPort,
    onBytes(direction, bytes, connectionId) {
      if (direction !== 'request' || seen.has(connectionId)) return
      seen.add(connectionId)
      firstBytes.push(bytes[0] ?? -1)
    },
  })
  return {
    url: `https://127.0.0.1:${proxy.port}`,
    port: proxy.port,
    heads,
    handshakes,
    firstBytes,
    endAll() {
      for (const socket of sockets) socket.end()
    },
    cutAll: () => proxy.cutAll('fin'),
    async close() {
      await proxy.close()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
