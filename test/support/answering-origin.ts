// An origin that answers as a function says: for sequences of answers that no right origin gives.

import { sourceOf } from '#core/entry/byte-source.ts'
import type { ByteSource } from '#core/entry/byte-source.ts'
import { admitFields } from '#core/entry/fields.ts'
import type { Clock } from '#core/ports/clock.ts'
import { isDelimited } from '#core/ports/upstream-response.ts'
import type { Upstream, UpstreamRequest } from '#core/ports/upstream.ts'

import type { OriginRequest } from './origin-answer.ts'

export interface OriginAnswer {
  /** Default 200. */
  readonly status?: number
  /** Field lines, a Date and the framing beside. */
  readonly fields?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly isChunked?: boolean
  /** `false`: none, as from an origin without a clock. */
  readonly hasDate?: boolean
  /** What its head waits for. */
  readonly after?: Promise<unknown>
}

/** @param number Of the request, counted from 0. */
export type AnswerRequest = (request: OriginRequest, number: number) => OriginAnswer

export interface AnsweringOrigin {
  readonly requests: readonly OriginRequest[]
  /** In place of the fake upstream of an edge. */
  wrap(upstream: Upstream, clock: Clock): Upstream
}

/** What it throws is what the upstream fails with. */
export function createAnsweringOrigin(answer: AnswerRequest): AnsweringOrigin {
  const requests: OriginRequest[] = []
  return {
    requests,
    wrap: (_upstream, clock) => ({
      async fetch(request) {
        const seen = originRequest(request)
        const sentAtMs = clock.nowMs()
        requests.push(seen)
        const answered = answer(seen, requests.length - 1)
        const date = new Date(clock.nowMs()).toUTCString()
        await answered.after
        const { status = 200 } = answered
        const hasContent = request.method !== 'HEAD' && status !== 304 && status !== 204
        const bytes = bytesOf(answered)
        const fields = fieldsOf(answered, date, bytes.length)
        const body: ByteSource = sourceOf(hasContent ? Uint8Array.from(bytes) : new Uint8Array())
        return {
          status,
          fields,
          sentAtMs,
          receivedAtMs: clock.nowMs(),
          from: { kind: 'origin', address: 'answering:80' },
          isDelimited: isDelimited(request.method, status, fields),
          body,
          settled: Promise.resolve({ kind: 'complete' }),
        }
      },
    }),
  }
}

/** A character of a text is a byte. */
function bytesOf({ body = '' }: OriginAnswer): Buffer {
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body)
}

/** As an adapter gives them: lines that cannot be taken are left out. */
function fieldsOf(answered: OriginAnswer, date: string, lengthBytes: number): readonly string[] {
  const { fields = {}, status, isChunked = false, hasDate = true } = answered
  const lines = Object.entries(fields).flat()
  if (hasDate && fields.date === undefined) lines.push('date', date)
  if (isChunked) lines.push('transfer-encoding', 'chunked')
  else if (status !== 304) lines.push('content-length', String(lengthBytes))
  return admitFields(lines)
}

function originRequest({ method, target, fields }: UpstreamRequest): OriginRequest {
  return {
    method,
    target,
    header(name) {
      const values = fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === name)
      return values.length === 0 ? undefined : values.join(', ')
    },
  }
}

/** The part that was asked for as `bytes=a-b`, or the whole, with its validators. */
export function partOrWhole(
  request: OriginRequest,
  body: Uint8Array,
  fields: Readonly<Record<string, string>>,
): OriginAnswer {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.header('range') ?? '') ?? []
  if (first === undefined || last === undefined) {
    return { fields: { ...fields, 'accept-ranges': 'bytes' }, body }
  }
  const endByte = Math.min(Number(last) + 1, body.length)
  const range = `bytes ${first}-${endByte - 1}/${body.length}`
  return {
    status: 206,
    fields: { ...fields, 'accept-ranges': 'bytes', 'content-range': range },
    body: body.subarray(Number(first), endByte),
  }
}

export function textOf({ body }: { readonly body: Uint8Array }): string {
  return Buffer.from(body).toString('latin1')
}
