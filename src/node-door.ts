// One request at the Node listener: read, handled, and told to logs, metrics and traces.

import type { Tracer } from '@opentelemetry/api'

import { toAnswer } from '#app/answer-response.ts'
import type { createApp } from '#app/app.ts'
import { needsApp } from '#app/app.ts'
import { answerOfError, answerOfRefusal } from '#app/error-response.ts'
import type { Handle } from '#app/handle.ts'
import type { Answer } from '#core/entry/answer.ts'
import type { RawRequest } from '#core/entry/asked.ts'
import type { Maybe } from '#core/entry/byte-source.ts'
import { isPromise } from '#core/entry/byte-source.ts'
import { combined } from '#core/entry/fields.ts'
import type { Fields } from '#core/entry/fields.ts'
import type { ReadHead, ReadOptions } from '#core/flow/read-request.ts'
import { readHead } from '#core/flow/read-request.ts'
import type { Site } from '#core/flow/site.ts'
import type { SiteTable } from '#core/flow/site-table.ts'
import type { TraceContext } from '#core/http/traceparent.ts'
import { parseTraceparent } from '#core/http/traceparent.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { FlowEvent, RequestScope } from '#core/ports/request-scope.ts'
import type { RequestSpan } from '#web/otel-spans.ts'
import { beginRequestSpan } from '#web/otel-spans.ts'
import type { Telemetry } from '#web/otel-telemetry.ts'
import type { AccessLog } from './adapters/node/access-log.ts'
import type { Done, ServerExchange } from './adapters/node/http-server.ts'
import { NodeScope } from './adapters/node/node-scope.ts'

export interface DoorOptions {
  readonly app: ReturnType<typeof createApp>
  readonly handle: Handle
  readonly sites: () => SiteTable
  /** In the clear. */
  readonly readOptions: ReadOptions
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly tracer: Tracer | undefined
  readonly accessLog: AccessLog | undefined
  /** Longest time a request may wait for an origin. */
  readonly deadlineMs: number
  /** Begins every request id of this process. */
  readonly idPrefix: string
  /** Told of what an operator should hear of. */
  record(event: FlowEvent): void
  onBackgroundError(error: unknown): void
}

export type Door = (raw: RawRequest, exchange: ServerExchange) => Maybe<Answer>

export function createDoor(options: DoorOptions): Door {
  let requestCount = 0
  const readOptions = { ...options.readOptions, scheme: 'https' } as const
  const secureOptions = { ...options, readOptions }

  return function door(raw, exchange) {
    const id = `${options.idPrefix}${++requestCount}`
    const visit = new Visit(exchange.isSecure ? secureOptions : options, raw, exchange, id)
    // What is thrown here is a mistake of ours, and no reason for others to go without an answer.
    const failed = (error: unknown) => {
      options.onBackgroundError(error)
      return visit.answered(answerOfError(error, options.readOptions.name))
    }
    try {
      const answer = visit.answer()
      if (!isPromise(answer)) return visit.answered(answer)
      return answer.then((settled) => visit.answered(settled)).catch(failed)
    } catch (error) {
      return failed(error)
    }
  }
}

/** Kinds that are worth a log line of their own, beside the request's. */
const LOUD: ReadonlySet<FlowEvent['kind']> = new Set([
  'breaker',
  'limit',
  'fetch-failed',
  'version-changed',
  'field-dropped',
])

/** One request from its head to its last byte. */
class Visit {
  readonly #options: DoorOptions
  readonly #raw: RawRequest
  readonly #exchange: ServerExchange
  readonly #scope: NodeScope
  readonly #startedAtMs: number
  readonly #startedMs: number
  readonly #span: RequestSpan | undefined
  #originBytes = 0
  #answer: Answer | undefined
  #host = ''

  constructor(options: DoorOptions, raw: RawRequest, exchange: ServerExchange, id: string) {
    const { clock, tracer } = options
    this.#options = options
    this.#raw = raw
    this.#exchange = exchange
    this.#startedAtMs = clock.nowMs()
    this.#startedMs = clock.monotonicMs()
    const parent = parentOf(raw.lines)
    if (tracer !== undefined) {
      const { method, target } = raw
      const startedAtMs = this.#startedAtMs
      const facts = { method, target, parent, startedAtMs, nowMs: () => clock.nowMs() }
      this.#span = beginRequestSpan(tracer, facts)
    }
    this.#scope = new NodeScope({
      id,
      trace: this.#span?.trace ?? parent,
      deadlineAtMs: this.#startedMs + options.deadlineMs,
      record: (event) => this.#record(event),
      onInterim: (status, fields) => exchange.sendInterim(status, fields),
      onBackgroundError: options.onBackgroundError,
    })
    exchange.onGone = () => this.#scope.abort('the client is gone')
    exchange.onDone = (done) => this.#done(done)
  }

  answer(): Maybe<Answer> {
    const { readOptions, sites, handle } = this.#options
    const head = readHead(this.#raw, readOptions)
    if (head.kind === 'refused') return answerOfRefusal(head)
    this.#host = head.authority
    const site = sites().find(head.authority, head.raw.target)
    return needsApp(head, site)
      ? answerThroughApp(this.#options.app, head, site, this.#scope)
      : handle(head, site, this.#scope)
  }

  answered(answer: Answer): Answer {
    this.#answer = answer
    return answer
  }

  #record(event: FlowEvent): void {
    if (event.kind === 'origin-bytes') this.#originBytes += event.bytes
    this.#span?.record(event)
    this.#options.telemetry.record(event)
    if (LOUD.has(event.kind)) this.#options.record(event)
  }

  #done(done: Done): void {
    const { telemetry, accessLog, clock } = this.#options
    const durationMs = clock.monotonicMs() - this.#startedMs
    const cache = ownCacheStatus(this.#answer?.fields ?? [])
    const { status, bodyBytes } = done
    telemetry.requestEnded({ status, bodyBytes, durationMs, cache: resultOf(cache) })
    this.#span?.end(status, cache)
    accessLog?.write({
      atMs: this.#startedAtMs,
      id: this.#scope.id,
      client: this.#exchange.socket.remoteAddress ?? '',
      method: this.#raw.method,
      host: this.#host,
      target: this.#raw.target,
      status,
      bodyBytes,
      durationMs,
      cache,
      originBytes: this.#originBytes,
      userAgent: lineOf(this.#raw.lines, 'user-agent') ?? '',
      error: done.error instanceof Error ? done.error.message : '',
    })
  }
}

/** Through the middleware; what is no Answer of ours is small and made by one of them. */
async function answerThroughApp(
  app: DoorOptions['app'],
  head: ReadHead,
  site: Site | undefined,
  scope: RequestScope,
): Promise<Answer> {
  return toAnswer(await app.fetch(requestOf(head), { head, site, scope }))
}

/** The Request that middleware looks at; its URL has lost what the raw target still has, and it has no body. */
export function requestOf({ fields, raw }: ReadHead): Request {
  const headers = new Headers()
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i] ?? '', fields[i + 1] ?? '')
  // What is a good Host need not be one that a URL can have (999.1.1.1); nothing here looks at it.
  return new Request(`http://edge${raw.target}`, { method: raw.method, headers })
}

function lineOf(lines: readonly string[], name: string): string | undefined {
  for (let i = 0; i < lines.length; i += 2) {
    if ((lines[i] ?? '').toLowerCase() === name) return lines[i + 1]
  }
  return undefined
}

function parentOf(lines: readonly string[]): TraceContext | undefined {
  const value = lineOf(lines, 'traceparent')
  return value === undefined ? undefined : parseTraceparent(value)
}

/** Our own member, the last, without the name. */
function ownCacheStatus(fields: Fields): string {
  const value = combined(fields, 'cache-status') ?? ''
  const member = value.slice(value.lastIndexOf(', ') + 1)
  const mark = member.indexOf('; ')
  return mark < 0 ? '' : member.slice(mark + 2)
}

function resultOf(cache: string): string {
  if (cache.startsWith('hit')) return 'hit'
  return /^fwd=([a-z-]+)/.exec(cache)?.[1] ?? 'none'
}
