// A scripted Upstream: the test origin's objects and faults, without sockets.

import type { Clock } from '#core/ports/clock.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import type { Outcome, Upstream, UpstreamRequest, UpstreamResponse } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'

import { createFakeBody } from './fake-body.ts'
import {
  abortReason,
  beforeHead,
  bodyOptionsOf,
  fieldsOf,
  readRequestBody,
} from './fake-exchange.ts'
import { createFakeScript, errorOf, takeOwn } from './fake-faults.ts'
import type { FakeFault, FakeScript, FaultNamed } from './fake-faults.ts'
import type { OriginObject, OriginRequest } from './origin-answer.ts'
import { planAnswer } from './origin-plan.ts'
import type { Plan } from './origin-plan.ts'

export interface FakeUpstreamOptions {
  readonly clock: Clock
  /** Default `fake:80`. */
  readonly address?: string
  readonly from?: 'origin' | 'peer'
  /** The most that one read gives. Default 4096. */
  readonly chunkBytes?: number
  /** Whether a read gives bytes at once or a promise of them. Default `async`. */
  readonly reads?: 'sync' | 'async'
}

/** One request it has seen; it changes until the body has settled. */
export interface SeenFetch extends OriginRequest {
  readonly request: UpstreamRequest
  readonly scope: RequestScope
  readonly range: string | undefined
  /** The whole request body, once the head of the response has come. */
  readonly requestBody: Uint8Array | undefined
  /** Of the response; `undefined` before the head, and if none came. */
  readonly status: number | undefined
  /** Body bytes that reads have given, exactly. */
  readonly deliveredBytes: number
  /** How the body ended, or that no head came. */
  readonly outcome: Outcome | undefined
  readonly cancelled: boolean
}

export interface FakeUpstream extends Upstream {
  readonly requests: readonly SeenFetch[]
  /** Body bytes given by all reads together. */
  readonly deliveredBytes: number
  /** Exchanges whose body, or head, is still awaited. */
  readonly openCount: number
  /** A target with its query is looked up first, then without. Put again to flip the version. */
  put(path: string, object: OriginObject): void
  remove(path: string): void
  /** Adds a fault to a path, or to all. Returns a function that takes it away again. */
  inject(fault: FakeFault, path?: string): () => void
}

type OpenFetch = { -readonly [Key in keyof SeenFetch]: SeenFetch[Key] }

const MISSING: OriginObject = {
  status: 404,
  body: 'no such key',
  etag: false,
  lastModified: false,
  acceptRanges: false,
}

export function createFakeUpstream(options: FakeUpstreamOptions): FakeUpstream {
  const { clock } = options
  const requests: OpenFetch[] = []
  const objects = new Map<string, OriginObject>()
  const everyPath = createFakeScript()
  const pathScripts = new Map<string, FakeScript>()

  function scriptOf(path: string): FakeScript {
    const script = pathScripts.get(path) ?? createFakeScript()
    pathScripts.set(path, script)
    return script
  }

  async function fetch(request: UpstreamRequest, scope: RequestScope): Promise<UpstreamResponse> {
    const times = { sentAtMs: clock.nowMs(), startedAtMs: clock.monotonicMs() }
    const seen = openFetch(request, scope)
    requests.push(seen)
    const { target } = request
    const path = objects.has(target) ? target : target.replace(/\?.*$/s, '')
    const scripts = [scriptOf(path), everyPath]
    const origins = scripts.map(({ origin }) => origin)
    try {
      seen.requestBody = await readRequestBody(request)
      const failure = takeOwn(scripts, 'fail', seen)
      // Decided when the request arrives, as an origin would; the gate only delays the answer.
      const plan = planAnswer(path, objects.get(path) ?? MISSING, seen, origins)
      await beforeHead(plan, scope, clock)
      if (failure !== undefined) throw errorOf(failure, 'Cannot get a response')
      return respond(seen, plan, takeOwn(scripts, 'break', seen), options, times)
    } catch (error) {
      return refuse(seen, error, clock.monotonicMs() - times.startedAtMs)
    }
  }

  return {
    fetch,
    requests,
    get deliveredBytes() {
      return requests.reduce((sum, { deliveredBytes }) => sum + deliveredBytes, 0)
    },
    get openCount() {
      return requests.filter(({ outcome }) => outcome === undefined).length
    },
    put: (path, object) => void objects.set(path, object),
    remove: (path) => void objects.delete(path),
    inject: (fault, path) => (path === undefined ? everyPath : scriptOf(path)).add(fault),
  }
}

function respond(
  seen: OpenFetch,
  plan: Plan,
  breaking: FaultNamed<'break'> | undefined,
  options: FakeUpstreamOptions,
  { sentAtMs, startedAtMs }: { sentAtMs: number; startedAtMs: number },
): UpstreamResponse {
  const { clock, address = 'fake:80', from = 'origin', chunkBytes = 4096 } = options
  const { status, framing } = plan.answer
  const isBodiless = seen.method === 'HEAD' || status === 204 || status === 304
  const settled = Promise.withResolvers<Outcome>()
  const body = createFakeBody({
    ...bodyOptionsOf(plan, isBodiless),
    isSync: options.reads === 'sync',
    chunkBytes: plan.pace?.chunkBytes ?? chunkBytes,
    clock,
    onBytes(count) {
      seen.deliveredBytes += count
    },
    onSettled(outcome) {
      seen.outcome = outcome
      seen.cancelled = outcome.kind === 'cancelled'
      settled.resolve(outcome)
    },
    breaking: breaking && {
      afterBytes: breaking.afterBytes,
      error: errorOf(breaking, 'Cannot read body'),
    },
  })
  seen.status = status
  const durationMs = clock.monotonicMs() - startedAtMs
  seen.scope.record({ kind: 'fetch', address, status, durationMs })
  return {
    status,
    fields: fieldsOf(plan, isBodiless, clock),
    sentAtMs,
    receivedAtMs: clock.nowMs(),
    from: { kind: from, address },
    isDelimited: isBodiless || framing !== 'close',
    body,
    settled: settled.promise,
  }
}

function openFetch(request: UpstreamRequest, scope: RequestScope): OpenFetch {
  const header = (name: string): string | undefined => {
    const values = request.fields.filter((_, i) => i % 2 === 1 && request.fields[i - 1] === name)
    return values.length === 0 ? undefined : values.join(', ')
  }
  return {
    method: request.method,
    target: request.target,
    header,
    request,
    scope,
    range: header('range'),
    requestBody: undefined,
    status: undefined,
    deliveredBytes: 0,
    outcome: undefined,
    cancelled: false,
  }
}

/** No head came. */
function refuse(seen: OpenFetch, error: unknown, durationMs: number): never {
  if (seen.scope.signal.aborted) {
    const reason = abortReason(seen.scope.signal)
    seen.cancelled = true
    seen.outcome = { kind: 'cancelled' }
    throw reason
  }
  if (error instanceof UpstreamError) {
    seen.outcome = { kind: 'broken', error }
    seen.scope.record({ kind: 'fetch-failed', error: error.kind, durationMs })
  }
  throw error
}
