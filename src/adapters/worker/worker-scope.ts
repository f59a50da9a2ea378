import type { TraceContext } from '#core/http/traceparent.ts'
import type { FillScope, FlowEvent, RequestScope } from '#core/ports/request-scope.ts'

export interface WorkerScopeOptions {
  readonly id: string
  readonly trace: TraceContext | undefined
  readonly deadlineAtMs: number
  record(event: FlowEvent): void
  /** Keeps the Worker alive for the task; `waitUntil` of the request's context. */
  waitUntil(task: Promise<unknown>): void
  /** Told when background work fails, which nobody else would hear of. */
  onBackgroundError(error: unknown): void
}

/**
 * The scope of a request on Workers. The runtime ends what a request has begun when the client leaves, so nothing
 * here aborts by itself; there are no interim responses to pass on.
 */
export class WorkerScope implements FillScope {
  readonly id: string
  readonly trace: TraceContext | undefined
  readonly deadlineAtMs: number
  readonly #options: WorkerScopeOptions
  readonly #controller = new AbortController()

  constructor(options: WorkerScopeOptions) {
    this.id = options.id
    this.trace = options.trace
    this.deadlineAtMs = options.deadlineAtMs
    this.#options = options
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  record(event: FlowEvent): void {
    this.#options.record(event)
  }

  background(task: Promise<unknown>): void {
    this.#options.waitUntil(task.catch((error: unknown) => this.#options.onBackgroundError(error)))
  }

  abort(why: unknown): void {
    this.#controller.abort(why)
  }

  /** A fill does not end with the answer that began it, but it counts as its, and is kept alive by it. */
  fill(from: RequestScope): FillScope {
    return new WorkerScope({
      ...this.#options,
      id: from.id,
      trace: from.trace,
      deadlineAtMs: Number.POSITIVE_INFINITY,
      record: (event) => from.record(event),
      waitUntil: (task) => this.#options.waitUntil(task),
      onBackgroundError: (error) => this.#options.onBackgroundError(error),
    })
  }
}
