// A plain client on node:http that reports a broken body instead of throwing.

import { type Agent, type IncomingMessage, request as startRequest } from 'node:http'

export interface HttpGetOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Shorthand for the Range field, as in `bytes=0-9`. */
  readonly range?: string
  /** Sent as the request target as it is, where a URL would be normalised. */
  readonly target?: string
  readonly body?: string | Uint8Array
  /** Default: a connection of its own. */
  readonly agent?: Agent
  /** Total; default 10000. Before the head it rejects, within the body it is incomplete. */
  readonly timeoutMs?: number
  /** Cuts the request off, with the same consequences. */
  readonly signal?: AbortSignal
  /** Is given the response when its head has come; may pause it. */
  readonly onHead?: (response: IncomingMessage) => void
  /** Is given the body piece by piece, and then `body` stays empty. */
  readonly onChunk?: (chunk: Buffer) => void
}

export interface HttpResult {
  readonly status: number
  /** As on the wire. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Values joined with a comma; names in any case. */
  header(name: string): string | undefined
  readonly body: Buffer
  readonly bodyBytes: number
  /** The body ended as its framing promised. */
  readonly complete: boolean
  /** Why not. */
  readonly error: Error | undefined
  readonly trailers: readonly (readonly [name: string, value: string])[]
  readonly elapsedMs: number
}

/** Rejects only if no head of a response came. */
export async function httpGet(url: string, options: HttpGetOptions = {}): Promise<HttpResult> {
  const { method = 'GET', headers = {}, range, target, agent, timeoutMs = 10_000 } = options
  const startedAtMs = performance.now()
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  const all = range === undefined ? headers : { ...headers, Range: range }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = startRequest(url, {
    method,
    headers: Object.fromEntries(Object.entries(all).map(([name, value]) => [name, copy(value)])),
    agent: agent ?? false,
    signal,
    ...(target === undefined ? {} : { path: target }),
  })
  request.once('response', resolve)
  request.on('error', reject)
  request.end(options.body)
  const response = await promise
  options.onHead?.(response)
  const read = await readBody(response, options.onChunk)
  const fields = pairs(response.rawHeaders)
  return {
    status: response.statusCode ?? 0,
    headers: fields,
    header: (name) => joinValues(fields, name.toLowerCase()),
    ...read,
    trailers: pairs(response.rawTrailers),
    elapsedMs: performance.now() - startedAtMs,
  }
}

async function readBody(
  response: IncomingMessage,
  onChunk: ((chunk: Buffer) => void) | undefined,
): Promise<Pick<HttpResult, 'body' | 'bodyBytes' | 'complete' | 'error'>> {
  const chunks: Buffer[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  let bodyBytes = 0
  let error: Error | undefined
  response.on('data', (chunk: Buffer) => {
    bodyBytes += chunk.length
    if (onChunk === undefined) chunks.push(chunk)
    else onChunk(chunk)
  })
  response.on('error', (cause) => {
    error = cause
  })
  response.once('close', resolve)
  await promise
  // What has come may have been thrown away unread.
  const complete = response.complete && response.readableEnded && error === undefined
  return { body: Buffer.concat(chunks), bodyBytes, complete, error }
}

function copy(value: string | readonly string[]): string | string[] {
  return typeof value === 'string' ? value : [...value]
}

function pairs(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = []
  for (let index = 0; index < flat.length; index += 2) {
    found.push([flat[index] ?? '', flat[index + 1] ?? ''])
  }
  return found
}

function joinValues(fields: HttpResult['headers'], wanted: string): string | undefined {
  const values = fields.filter(([name]) => name.toLowerCase() === wanted)
  return values.length === 0 ? undefined : values.map(([, value]) => value).join(', ')
}
