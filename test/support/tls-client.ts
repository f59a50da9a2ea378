// A TLS client that sends exact bytes and tells how the connection went and ended.

import { once } from 'node:events'
import { connect } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'

export interface TlsVisit {
  /** Common name of the certificate seen. */
  readonly commonName: string | undefined
  readonly isResumed: boolean
  /** To come back with. */
  readonly session: Buffer | undefined
  readonly received: Buffer
  /** Why it failed, by the code of its error. */
  readonly problem: string | undefined
}

export interface TlsVisitOptions extends ConnectionOptions {
  readonly port: number
  /** Sent once it is secure; default a request that closes the connection. */
  readonly bytes?: string
}

export const REQUEST = 'GET /missing HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'

/** Sends, and reads until the connection ends. Trusts everybody unless told otherwise; never rejects. */
export async function visitTls(options: TlsVisitOptions): Promise<TlsVisit> {
  const { bytes = REQUEST, ...rest } = options
  const socket = connect({ host: '127.0.0.1', rejectUnauthorized: false, ...rest })
  let session: Buffer | undefined
  let problem: string | undefined
  let commonName: string | undefined
  let isResumed = false
  const received: Buffer[] = []
  socket.on('session', (ticket: Buffer) => {
    session = ticket
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    problem ??= error.code ?? error.message
  })
  socket.on('secureConnect', () => {
    commonName = commonNameOf(socket)
    isResumed = socket.isSessionReused()
    socket.write(bytes)
  })
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  await once(socket, 'close').catch(() => undefined)
  return { commonName, isResumed, session, received: Buffer.concat(received), problem }
}

export function commonNameOf(socket: TLSSocket): string | undefined {
  const { subject } = socket.getPeerCertificate()
  // A session that is resumed has seen the certificate before.
  return subject === undefined ? undefined : String(subject.CN)
}
