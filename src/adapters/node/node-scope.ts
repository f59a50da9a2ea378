import type { Fields } from '#core/entry/fields.ts'
import type { TraceContext } from '#core/http/traceparent.ts'
import type { FillScope, FlowEvent, RequestScope } from '#core/ports/request-scope.ts'

export interface NodeScopeOptions {
  readonly id: string
  readonly trace: TraceContext | undefined
  readonly deadlineAtMs: number
  record(event: FlowEvent): void
  readonly onInterim?: ((status: number, fields: Fields) => void) | undefined
  /** Told when background work fails, which nobody else would hear of. */
  onBackgroundError(error: unknown): void
}

/** The scope of a request or of a fill. Its signal is made on first use: a hit never asks for it. */
export class NodeScope implements FillScope {
  readonly id: string
  readonly trace: TraceContext | undefined
  readonly deadlineAtMs: number
  readonly onInterim: ((status: number, fields: Fields) => void) | undefined
  readonly #options: NodeScopeOptions
  #controller: AbortController | undefined
  #abortedBy: { readonly why: unknown } | undefined

  constructor(options: NodeScopeOptions) {
    this.id = options.id
    this.trace = options.trace
    this.deadlineAtMs = options.deadlineAtMs
    this.onInterim = options.onInterim
    this.#options = options
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortedBy !== undefined) this.#controller.abort(this.#abortedBy.why)
    }
    return this.#controller.signal
  }

  record(event: FlowEvent): void {
    this.#options.record(event)
  }

  background(task: Promise<unknown>): void {
    task.catch((error: unknown) => this.#options.onBackgroundError(error))
  }

  abort(why: unknown): void {
    this.#abortedBy ??= { why }
    this.#controller?.abort(why)
  }
}

/** A fill has a scope of its own: it does not end with the request that began it, but counts as its. */
export function createFillScope(
  from: RequestScope,
  options: Pick<NodeScopeOptions, 'onBackgroundError'>,
): FillScope {
  return new NodeScope({
    id: from.id,
    trace: from.trace,
    deadlineAtMs: Number.POSITIVE_INFINITY,
    onInterim: from.onInterim,
    record: (event) => from.record(event),
    onBackgroundError: options.onBackgroundError,
  })
}
