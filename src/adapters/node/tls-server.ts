// The edge listener under TLS: certificates by name, tickets, staples, and what comes of handshakes.

import { randomBytes } from 'node:crypto'
import type { ServerOptions } from 'node:http'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { TLSSocket } from 'node:tls'

import type { Clock } from '#core/ports/clock.ts'
import { socketBelow } from './below-tls.ts'
import type { Certificates } from './tls-certificates.ts'
import { CONTEXT } from './tls-pair.ts'

export type HandshakeOutcome =
  | 'full'
  | 'resumed'
  /** The client named a server that is not here. */
  | 'unknown-name'
  | 'timeout'
  /** The client went before it was done. */
  | 'gone'
  | 'failed'

export interface TlsOptions {
  readonly certificates: Certificates
  readonly clock: Clock
  /** From when a connection is accepted until it is secure. */
  readonly handshakeTimeoutMs: number
  onHandshake(outcome: HandshakeOutcome): void
}

/**
 * Keys of session tickets live so long, and with them the secrecy of what was resumed under them. A session lives for
 * minutes, so few lose theirs: Node accepts only tickets under the newest key.
 */
const TICKET_KEYS_MS = 12 * 3_600_000
const TICKET_KEYS_BYTES = 48

/** A fatal unrecognized_name (RFC 6066 §3) in a record of its own. */
const UNRECOGNIZED_NAME = Buffer.from([0x15, 3, 3, 0, 2, 2, 112])
const UNKNOWN_NAME = new Error('No certificate here is for the server named')

export function createTlsServer(http: ServerOptions, tls: TlsOptions): Server {
  const { certificates, clock, onHandshake } = tls
  let ticketKeys = randomBytes(TICKET_KEYS_BYTES)
  const server = createServer({
    ...http,
    ...CONTEXT,
    ticketKeys,
    ALPNProtocols: ['http/1.1', 'http/1.0'],
    handshakeTimeout: tls.handshakeTimeoutMs,
    SNICallback(this: TLSSocket, serverName, callback) {
      const pair = certificates.choose(serverName)
      if (pair !== undefined) return callback(null, pair.context)
      // By itself Node would only hang up.
      socketBelow(this)?.write(UNRECOGNIZED_NAME)
      callback(UNKNOWN_NAME)
    },
  })

  function useFallback(): void {
    server.setSecureContext({ ...CONTEXT, ...certificates.fallback()?.options, ticketKeys })
  }
  useFallback()
  certificates.onUsed(useFallback)

  let cancelRotation = clock.after(TICKET_KEYS_MS, rotate)
  function rotate(): void {
    ticketKeys = randomBytes(TICKET_KEYS_BYTES)
    server.setTicketKeys(ticketKeys)
    cancelRotation = clock.after(TICKET_KEYS_MS, rotate)
  }
  server.once('close', () => cancelRotation())

  server.on('OCSPRequest', (certificate: Buffer | undefined, _issuer, respond) => {
    const staple = certificate && certificates.ocspOf(certificate)
    // There may be none, which the types leave out.
    respond(null, staple as Buffer)
  })
  server.on('secureConnection', (socket) => {
    onHandshake(socket.isSessionReused() ? 'resumed' : 'full')
    // As without TLS: who has asked all may say so, and still wants the answers. Before, it ends the handshake.
    socket.allowHalfOpen = true
  })
  // By itself it would answer broken handshakes as it does broken requests.
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    onHandshake(outcomeOf(error))
    socket.destroy()
  })
  return server
}

function outcomeOf(error: NodeJS.ErrnoException): HandshakeOutcome {
  if (error === UNKNOWN_NAME) return 'unknown-name'
  if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout'
  return error.code === 'ECONNRESET' ? 'gone' : 'failed'
}
