// Scopes of requests and fills that remember what they were told.

import type { Fields } from '#core/entry/fields.ts'
import type { FillScope, FillScopes, FlowEvent, RequestScope } from '#core/ports/request-scope.ts'

export interface TestScope extends RequestScope {
  readonly events: readonly FlowEvent[]
  /** Events of one kind. */
  eventsOf<Kind extends FlowEvent['kind']>(
    kind: Kind,
  ): readonly Extract<FlowEvent, { kind: Kind }>[]
  readonly interims: readonly { readonly status: number; readonly fields: Fields }[]
  /**
   * Resolves when all background work is done, also what was added meanwhile. Rejects with the first
   * failure: whoever hands over a task must have dealt with it.
   */
  settled(): Promise<void>
  /** The client leaves. */
  abort(why?: unknown): void
}

export interface TestScopeOptions {
  readonly id?: string
  /** Default `Infinity`. */
  readonly deadlineAtMs?: number
  readonly trace?: RequestScope['trace']
  /** `false` for a client that takes no interim responses. Default true. */
  readonly takesInterims?: boolean
  /** Where events go; default a list of its own. */
  readonly events?: FlowEvent[]
}

export interface TestFillScopes {
  readonly scopes: FillScopes
  /** Of all fills together, in order. */
  readonly events: readonly FlowEvent[]
  /** The scopes made so far, each with the one it was made from. */
  readonly made: readonly { readonly scope: FillScope & TestScope; readonly from: RequestScope }[]
  /** As `TestScope.settled`, for all fills made so far or meanwhile. */
  settled(): Promise<void>
}

let scopeCount = 0

export function createTestScope(options: TestScopeOptions = {}): TestScope {
  const { deadlineAtMs = Infinity, trace, takesInterims = true, events = [] } = options
  const controller = new AbortController()
  const interims: { status: number; fields: Fields }[] = []
  const tasks: Promise<unknown>[] = []
  scopeCount += 1
  return {
    id: options.id ?? `test-${scopeCount}`,
    trace,
    deadlineAtMs,
    signal: controller.signal,
    events,
    interims,
    record(event) {
      events.push(event)
    },
    eventsOf: (kind) => events.filter((event): event is never => event.kind === kind),
    background(task) {
      tasks.push(task)
      // It is told by `settled`; until then it must not end the test run.
      task.catch(() => undefined)
    },
    onInterim: takesInterims
      ? (status, fields) => {
          interims.push({ status, fields })
        }
      : undefined,
    async settled() {
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) await task
    },
    abort: (why) => controller.abort(why),
  }
}

export function createTestFillScopes(): TestFillScopes {
  const events: FlowEvent[] = []
  const made: { scope: TestScope; from: RequestScope }[] = []
  return {
    events,
    made,
    scopes(from) {
      const scope = createTestScope({ id: `fill of ${from.id}`, trace: from.trace, events })
      made.push({ scope, from })
      return scope
    },
    async settled() {
      for (let i = 0; i < made.length; i++) await made[i]?.scope.settled()
    },
  }
}
