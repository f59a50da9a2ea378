// An S3-like origin server on a loopback port that can be told to misbehave.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { OriginObject } from './origin-answer.ts'
import { createScript, type Fault, type Script } from './origin-faults.ts'
import {
  createOriginLog,
  type OpenRequest,
  type OriginCounters,
  type OriginLog,
  type SeenRequest,
} from './origin-log.ts'
import { planAnswer } from './origin-plan.ts'
import { type RawAnswer, sendPlan, sendRaw } from './origin-send.ts'

export interface ScriptedObject extends OriginObject {
  /** Faults of this path. Their uses are counted anew with each `put`. */
  readonly script?: readonly Fault[]
}

/** Full freedom; may be async. What it throws is an unhandled rejection, so the test run fails. */
export type OriginHandler = (request: IncomingMessage, response: ServerResponse) => unknown

export type OriginTarget = ScriptedObject | RawAnswer | OriginHandler

export interface TestOriginOptions {
  /** Idle time after which a kept connection is closed; default 0, never. */
  readonly keepAliveTimeoutMs?: number
  /** Faults of every path, unknown ones included; handlers and raw answers know no faults. */
  readonly script?: readonly Fault[]
  /** Default 0, any free one. */
  readonly port?: number
}

export interface TestOrigin {
  readonly url: string
  readonly port: number
  readonly requests: readonly SeenRequest[]
  /** A target with its query is looked up first, then without. Put again to flip the version. */
  put(path: string, target: OriginTarget): void
  /** Flips the version and leaves the faults of the path as they are. */
  replace(path: string, object: OriginObject): void
  remove(path: string): void
  /** Adds a fault to a path, or to all. Returns a function that takes it away again. */
  inject(fault: Fault, path?: string): () => void
  counters(): OriginCounters
  /** Forgets the log and the counts only. */
  resetCounters(): void
  /** Forgets objects, faults, log and counts. Connections stay. */
  reset(): void
  /** Ends idle connections, as a server whose keep-alive time is over. */
  closeIdle(): void
  /** Ends every connection at once. */
  close(): Promise<void>
}

interface Catalogue {
  put(path: string, target: OriginTarget): void
  replace(path: string, object: OriginObject): void
  remove(path: string): void
  inject(fault: Fault, path?: string): () => void
  reset(): void
  find(target: string): { path: string; target: OriginTarget; scripts: readonly Script[] }
}

interface Exchange {
  readonly seen: OpenRequest
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly signal: AbortSignal
}

const MAX_HEADER_BYTES = 1_048_576
const MISSING: ScriptedObject = {
  status: 404,
  body: '<Error><Code>NoSuchKey</Code></Error>',
  fields: [['Content-Type', 'application/xml']],
  etag: false,
  lastModified: false,
  acceptRanges: false,
}

export async function startTestOrigin(options: TestOriginOptions = {}): Promise<TestOrigin> {
  const { keepAliveTimeoutMs = 0 } = options
  const log = createOriginLog()
  const catalogue = createCatalogue(options.script ?? [])
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: keepAliveTimeoutMs,
    // Node adds a second of grace, with which nothing could be tested at the instant.
    keepAliveTimeoutBuffer: 0,
    requestTimeout: 0,
    headersTimeout: 0,
  })
  const sockets = acceptConnections(server, log)
  server.on('request', (request, response) => {
    const seen = log.open(request, sockets.get(request.socket) ?? 0)
    const gone = new AbortController()
    const end = () => gone.abort()
    // One that waits for the response before it is told nothing of the end of its connection.
    request.socket.once('close', end)
    response.once('close', () => {
      request.socket.off('close', end)
      end()
    })
    request.resume()
    void answer({ seen, request, response, signal: gone.signal }, catalogue, log)
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: log.requests,
    put: (path, target) => catalogue.put(path, target),
    replace: (path, object) => catalogue.replace(path, object),
    remove: (path) => catalogue.remove(path),
    inject: (fault, path) => catalogue.inject(fault, path),
    counters: () => log.counters(),
    resetCounters: () => log.reset(),
    reset() {
      catalogue.reset()
      log.reset()
    },
    closeIdle: () => server.closeIdleConnections(),
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets.keys()) socket.destroy()
      await closed
    },
  }
}

/** The connections open now, with their numbers. */
function acceptConnections(server: Server, log: OriginLog): Map<Socket, number> {
  const sockets = new Map<Socket, number>()
  let lastId = 0
  server.on('connection', (socket: Socket) => {
    lastId += 1
    sockets.set(socket, lastId)
    log.countConnection()
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code?.startsWith('HPE_') === true) log.countMalformed()
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    else socket.destroy()
  })
  return sockets
}

async function answer(exchange: Exchange, catalogue: Catalogue, log: OriginLog): Promise<void> {
  const { seen, request, response, signal } = exchange
  const { path, target, scripts } = catalogue.find(seen.target)
  const { socket } = request
  const writtenBefore = socket.bytesWritten
  const countsWire = typeof target === 'function' || 'raw' in target
  try {
    if (typeof target === 'function') {
      await target(request, response)
      if (!response.writableFinished) await once(response, 'finish', { signal })
    } else if ('raw' in target) {
      await sendRaw(target, seen, response, signal)
    } else {
      const plan = planAnswer(path, target, seen, scripts)
      seen.faults = plan.struck
      const onBytes = (count: number): void => log.countBytes(seen, count)
      await sendPlan({ plan, response, signal, onBytes })
    }
    log.end(seen, 'finished')
  } catch (error) {
    log.end(seen, 'aborted')
    // That the client left is news for the log; anything else is a bug in the test.
    if (!signal.aborted) throw error
  } finally {
    if (countsWire) log.countBytes(seen, socket.bytesWritten - writtenBefore)
  }
}

function createCatalogue(faults: readonly Fault[]): Catalogue {
  const targets = new Map<string, OriginTarget>()
  const pathScripts = new Map<string, Script>()
  let everyPath = createScript(faults)
  function scriptOf(path: string): Script {
    const script = pathScripts.get(path) ?? createScript()
    pathScripts.set(path, script)
    return script
  }
  return {
    put(path, target) {
      targets.set(path, target)
      pathScripts.set(path, createScript('script' in target ? target.script : []))
    },
    replace: (path, object) => void targets.set(path, object),
    remove(path) {
      targets.delete(path)
      pathScripts.delete(path)
    },
    inject(fault, path) {
      return (path === undefined ? everyPath : scriptOf(path)).add(fault)
    },
    reset() {
      targets.clear()
      pathScripts.clear()
      everyPath = createScript()
    },
    find(wanted) {
      const path = targets.has(wanted) ? wanted : wanted.replace(/\?.*$/s, '')
      return { path, target: targets.get(path) ?? MISSING, scripts: [scriptOf(path), everyPath] }
    },
  }
}
