// Connections opened ahead of any request, for the first ones that need one.

import type { Socket } from 'node:net'

import type { buildConnector } from 'undici'

import type { Clock } from '#core/ports/clock.ts'
import type { OriginSockets } from './origin-sockets.ts'

export interface WarmSockets {
  /** Takes what is warm before it connects anew. */
  readonly connect: buildConnector.connector
  /** Opens connections and keeps them for `keepMs`. That one fails is for the request to see that needs it. */
  open(count: number, where: buildConnector.Options, keepMs: number): void
  /** Ends what is warm. */
  close(): void
}

export function createWarmSockets(sockets: OriginSockets, clock: Clock): WarmSockets {
  const warm = new Set<Socket>()
  let isClosed = false

  function keep(socket: Socket, keepMs: number): void {
    if (isClosed) return void socket.destroy()
    warm.add(socket)
    sockets.noteIdle(socket)
    const stop = clock.after(keepMs, () => {
      if (warm.has(socket)) socket.destroy()
    })
    socket.once('readable', endUnasked)
    socket.once('close', () => {
      stop()
      warm.delete(socket)
    })
  }

  return {
    connect(where, callback) {
      const [socket] = warm
      if (socket === undefined) return sockets.connect(where, callback)
      warm.delete(socket)
      socket.off('readable', endUnasked)
      process.nextTick(callback, null, socket)
    },
    open(count, where, keepMs) {
      for (let i = 0; i < count; i += 1) {
        sockets.connect(where, (_error, socket) => {
          if (socket !== null) keep(socket, keepMs)
        })
      }
    },
    close() {
      isClosed = true
      for (const socket of warm) socket.destroy()
    },
  }
}

/** The origin has ended it, or sends what nobody has asked for. */
function endUnasked(this: Socket): void {
  this.destroy()
}
