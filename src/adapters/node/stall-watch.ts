import type { Socket } from 'node:net'

/** Looks within the time that a client may stand still: it is cut at most one of them late. */
const LOOK_COUNT = 10

interface Standstill {
  readonly lastedMs: number
  readonly lookedAtMs: number
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
      const isOn = last !== undefined && sinceMs < 1.75 * timeoutMs
      const lastedMs = (isOn ? last.lastedMs : 0) + timeoutMs
      standstills.set(socket, { lastedMs, lookedAtMs })
      if (lastedMs < stallMs) socket.setTimeout(lookMs)
      return lastedMs >= stallMs
    },
  }
}
