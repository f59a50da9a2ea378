// Spans of a request, made from what the core tells: request, lookup, origin.

import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api'
import type { Context, Tracer } from '@opentelemetry/api'

import type { TraceContext } from '#core/http/traceparent.ts'
import type { FlowEvent } from '#core/ports/request-scope.ts'

export interface RequestSpan {
  /** What the origin is told to continue. */
  readonly trace: TraceContext
  record(event: FlowEvent): void
  end(status: number, cache: string): void
}

export interface SpanFacts {
  readonly method: string
  readonly target: string
  readonly parent: TraceContext | undefined
  /** Wall clock, as for all the times below. */
  readonly startedAtMs: number
  nowMs(): number
}

export function beginRequestSpan(tracer: Tracer, facts: SpanFacts): RequestSpan {
  const { method, target, parent, startedAtMs, nowMs } = facts
  const [path = ''] = target.split('?')
  const span = tracer.startSpan(
    method,
    {
      kind: SpanKind.SERVER,
      startTime: startedAtMs,
      attributes: { 'http.request.method': method, 'url.path': path },
    },
    contextOf(parent),
  )
  const context = trace.setSpan(ROOT_CONTEXT, span)
  const { traceId, spanId, traceFlags } = span.spanContext()

  function child(name: string, startTime: number, kind: SpanKind, attributes: object): void {
    tracer.startSpan(name, { kind, startTime, attributes: { ...attributes } }, context).end(nowMs())
  }

  return {
    trace: { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
    record(event) {
      if (event.kind === 'lookup') {
        child('lookup', startedAtMs, SpanKind.INTERNAL, { 'sluice.lookup': event.outcome })
      } else if (event.kind === 'fetch') {
        child('origin', nowMs() - event.durationMs, SpanKind.CLIENT, {
          'http.response.status_code': event.status,
          'server.address': event.address,
        })
      } else if (event.kind === 'fetch-failed') {
        child('origin', nowMs() - event.durationMs, SpanKind.CLIENT, { 'error.type': event.error })
      }
    },
    end(status, cache) {
      span.setAttributes({ 'http.response.status_code': status, 'sluice.cache': cache })
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end(nowMs())
    },
  }
}

function contextOf(parent: TraceContext | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  })
}
