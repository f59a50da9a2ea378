// W3C Trace Context, the header field (traceparent version 00).

export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

export function parseTraceparent(value: string): TraceContext | undefined {
  const match = TRACEPARENT.exec(value)
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) return undefined
  if (/^0+$/.test(match[1]) || /^0+$/.test(match[2])) return undefined
  return {
    traceId: match[1],
    spanId: match[2],
    sampled: (Number.parseInt(match[3], 16) & 1) === 1,
  }
}

export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`
}
