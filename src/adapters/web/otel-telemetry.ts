// Metrics through the OpenTelemetry meter. Counting is adding to a number of our own; the instruments read
// these when they are scraped, so that a request costs next to nothing.

import type { Attributes, Meter } from '@opentelemetry/api'

import type { FlowEvent } from '#core/ports/request-scope.ts'

/** One finished request, as it is counted. */
export interface RequestFacts {
  readonly status: number
  /** `hit`, a reason of RFC 9211 §2.2, or `none` where the cache was not asked. */
  readonly cache: string
  readonly bodyBytes: number
  readonly durationMs: number
}

/** What is read when scraped: one number, or one for each of several things. */
export interface Gauges {
  readonly [name: string]: { readonly description: string; read(): number | readonly Sample[] }
}

export interface Sample {
  readonly value: number
  readonly attributes: Attributes
}

export interface Telemetry {
  record(event: FlowEvent): void
  requestEnded(facts: RequestFacts): void
  /** @param outcome From a bounded set. */
  readonly handshakeEnded: (outcome: string) => void
}

class Counter {
  readonly #values = new Map<string, { attributes: Attributes; value: number }>()

  add(value: number, key: string, attributes: Attributes): void {
    const series = this.#values.get(key)
    if (series === undefined) this.#values.set(key, { attributes, value })
    else series.value += value
  }

  expose(meter: Meter, name: string, description: string): this {
    meter.createObservableCounter(name, { description }).addCallback((result) => {
      for (const { attributes, value } of this.#values.values()) result.observe(value, attributes)
    })
    return this
  }
}

/** Upper bounds in seconds: from a hit in memory to a download of minutes. */
const DURATION_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
]

export function createTelemetry(meter: Meter, gauges: Gauges): Telemetry {
  const counter = (name: string, description: string) =>
    new Counter().expose(meter, name, description)
  const requests = counter('sluice_requests', 'Requests answered, by cache result and status class')
  const responseBytes = counter('sluice_response_bytes', 'Body bytes sent to clients')
  const fetches = counter('sluice_origin_requests', 'Responses of origins, by status class')
  const fetchErrors = counter('sluice_origin_errors', 'Requests that origins did not answer')
  const originBytes = counter('sluice_origin_bytes', 'Body bytes received from origins')
  const events = counter('sluice_events', 'What happened inside, by kind and reason')
  const handshakes = counter('sluice_tls_handshakes', 'TLS handshakes with clients, by outcome')
  const duration = meter.createHistogram('sluice_request_duration_seconds', {
    description: 'From the request head to the last byte of the answer',
    advice: { explicitBucketBoundaries: DURATION_BUCKETS_SECONDS },
  })
  for (const [name, { description, read }] of Object.entries(gauges)) {
    meter.createObservableGauge(name, { description }).addCallback((result) => {
      const now = read()
      if (typeof now === 'number') return result.observe(now)
      for (const { value, attributes } of now) result.observe(value, attributes)
    })
  }

  return {
    record(event) {
      switch (event.kind) {
        case 'fetch': {
          const status = statusClass(event.status)
          return fetches.add(1, `${status} ${event.address}`, { status, origin: event.address })
        }
        case 'fetch-failed':
          return fetchErrors.add(1, event.error, { error: event.error })
        case 'origin-bytes':
          return originBytes.add(event.bytes, '', {})
        // Each request is counted by its result when it ends.
        case 'lookup':
          return
        default: {
          const because = reasonOf(event)
          return events.add(1, `${event.kind} ${because}`, { kind: event.kind, because })
        }
      }
    },
    requestEnded({ status, cache, bodyBytes, durationMs }) {
      const group = statusClass(status)
      requests.add(1, `${cache} ${group}`, { cache, status: group })
      responseBytes.add(bodyBytes, cache, { cache })
      duration.record(durationMs / 1000, cache === 'hit' ? HIT : NO_HIT)
    },
    handshakeEnded: (outcome) => handshakes.add(1, outcome, { outcome }),
  }
}

const HIT: Attributes = { cache: 'hit' }
const NO_HIT: Attributes = { cache: 'other' }

function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`
}

/** The one thing that tells events of a kind apart, from a bounded set of values. */
function reasonOf(event: FlowEvent): string {
  if ('because' in event) return event.because
  if ('outcome' in event) return event.outcome
  if ('algorithm' in event) return event.algorithm
  if (event.kind === 'limit') return event.name
  if (event.kind === 'breaker') return event.state
  if (event.kind === 'health') return event.isWell ? 'well' : 'unwell'
  return ''
}
