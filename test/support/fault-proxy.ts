// A TCP proxy between two loopback ports whose faults are switched while it runs.

import { on, once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { createGate, type Gate } from './gate.ts'

/** `request` flows from client to target. */
export type Direction = 'request' | 'response'

export interface Faults {
  /** Added to each direction; default 0. */
  readonly latencyMs?: number
  /** Per connection and direction; default unlimited. */
  readonly bytesPerSecond?: number
  /** Connections end after exactly this many bytes of theirs in that direction. */
  readonly cut?: {
    readonly direction: Direction
    readonly afterBytes: number
    readonly end: 'fin' | 'rst'
  }
  /** Connections are accepted, and nothing passes until the black hole is gone. */
  readonly blackHole?: boolean
}

export interface FaultProxyOptions {
  readonly targetPort: number
  readonly targetHost?: string
  readonly faults?: Faults
  /** Sees all bytes received, before any fault. */
  readonly onBytes?: (direction: Direction, bytes: Buffer, connectionId: number) => void
  /** Asked after `onBytes`, before they pass: an ending cuts this connection, and they are lost. */
  readonly endsBefore?: (
    direction: Direction,
    bytes: Buffer,
    connectionId: number,
  ) => 'fin' | 'rst' | undefined
}

export interface FaultProxy {
  readonly port: number
  readonly url: string
  /** Replaces all faults, for open connections too. `{}` heals. */
  set(faults: Faults): void
  /** Closes the listener, so that connecting is refused; open connections live on. */
  refuse(): void
  /** Listens on the same port again. */
  reopen(): Promise<void>
  /** Ends all open connections. */
  cutAll(end: 'fin' | 'rst'): void
  /** Connections accepted so far, and open now. */
  counters(): { readonly accepted: number; readonly open: number }
  close(): Promise<void>
}

interface Link {
  readonly id: number
  readonly client: Socket
  target?: Socket
}

interface Route {
  readonly direction: Direction
  readonly link: Link
  readonly from: Socket
  readonly to: Socket
  readonly options: FaultProxyOptions
  readonly control: Control
}

interface Control {
  faults: Faults
  /** Shut while there is a black hole. */
  passage: Gate
}

const HOST = '127.0.0.1'
const STEPS_PER_SECOND = 50
const MAX_QUEUED_CHUNKS = 64

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const control: Control = { faults: {}, passage: createGate() }
  const links = new Set<Link>()
  let accepted = 0
  function set(faults: Faults): void {
    control.faults = faults
    control.passage.release()
    control.passage = createGate()
    if (faults.blackHole !== true) control.passage.release()
  }
  set(options.faults ?? {})
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted += 1
    const link: Link = { id: accepted, client }
    links.add(link)
    client.once('close', () => links.delete(link))
    void join(link, options, control)
  })
  async function listen(port: number): Promise<number> {
    server.listen(port, HOST)
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }
  function cutAll(end: 'fin' | 'rst'): void {
    for (const link of links) endLink(link, end)
  }
  const port = await listen(0)
  return {
    port,
    url: `http://${HOST}:${port}`,
    set,
    cutAll,
    refuse: () => void server.close(),
    async reopen() {
      if (!server.listening) await listen(port)
    },
    counters: () => ({ accepted, open: links.size }),
    async close() {
      cutAll('rst')
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function join(link: Link, options: FaultProxyOptions, control: Control): Promise<void> {
  const { client } = link
  client.on('error', () => endLink(link, 'rst'))
  await passage(control)
  if (client.destroyed) return
  const target = connect({
    port: options.targetPort,
    host: options.targetHost ?? HOST,
    allowHalfOpen: true,
    noDelay: true,
  })
  link.target = target
  target.on('error', () => endLink(link, 'rst'))
  client.once('close', () => target.destroySoon())
  target.once('close', () => client.destroySoon())
  const shared = { link, options, control }
  void pump({ ...shared, direction: 'request', from: client, to: target })
  void pump({ ...shared, direction: 'response', from: target, to: client })
}

async function passage(control: Control): Promise<void> {
  while (control.faults.blackHole === true) await control.passage.wait()
}

async function pump(route: Route): Promise<void> {
  const { direction, link, from, to, options, control } = route
  const cameAtMs: number[] = []
  // Registered first, so each instant is noted before its chunk is queued.
  from.on('data', () => cameAtMs.push(performance.now()))
  let passedBytes = 0
  try {
    const closing = ['end', 'close']
    const limits = { highWaterMark: MAX_QUEUED_CHUNKS, lowWaterMark: 1 }
    for await (const [chunk] of on(from, 'data', { close: closing, ...limits })) {
      if (!Buffer.isBuffer(chunk)) continue
      options.onBytes?.(direction, chunk, link.id)
      const end = options.endsBefore?.(direction, chunk, link.id)
      if (end !== undefined) return endLink(link, end)
      const arrivedAtMs = cameAtMs.shift() ?? 0
      await passage(control)
      const waitMs = arrivedAtMs + (control.faults.latencyMs ?? 0) - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      const { cut } = control.faults
      const isCutting = cut?.direction === direction
      const leftBytes = isCutting ? Math.max(0, cut.afterBytes - passedBytes) : Infinity
      await write(to, chunk.subarray(0, leftBytes), control)
      passedBytes += chunk.length
      if (isCutting && passedBytes >= cut.afterBytes) return endLink(link, cut.end)
    }
    to.end()
  } catch {
    endLink(link, 'rst')
  }
}

/** Resolves when the bytes have left this process, in steps if bandwidth is limited. */
async function write(to: Socket, bytes: Buffer, control: Control): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesPerSecond = Infinity } = control.faults
    const stepBytes = Math.max(1, Math.floor(bytesPerSecond / STEPS_PER_SECOND))
    const step = bytes.subarray(at, at + stepBytes)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    to.write(step, (error) => (error ? reject(error) : resolve()))
    await promise
    at += step.length
    if (bytesPerSecond !== Infinity) await sleep((step.length * 1000) / bytesPerSecond)
  }
}

function endLink(link: Link, end: 'fin' | 'rst'): void {
  for (const socket of [link.client, link.target]) {
    if (end === 'fin') socket?.destroySoon()
    // While an `end()` is pending, Node fails to reset (EINVAL) and never closes the socket.
    else if (socket?.writableEnded === true) socket.destroy()
    else socket?.resetAndDestroy()
  }
}
