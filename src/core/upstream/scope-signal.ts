import type { RequestScope } from '../ports/request-scope.ts'

/** The scope with another signal in place of its own. */
export function withSignal(scope: RequestScope, signal: AbortSignal): RequestScope {
  return {
    id: scope.id,
    trace: scope.trace,
    deadlineAtMs: scope.deadlineAtMs,
    signal,
    record: (event) => scope.record(event),
    background: (task) => scope.background(task),
    onInterim: scope.onInterim,
  }
}

/** A controller that aborts when the scope does; `free` it once what it is for is over. */
export function linkedController(scope: RequestScope): AbortController & { free(): void } {
  const controller = new AbortController()
  const onAbort = () => controller.abort(scope.signal.reason)
  if (scope.signal.aborted) onAbort()
  scope.signal.addEventListener('abort', onAbort)
  return Object.assign(controller, {
    free: () => scope.signal.removeEventListener('abort', onAbort),
  })
}
