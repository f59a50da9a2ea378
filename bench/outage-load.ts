// An open-loop load: requests go out when they are due, whatever became of those before, and their latency counts from
// the instant at which they were due.

import { Agent, get } from 'node:http'

export interface LoadOptions {
  readonly port: number
  readonly perSecond: number
  /** Of each request when it is due. */
  nextPath(): string
  /** After which nobody waits any more: as if it had not been answered. */
  readonly timeoutMs: number
}

export interface Answered {
  readonly path: string
  /** Wall clock with a fraction, as are all instants here. */
  readonly dueAtMs: number
  readonly endedAtMs: number
  /** 0 if no whole answer came. */
  readonly status: number
  readonly bodyBytes: number
  readonly etag: string | undefined
}

export interface Load {
  /** Nothing new is sent; resolves when all are answered. */
  stop(): Promise<readonly Answered[]>
}

const TICK_MS = 2
/** So that who is not answered does not cost the generator its descriptors. */
const MAX_CONNECTION_COUNT = 4000

export function startLoad({ port, perSecond, nextPath, timeoutMs }: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTION_COUNT })
  const answers: Promise<Answered>[] = []
  const gapMs = 1000 / perSecond
  let dueAtMs = wallMs()
  const timer = setInterval(() => {
    for (const nowMs = wallMs(); dueAtMs <= nowMs; dueAtMs += gapMs) {
      answers.push(ask({ port, agent, path: nextPath(), dueAtMs, timeoutMs }))
    }
  }, TICK_MS)

  return {
    async stop() {
      clearInterval(timer)
      const all = await Promise.all(answers)
      agent.destroy()
      return all
    },
  }
}

/** Asks for all of them, a few at a time; rejects unless all are answered with 200. */
export async function askAll(port: number, paths: readonly string[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const dueAtMs = wallMs()
  const answers = await Promise.all(
    paths.map((path) => ask({ port, agent, path, dueAtMs, timeoutMs: 30_000 })),
  )
  agent.destroy()
  const bad = answers.find(({ status }) => status !== 200)
  if (bad !== undefined) throw new Error(`Cannot get "${bad.path}": status is ${bad.status}`)
}

interface Asked {
  readonly port: number
  readonly agent: Agent
  readonly path: string
  readonly dueAtMs: number
  readonly timeoutMs: number
}

function ask({ port, agent, path, dueAtMs, timeoutMs }: Asked): Promise<Answered> {
  const { promise, resolve } = Promise.withResolvers<Answered>()
  const timer = setTimeout(() => request.destroy(), timeoutMs)
  let bodyBytes = 0
  function end(status: number, etag?: string): void {
    clearTimeout(timer)
    resolve({ path, dueAtMs, endedAtMs: wallMs(), status, bodyBytes, etag })
  }
  const request = get({ host: '127.0.0.1', port, path, agent }, (response) => {
    response.on('data', (chunk: Buffer) => {
      bodyBytes += chunk.length
    })
    response.once('end', () => end(response.statusCode ?? 0, response.headers.etag))
    response.on('error', () => end(0))
  })
  request.on('error', () => end(0))
  return promise
}

export function wallMs(): number {
  return performance.timeOrigin + performance.now()
}
