import type { Fields } from '../entry/fields.ts'
import type { DigestAlgorithm } from '../http/digest-fields.ts'
import type { ForwardReason } from '../http/cache-status.ts'
import type { TraceContext } from '../http/traceparent.ts'
import type { UpstreamErrorKind } from './upstream.ts'

/** What the core tells of its doings. Spans, logs and metrics are made from these, outside of it. */
export type FlowEvent =
  | { readonly kind: 'lookup'; readonly outcome: 'hit' | 'stale' | 'miss' | 'slow' }
  | { readonly kind: 'forward'; readonly because: ForwardReason }
  | { readonly kind: 'collapsed' }
  | {
      readonly kind: 'fetch'
      readonly address: string
      readonly status: number
      readonly durationMs: number
    }
  | {
      readonly kind: 'fetch-failed'
      readonly error: UpstreamErrorKind
      readonly durationMs: number
    }
  | { readonly kind: 'stored'; readonly status: number }
  | { readonly kind: 'not-stored'; readonly because: string }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'stale-served'; readonly because: 'revalidating' | 'error' }
  | { readonly kind: 'retried' }
  | { readonly kind: 'hedged' }
  | { readonly kind: 'resumed'; readonly atByte: number }
  | { readonly kind: 'version-changed' }
  | { readonly kind: 'body-verified'; readonly algorithm: DigestAlgorithm }
  | { readonly kind: 'digest-mismatch'; readonly algorithm: DigestAlgorithm }
  | { readonly kind: 'field-dropped'; readonly name: string }
  | { readonly kind: 'origin-bytes'; readonly bytes: number }
  | { readonly kind: 'limit'; readonly name: string }
  | { readonly kind: 'breaker'; readonly address: string; readonly state: string }
  | {
      readonly kind: 'health'
      readonly address: string
      readonly isWell: boolean
      /** A status, or what went wrong. */
      readonly result: string
    }
  | { readonly kind: 'credentials-kept'; readonly message: string }
  | { readonly kind: 'store-failed'; readonly message: string }

/** What goes along with one request, or with one fill; passed down, never ambient. */
export interface RequestScope {
  readonly id: string
  readonly trace: TraceContext | undefined
  /** On the monotonic clock. `Infinity` for a fill, whose bounds are its own. */
  readonly deadlineAtMs: number
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal
  record(event: FlowEvent): void
  /** Keeps the process, or the Worker, alive for work that outlives the answer. */
  background(task: Promise<unknown>): void
  /** Passes on an interim response (RFC 9110 §15.2), where the client can take one. */
  onInterim?: ((status: number, fields: Fields) => void) | undefined
}

/** Makes the scope of a fill, linked to the request that began it. */
export type FillScopes = (from: RequestScope) => FillScope

export interface FillScope extends RequestScope {
  /** Ends the fill's own work. */
  abort(why: unknown): void
}
