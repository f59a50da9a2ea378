// What lies below a TLS socket. Node has it in properties that it does not document; without them nothing breaks,
// and what is asked here is not known.

import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** The socket that carries the records; of one without TLS, itself. */
export function socketBelow(socket: Socket): Socket | undefined {
  if (!(socket instanceof TLSSocket)) return socket
  const below: unknown = Reflect.get(socket, '_parent')
  return below instanceof Socket ? below : undefined
}

/** Bytes that were handed to the system, and that it has not taken yet. */
export function untakenBytes(socket: Socket): number | undefined {
  const below = socketBelow(socket)
  const handle: unknown = below && Reflect.get(below, '_handle')
  if (typeof handle !== 'object' || handle === null) return undefined
  const bytes: unknown = Reflect.get(handle, 'writeQueueSize')
  return typeof bytes === 'number' ? bytes : undefined
}
