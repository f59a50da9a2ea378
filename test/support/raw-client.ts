// A client that sends exact bytes and reads exact bytes.

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { type ParsedResponse, parseResponse } from './raw-response.ts'

export interface RawRequestOptions {
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Strings are latin1. A list is sent piece by piece. */
  readonly bytes: string | Uint8Array | readonly (string | Uint8Array)[]
  /** Between two pieces; default 10. */
  readonly gapMs?: number
  /** Stop after this many final responses (default 1), or when the connection ends. */
  readonly until?: 'close' | number
  /** Total; default 5000. Running out is not an error. */
  readonly timeoutMs?: number
  /** Sends FIN after the bytes. */
  readonly halfClose?: boolean
  /** Methods of the requests in `bytes`, in order, so that HEAD is known; default all GET. */
  readonly methods?: readonly string[]
  /** After the last response, how long to watch for a close or for stray bytes; default 0. */
  readonly lingerMs?: number
}

export interface RawResult {
  /** Everything received. */
  readonly bytes: Buffer
  /** The final responses in order, the last perhaps incomplete. */
  readonly responses: readonly ParsedResponse[]
  /** What follows the last complete response. */
  readonly rest: Buffer
  /** Why the bytes are no HTTP response, if they are not. */
  readonly problem: string | undefined
  /** How the connection stood when we stopped. */
  readonly ended: 'open' | 'fin' | 'reset'
  readonly timedOut: boolean
  readonly elapsedMs: number
}

interface Received {
  chunks: Buffer[]
  lengthBytes: number
  ended: RawResult['ended']
}

type Parsed = Pick<RawResult, 'responses' | 'rest' | 'problem'> & {
  readonly finalCount: number
  /** Not worth parsing again with fewer bytes. */
  readonly neededBytes: number
}

/** Never rejects for what the peer does; rejects if no connection could be made. */
export async function rawRequest(options: RawRequestOptions): Promise<RawResult> {
  const { port, host = '127.0.0.1', timeoutMs = 5000, lingerMs = 0 } = options
  const startedAtMs = performance.now()
  const socket = connect({ port, host, allowHalfOpen: true, noDelay: true })
  const received: Received = { chunks: [], lengthBytes: 0, ended: 'open' }
  const isDone = watch(socket, received, options)
  const deadline = new AbortController()
  try {
    await connected(socket)
    void sendPieces(socket, options, deadline.signal)
    const outOfTime = sleep(timeoutMs, 'timeout' as const, { signal: deadline.signal })
    const first = await Promise.race([isDone, outOfTime.catch(() => 'timeout' as const)])
    if (lingerMs > 0 && received.ended === 'open') await untilClose(socket, lingerMs)
    const { responses, rest, problem } = parseAll(received, options)
    return {
      bytes: join(received),
      responses,
      rest,
      problem,
      ended: received.ended,
      timedOut: first === 'timeout',
      elapsedMs: performance.now() - startedAtMs,
    }
  } finally {
    deadline.abort()
    socket.destroy()
  }
}

async function connected(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('connect', resolve)
  socket.once('error', reject)
  await promise
}

/** Resolves when enough came or the connection ended. */
async function watch(
  socket: Socket,
  received: Received,
  options: RawRequestOptions,
): Promise<'done'> {
  const { until = 1 } = options
  const { promise, resolve } = Promise.withResolvers<'done'>()
  let neededBytes = 0
  socket.on('data', (chunk: Buffer) => {
    received.chunks.push(chunk)
    received.lengthBytes += chunk.length
    if (until === 'close' || received.lengthBytes < neededBytes) return
    const parsed = parseAll(received, options)
    neededBytes = parsed.neededBytes
    if (parsed.finalCount >= until || parsed.problem !== undefined) resolve('done')
  })
  function end(how: 'fin' | 'reset'): void {
    if (received.ended === 'open') received.ended = how
    resolve('done')
  }
  socket.on('end', () => end('fin'))
  socket.on('error', () => end('reset'))
  return await promise
}

async function sendPieces(
  socket: Socket,
  { bytes, gapMs = 10, halfClose = false }: RawRequestOptions,
  signal: AbortSignal,
): Promise<void> {
  const pieces = typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await sleep(gapMs)
    if (signal.aborted || !socket.writable) return
    socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
  }
  if (halfClose) socket.end()
}

async function untilClose(socket: Socket, lingerMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('end', resolve)
  socket.once('close', resolve)
  await Promise.race([promise, sleep(lingerMs)])
}

function join(received: Received): Buffer {
  const all = Buffer.concat(received.chunks)
  received.chunks = [all]
  return all
}

function parseAll(received: Received, { methods = [] }: RawRequestOptions): Parsed {
  const bytes = join(received)
  const responses: ParsedResponse[] = []
  let at = 0
  while (at < bytes.length) {
    const method = methods[responses.length] ?? 'GET'
    const parsed = parseResponse(bytes.subarray(at), method, received.ended)
    const rest = bytes.subarray(at)
    const finalCount = responses.length
    if ('problem' in parsed) {
      return { responses, rest, problem: parsed.problem, finalCount, neededBytes: 0 }
    }
    if ('neededBytes' in parsed) {
      const { response } = parsed
      const shown = response === undefined ? responses : [...responses, response]
      const neededBytes = at + parsed.neededBytes
      return { responses: shown, rest, problem: undefined, finalCount, neededBytes }
    }
    responses.push(parsed.response)
    at += parsed.usedBytes
  }
  const rest = bytes.subarray(at)
  return { responses, rest, problem: undefined, finalCount: responses.length, neededBytes: at + 1 }
}
