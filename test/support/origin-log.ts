// What an origin has seen: one record per request, and the counts.

import type { IncomingMessage } from 'node:http'

import type { OriginRequest } from './origin-answer.ts'
import type { FaultName } from './origin-faults.ts'

/** One request the origin has seen; it changes until it is finished or aborted. */
export interface SeenRequest extends OriginRequest {
  /** Name, value, name, value, as on the wire. */
  readonly rawHeaders: readonly string[]
  /** Wall clock with a fraction. */
  readonly atMs: number
  readonly connectionId: number
  /** Those that struck it; handlers and raw answers know none. */
  readonly faults: readonly FaultName[]
  /** Body bytes given to the socket; for handlers and raw answers all bytes, the head included. */
  readonly bytesSent: number
  /** All that was planned is sent, be it a right answer or a broken one. */
  readonly finished: boolean
  /** The client was gone before that. */
  readonly aborted: boolean
  /** When it was finished or aborted. */
  readonly endedAtMs: number | undefined
}

export interface OriginCounters {
  readonly requests: number
  readonly connections: number
  /** As `bytesSent`, of all requests. */
  readonly bodyBytes: number
  /** Requests being answered at this moment, and the most there were at once. */
  readonly concurrent: number
  readonly maxConcurrent: number
  /** What node:http refused as malformed; such requests are not in the log. */
  readonly malformed: number
}

export type OpenRequest = { -readonly [Key in keyof SeenRequest]: SeenRequest[Key] }

export interface OriginLog {
  readonly requests: readonly SeenRequest[]
  counters(): OriginCounters
  countConnection(): void
  countMalformed(): void
  open(request: IncomingMessage, connectionId: number): OpenRequest
  countBytes(seen: OpenRequest, count: number): void
  end(seen: OpenRequest, how: 'finished' | 'aborted'): void
  /** Requests still being answered go on counting as concurrent. */
  reset(): void
}

const NO_COUNTS = { requests: 0, connections: 0, bodyBytes: 0, maxConcurrent: 0, malformed: 0 }

export function createOriginLog(): OriginLog {
  const requests: OpenRequest[] = []
  let counts = { ...NO_COUNTS }
  let concurrent = 0
  return {
    requests,
    counters: () => ({ ...counts, concurrent }),
    countConnection() {
      counts.connections += 1
    },
    countMalformed() {
      counts.malformed += 1
    },
    open(request, connectionId) {
      const seen = describe(request, connectionId)
      requests.push(seen)
      counts.requests += 1
      concurrent += 1
      counts.maxConcurrent = Math.max(counts.maxConcurrent, concurrent)
      return seen
    },
    countBytes(seen, count) {
      seen.bytesSent += count
      counts.bodyBytes += count
    },
    end(seen, how) {
      seen[how] = true
      seen.endedAtMs = nowMs()
      concurrent -= 1
    },
    reset() {
      requests.length = 0
      counts = { ...NO_COUNTS, maxConcurrent: concurrent }
    },
  }
}

function describe(request: IncomingMessage, connectionId: number): OpenRequest {
  const { method = '', url: target = '', rawHeaders } = request
  return {
    method,
    target,
    rawHeaders,
    header: (name) => joinValues(rawHeaders, name.toLowerCase()),
    atMs: nowMs(),
    connectionId,
    faults: [],
    bytesSent: 0,
    finished: false,
    aborted: false,
    endedAtMs: undefined,
  }
}

function joinValues(rawHeaders: readonly string[], wanted: string): string | undefined {
  const values = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === wanted,
  )
  return values.length === 0 ? undefined : values.join(', ')
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
