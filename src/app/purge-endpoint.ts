// POST /purge on the admin listener: who may, in what form, how often; and a line in the log for each call.

import { readAll } from '#core/entry/byte-source.ts'
import { first } from '#core/entry/fields.ts'
import type { Purge, PurgeHow } from '#core/flow/purge.ts'
import type { ReadHead } from '#core/flow/read-request.ts'
import { queryOf } from '#core/http/target.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { AdminAccess, AdminCall } from './admin-access.ts'
import { findDenial } from './admin-access.ts'
import type { PurgeAsked } from './purge-body.ts'
import { parsePurge } from './purge-body.ts'
import { createRateLimit } from './rate-limit.ts'

/** One call of something that changes what is stored, accepted or refused. */
export interface AuditLine {
  readonly action: 'purge'
  readonly peer: string
  readonly by: 'token' | 'loopback' | 'nobody'
  /** A URL as it was sent, or `all`; empty when the call was refused before that was known. */
  readonly what: string
  readonly how: PurgeHow | undefined
  readonly status: number
  /** `purged`, or what the caller was told. */
  readonly outcome: string
}

export interface PurgeEndpointOptions {
  readonly purge: Purge
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Calls of those who may; more are refused with 429. */
  readonly maxCallsPerSecond: number
  /** Decides by the Authorization field, `undefined` where there is none, and the peer's address. */
  access(peer: string, authorization: string | undefined): AdminAccess
  audit(line: AuditLine): void
}

export type PurgeEndpoint = (call: AdminCall) => Promise<Response>

interface Outcome {
  readonly status: number
  /** A refusal says what to do instead. */
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
  readonly asked?: PurgeAsked
}

const MAX_BODY_BYTES = 64 * 1024
/** How many nodes have carried it out, of how many: there is this one. */
const NODES = { applied: 1, of: 1 }
const UNWRITTEN =
  'Purged in this process, but the disk can neither be written nor emptied, and a restart may bring it back: mend the disk and purge again, or empty the directory before the next start'
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i

export function createPurgeEndpoint(options: PurgeEndpointOptions): PurgeEndpoint {
  const waitMs = createRateLimit(options.maxCallsPerSecond, options.clock)

  async function outcomeOf({ head }: AdminCall, access: AdminAccess): Promise<Outcome> {
    const refused =
      findMisuse(head) ?? findDenial(access, 'purge') ?? findMisfit(head) ?? tooMany(waitMs())
    if (refused !== undefined) return refused
    const bytes = await readBody(head)
    if (!(bytes instanceof Uint8Array)) return bytes
    const asked = parsePurge(bytes)
    if (asked.kind === 'problem') return { status: 400, text: asked.reason }
    return carryOut(options.purge, asked)
  }

  return async function purgeEndpoint(call) {
    const { head, peer } = call
    const access = options.access(peer, first(head.fields, 'authorization'))
    const by = access.granted ? access.by : 'nobody'
    const outcome = await outcomeOf(call, access).catch((error: unknown) => {
      options.audit(lineOf({ status: 500, text: 'failed' }, peer, by))
      throw error
    })
    options.audit(lineOf(outcome, peer, by))
    return responseOf(outcome)
  }
}

/** What no caller may do, whoever it is. */
function findMisuse({ raw }: ReadHead): Outcome | undefined {
  // Browsers send Origin with every POST, be it across sites or after their DNS was turned on us. By the lines as
  // they came: no Connection field takes it away.
  if (raw.lines.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'origin')) {
    return { status: 403, text: 'Not for web pages: send no Origin field' }
  }
  if (raw.method === 'POST') return undefined
  return { status: 405, text: 'To purge, send POST', headers: { allow: 'POST' } }
}

/** What is wrong with the head of a call by somebody who may. */
function findMisfit({ raw, fields }: ReadHead): Outcome | undefined {
  if (queryOf(raw.target) !== undefined) {
    const text =
      'No query is read here: send a token as Authorization: Bearer, all else in the body'
    return { status: 400, text }
  }
  if (!JSON_TYPE.test(first(fields, 'content-type') ?? '')) {
    const headers = { accept: 'application/json' }
    return { status: 415, text: 'Send JSON, with Content-Type: application/json', headers }
  }
  if (first(fields, 'content-encoding') !== undefined) {
    const headers = { 'accept-encoding': 'identity' }
    return { status: 415, text: 'Send the body without Content-Encoding', headers }
  }
  return Number(first(fields, 'content-length') ?? 0) > MAX_BODY_BYTES ? TOO_LARGE : undefined
}

const TOO_LARGE: Outcome = {
  status: 413,
  text: `Send a body of at most ${MAX_BODY_BYTES} bytes, with one URL`,
}

function tooMany(waitMs: number): Outcome | undefined {
  if (waitMs === 0) return undefined
  const headers = { 'retry-after': String(Math.ceil(waitMs / 1000)) }
  return { status: 429, text: 'Too many calls within a second: send it again after that', headers }
}

async function readBody({ raw }: ReadHead): Promise<Uint8Array | Outcome> {
  if (raw.body === undefined) return new Uint8Array(0)
  try {
    return (await readAll(raw.body, MAX_BODY_BYTES)) ?? TOO_LARGE
  } catch {
    return { status: 400, text: 'The body did not come whole: send it again' }
  }
}

async function carryOut(purge: Purge, asked: PurgeAsked): Promise<Outcome> {
  const { how } = asked
  const done = asked.kind === 'all' ? await purge.all(how) : await purge.url(asked.url, how)
  if (done.kind === 'refused') {
    return done.because === 'url'
      ? {
          status: 400,
          text: `${done.reason}: send the URL as clients ask for it, http://host[:port]/path?query, percent-encoded`,
          asked,
        }
      : { status: 422, text: `${done.reason}: send the host that clients ask for`, asked }
  }
  if (done.recorded === 'unwritten') return { status: 500, text: UNWRITTEN, asked }
  const purged = asked.kind === 'all' ? { all: true } : { url: asked.url, keys: done.keys }
  return { status: 200, text: JSON.stringify({ purged, how, nodes: NODES }), asked }
}

function responseOf({ status, text, headers }: Outcome): Response {
  const type = status === 200 ? 'application/json' : 'text/plain; charset=utf-8'
  const fields = { 'content-type': type, 'cache-control': 'no-store', ...headers }
  return new Response(`${text}\n`, { status, headers: fields })
}

function lineOf({ status, text, asked }: Outcome, peer: string, by: AuditLine['by']): AuditLine {
  const what = asked === undefined ? '' : asked.kind === 'all' ? 'all' : asked.url
  const outcome = status === 200 ? 'purged' : text
  return { action: 'purge', peer, by, what, how: asked?.how, status, outcome }
}
