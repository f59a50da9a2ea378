import type { Socket } from 'node:net'

import { untakenBytes } from './below-tls.ts'

/** Looks within the time that a client may stand still: it is cut at most one of them late. */
const LOOK_COUNT = 10

interface Standstill {
  readonly lastedMs: number
  readonly lookedAtMs: number
  readonly untakenBytes: number | undefined
}

export interface StallWatch {
  /** From now on the socket is looked at often enough. */
  begin(socket: Socket): void
  /**
   * To be asked at each timeout of a socket: Node tells of one only if no byte has gone out since the timer began, and
   * says nothing when it begins it anew.
   *
   * @returns Whether the client has taken nothing for all of the time.
   */
  isStalled(socket: Socket): boolean
}

export function createStallWatch(stallMs: number): StallWatch {
  const lookMs = Math.ceil(stallMs / LOOK_COUNT)
  const standstills = new WeakMap<Socket, Standstill>()
  return {
    begin: (socket) => void socket.setTimeout(lookMs),
    isStalled(socket) {
      const { timeout: timeoutMs = lookMs } = socket
      const lookedAtMs = performance.now()
      const last = standstills.get(socket)
      const sinceMs = lookedAtMs - (last?.lookedAtMs ?? Number.NEGATIVE_INFINITY)
      // Several who listen ask at one timeout.
      if (last !== undefined && sinceMs < timeoutMs / 2) return last.lastedMs >= stallMs
      const untaken = untakenBytes(socket)
      // Under TLS Node looks at what waits above the records, where some ten of them go at once.
      const isOn = last !== undefined && sinceMs < 1.75 * timeoutMs && untaken === last.untakenBytes
      const lastedMs = (isOn ? last.lastedMs : 0) + timeoutMs
      standstills.set(socket, { lastedMs, lookedAtMs, untakenBytes: untaken })
      if (lastedMs < stallMs) socket.setTimeout(lookMs)
      return lastedMs >= stallMs
    },
  }
}
