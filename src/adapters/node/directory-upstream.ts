import { resolve } from 'node:path'

import { NO_FIELDS } from '#core/entry/fields.ts'
import type { Fields } from '#core/entry/fields.ts'
import { formatUnsatisfiedRange } from '#core/http/byte-range.ts'
import { formatHttpDate } from '#core/http/http-date.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import type { Upstream, UpstreamRequest, UpstreamResponse } from '#core/ports/upstream.ts'
import { Cancelled, UpstreamError } from '#core/ports/upstream.ts'
import { ownResponse } from '#web/own-response.ts'
import { describeFile, selectPart, spanFields } from './directory-file.ts'
import { codeOf, openUnder } from './directory-path.ts'
import type { Found } from './directory-path.ts'
import { readFileSpan } from './file-source.ts'

export interface DirectoryUpstreamOptions {
  readonly directory: string
  readonly clock: Clock
}

/** A request on its way, and what its answer tells of where and when. */
interface Asking {
  readonly directory: string
  readonly address: string
  readonly clock: Clock
  readonly request: UpstreamRequest
  readonly sentAtMs: number
}

/**
 * Serves the files under a directory as an origin: GET and HEAD, single ranges, conditions, `index.html` of
 * a directory. What is read is one version of a file: a file that changes meanwhile breaks the body.
 */
export function createDirectoryUpstream(options: DirectoryUpstreamOptions): Upstream {
  const { clock } = options
  const directory = resolve(options.directory)
  const address = `file://${directory}`
  return {
    async fetch(request, scope) {
      const beganAtMs = clock.monotonicMs()
      const asking = { directory, address, clock, request, sentAtMs: clock.nowMs() }
      request.body?.cancel('files take no bodies')
      try {
        const response = await heeding(scope, clock, () => respond(asking))
        const durationMs = clock.monotonicMs() - beganAtMs
        scope.record({ kind: 'fetch', address, status: response.status, durationMs })
        return response
      } catch (error) {
        if (error instanceof Cancelled) throw error
        const failure = toFailure(error, address)
        const durationMs = clock.monotonicMs() - beganAtMs
        scope.record({ kind: 'fetch-failed', error: failure.kind, durationMs })
        throw failure
      }
    },
  }
}

async function respond(asking: Asking): Promise<UpstreamResponse> {
  const { method, target } = asking.request
  if (method !== 'GET' && method !== 'HEAD') return plain(asking, 405, ['allow', 'GET, HEAD'])
  const found = await openUnder(asking.directory, target)
  if (found.kind === 'refused') return plain(asking, found.status)
  if (found.kind === 'moved') return plain(asking, 301, ['location', found.location])
  return respondWith(asking, found)
}

/** Takes over the file. */
function respondWith(
  asking: Asking,
  { file, stats, name }: Extract<Found, { kind: 'file' }>,
): UpstreamResponse {
  const { request, clock, address, sentAtMs } = asking
  const receivedAtMs = clock.nowMs()
  const described = describeFile(stats, name, receivedAtMs)
  const { completeLength } = described
  const part = selectPart(request, described, receivedAtMs)
  if (part.kind === 'refused') {
    file.close()
    if (part.status === 412) return plain(asking, 412)
    return plain(asking, 416, ['content-range', formatUnsatisfiedRange(completeLength)])
  }
  const isSent = request.method === 'GET' && part.kind === 'span'
  const { startByte, endByte } = isSent ? part.span : NOTHING
  const body = readFileSpan({ file, stamp: stats, name, startByte, endByte })
  const date = ['date', formatHttpDate(receivedAtMs)]
  return {
    status: part.status,
    fields: [...date, ...described.fields, ...spanFields(part, completeLength)],
    sentAtMs,
    receivedAtMs,
    from: { kind: 'origin', address },
    isDelimited: true,
    body,
    settled: body.settled,
  }
}

const NOTHING = { startByte: 0, endByte: 0 }

const TEXTS = {
  301: 'Moved permanently',
  400: 'Bad request',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  412: 'Precondition failed',
  416: 'Range not satisfiable',
} as const

function plain(
  { clock, address, request, sentAtMs }: Asking,
  status: keyof typeof TEXTS,
  fields: Fields = NO_FIELDS,
): UpstreamResponse {
  const receivedAtMs = clock.nowMs()
  const facts = { status, method: request.method, text: TEXTS[status], address }
  const dated = ['date', formatHttpDate(receivedAtMs), ...fields]
  return ownResponse({ ...facts, sentAtMs, receivedAtMs, fields: dated })
}

/** The work, unless its time is up or nobody waits: then it is left behind, and closes what it has opened. */
async function heeding(
  scope: RequestScope,
  clock: Clock,
  work: () => Promise<UpstreamResponse>,
): Promise<UpstreamResponse> {
  const given = Promise.withResolvers<never>()
  const onAbort = (): void => given.reject(abortReason(scope.signal))
  if (scope.signal.aborted) throw abortReason(scope.signal)
  if (clock.monotonicMs() >= scope.deadlineAtMs) throw timeout()
  scope.signal.addEventListener('abort', onAbort)
  const stop = clock.after(scope.deadlineAtMs - clock.monotonicMs(), () => given.reject(timeout()))
  const working = work()
  try {
    return await Promise.race([working, given.promise])
  } catch (error) {
    working.then(
      (late) => late.body.cancel(error),
      () => undefined,
    )
    throw error
  } finally {
    stop()
    scope.signal.removeEventListener('abort', onAbort)
  }
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof UpstreamError
    ? signal.reason
    : new Cancelled('Nobody waits any more')
}

function timeout(): UpstreamError {
  const message = 'Cannot open file: the deadline has passed'
  return new UpstreamError('http_response_timeout', message, { retryable: true })
}

/** Out of descriptors is our own limit; anything else is a file system that does not answer. */
function toFailure(error: unknown, address: string): UpstreamError {
  if (error instanceof UpstreamError) return error
  const code = codeOf(error)
  const kind =
    code === 'EMFILE' || code === 'ENFILE' ? 'connection_limit_reached' : 'destination_unavailable'
  const message = error instanceof Error ? error.message : String(error)
  const text = `Cannot read "${address}": ${message}`
  const failure = new UpstreamError(kind, text, { retryable: true, cause: error })
  failure.address = address
  return failure
}
