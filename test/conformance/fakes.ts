// The world of fakes: the core with a stepped clock, settings compiled as the process compiles them.

import { sourceOf } from '#core/entry/byte-source.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import type { Fields } from '#core/entry/fields.ts'
import { admitFields, pairs } from '#core/entry/fields.ts'
import type { Upstream, UpstreamRequest, UpstreamResponse } from '#core/ports/upstream.ts'
import { UpstreamError } from '#core/ports/upstream.ts'
import { isDelimited } from '#core/ports/upstream-response.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import { configSchema, sitesOf } from '../../src/config.ts'
import { compileSite } from '../../src/sites.ts'
import { createEdge } from '../support/edge.ts'
import type { Edge, GotWhole } from '../support/edge.ts'
import type { SteppedClock } from '../support/stepped-clock.ts'
import { turn } from '../support/stepped-clock.ts'
import type { Case, Policy } from './case.ts'
import type { Got, OpenStage, Request, Script, ScriptedAnswer } from './run-case.ts'

/** Room for any body of the suite. */
const FILL_BUDGET_BYTES = 64 * 1024 * 1024

/** Opens a stage of its own for each case: nothing is shared. */
export function fakeStage(test: Case, policy: Policy): OpenStage {
  return (script) => {
    const edge = createEdge({
      fillBudgetBytes: FILL_BUDGET_BYTES,
      memoryBytes: FILL_BUDGET_BYTES,
      site: compiledSite(test, policy),
      wrap: (_, clock) => scriptedUpstream(script, clock),
    })
    return {
      path: `/${test.id}`,
      nowMs: () => edge.clock.nowMs(),
      slackSeconds: 0,
      wait: (seconds) => edge.clock.step(seconds * 1000),
      request: (request) => ask(edge, request),
      async settled() {
        await turn()
        await edge.fillScopes.settled()
        await turn()
      },
      turn,
    }
  }
}

function compiledSite(test: Case, policy: Policy) {
  const config = configSchema.parse({
    policy,
    methods: 'all',
    forward: 'all',
    sites: [{ name: 'test', origins: ['http://origin.test'], ...test.site }],
  })
  const [site] = sitesOf(config, { kind: 'directory', path: '.' })
  if (site === undefined) throw new Error('Cannot run case: no site')
  const { upstream: _, ...compiled } = compileSite(config, site, unused)
  return compiled
}

const unused: Upstream = {
  fetch: () => Promise.reject(new Error('Cannot fetch: the edge has its own upstream')),
}

async function ask(edge: Edge, { method, target, lines }: Request): Promise<Got> {
  const got = await edge.get(target, spelledApart(lines), method)
  await got.scope.settled()
  return {
    status: got.status,
    lines: linesOf(got),
    body: Buffer.from(got.body).toString('latin1'),
    isComplete: got.error === undefined,
    interim: interimsOf(edge, got),
  }
}

/** As they would stand on the wire. */
function linesOf({ answer: { fields, contentLength } }: GotWhole): readonly string[] {
  return contentLength === undefined ? fields : [...fields, 'content-length', String(contentLength)]
}

/** Several lines of one name, which a record cannot hold unless they are spelled differently. */
function spelledApart(lines: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [name, value] of pairs(lines)) {
    const spelled = spellings(name).find((spelling) => !(spelling in fields))
    if (spelled === undefined) throw new Error(`Cannot ask with so many lines of ${name}`)
    fields[spelled] = value
  }
  return fields
}

/** As it is, in lower case, and with one letter in upper case each. */
function spellings(name: string): readonly string[] {
  const lower = name.toLowerCase()
  const letters = Array.from({ length: lower.length }, (_, i) => {
    return lower.slice(0, i) + lower.charAt(i).toUpperCase() + lower.slice(i + 1)
  })
  return [name, lower, ...letters]
}

/** A fill passes on what came to the request that began it. */
function interimsOf(edge: Edge, { scope }: GotWhole): Got['interim'] {
  const fills = edge.fillScopes.made.filter(({ from }) => from === scope)
  const scopes = [scope, ...fills.map((fill) => fill.scope)]
  return scopes
    .flatMap(({ interims }) => interims)
    .map(({ status, fields }) => ({ status, lines: fields }))
}

function scriptedUpstream(script: Script, clock: SteppedClock): Upstream {
  return {
    async fetch(request, scope) {
      const sentAtMs = clock.nowMs()
      const answer = await script({ method: request.method, lines: request.fields })
      if (answer.isSilent) {
        const message = 'Cannot get a response: the connection ended'
        throw new UpstreamError('connection_terminated', message, { retryable: false })
      }
      passOnInterims(answer, scope)
      return responseOf(request, answer, sentAtMs, clock)
    },
  }
}

function passOnInterims({ interim }: ScriptedAnswer, scope: RequestScope): void {
  for (const { status, lines } of interim) scope.onInterim?.(status, admitFields(lines))
}

function responseOf(
  request: UpstreamRequest,
  answer: ScriptedAnswer,
  sentAtMs: number,
  clock: SteppedClock,
): UpstreamResponse {
  const { status } = answer
  const fields = framedFields(request.method, answer)
  const isEmpty = request.method === 'HEAD' || status === 204 || status === 304
  const bytes = isEmpty ? new Uint8Array(0) : Buffer.from(answer.body, 'latin1')
  return {
    status,
    fields,
    sentAtMs,
    receivedAtMs: clock.nowMs(),
    from: { kind: 'origin', address: 'http://origin.test' },
    isDelimited: isDelimited(request.method, status, fields),
    body: answer.cutAfterBytes === undefined ? sourceOf(bytes) : cutSource(bytes, answer),
    settled: Promise.resolve({ kind: 'complete' }),
  }
}

function framedFields(method: string, answer: ScriptedAnswer): Fields {
  const { status, framing, body } = answer
  const fields = admitFields(answer.lines)
  if (status === 204 || status === 304 || fields.includes('content-length')) return fields
  if (framing === 'close') return fields
  if (framing === 'chunked' && method === 'HEAD') return fields
  return framing === 'chunked'
    ? [...fields, 'transfer-encoding', 'chunked']
    : [...fields, 'content-length', String(Buffer.byteLength(body, 'latin1'))]
}

/** Up to there, and then the connection is gone; without a length that looks like an end. */
function cutSource(bytes: Uint8Array, { cutAfterBytes, framing }: ScriptedAnswer): ByteSource {
  const inner = sourceOf(bytes.subarray(0, cutAfterBytes))
  return {
    read() {
      const chunk = inner.read()
      if (chunk !== undefined || framing === 'close') return chunk
      const message = 'Cannot read body: the connection ended'
      throw new UpstreamError('http_response_incomplete', message, { retryable: false })
    },
    cancel: (why) => inner.cancel(why),
  }
}
