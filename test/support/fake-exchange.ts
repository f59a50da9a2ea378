// How a planned answer of the fake upstream becomes a head and a body.

import type { Fields as FlatFields } from '#core/entry/fields.ts'
import type { Clock } from '#core/ports/clock.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import type { UpstreamRequest } from '#core/ports/upstream.ts'
import { Cancelled, UpstreamError } from '#core/ports/upstream.ts'

import type { FakeBodyOptions } from './fake-body.ts'
import type { Plan } from './origin-plan.ts'

export async function readRequestBody({ body }: UpstreamRequest): Promise<Uint8Array | undefined> {
  if (body === undefined) return undefined
  const chunks: Uint8Array[] = []
  for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
    chunks.push(chunk.slice())
  }
  return Buffer.concat(chunks)
}

/** Waits as the plan says, unless nobody waits any more. */
export async function beforeHead(plan: Plan, scope: RequestScope, clock: Clock): Promise<void> {
  const { signal } = scope
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => undefined)
  const onAbort = (): void => aborted.reject(abortReason(signal))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  let stop: (() => void) | undefined
  try {
    // Never at once: a head always takes a turn.
    await Promise.race([Promise.resolve(), aborted.promise])
    if (signal.aborted) await aborted.promise
    const { promise: delayed, resolve } = Promise.withResolvers<void>()
    if (plan.delayMs > 0) stop = clock.after(plan.delayMs, resolve)
    else resolve()
    await Promise.race([delayed, aborted.promise])
    if (plan.headGate !== undefined) {
      await Promise.race([plan.headGate.wait(signal), aborted.promise])
    }
    if (plan.hangsBeforeHead) await aborted.promise
  } finally {
    stop?.()
    signal.removeEventListener('abort', onAbort)
  }
}

export function abortReason(signal: AbortSignal): Error {
  const { reason }: { reason: unknown } = signal
  return reason instanceof UpstreamError ? reason : new Cancelled('Nobody waits any more')
}

export function fieldsOf(plan: Plan, isBodiless: boolean, clock: Clock): FlatFields {
  const fields: string[] = []
  for (const [name, value] of plan.answer.fields) fields.push(name.toLowerCase(), value)
  if (!fields.includes('date')) fields.push('date', new Date(clock.nowMs()).toUTCString())
  const { framing, status } = plan.answer
  // What HEAD tells is what GET would have had; 204 and 304 tell nothing.
  const tellsLength = status !== 204 && status !== 304 && plan.contentLength !== undefined
  if (tellsLength) fields.push('content-length', plan.contentLength)
  else if (framing === 'chunked' && !isBodiless) fields.push('transfer-encoding', 'chunked')
  return fields
}

export function bodyOptionsOf(
  plan: Plan,
  isBodiless: boolean,
): Pick<FakeBodyOptions, 'totalBytes' | 'bytesOf' | 'ending' | 'gate' | 'everyMs'> {
  const { body, framing } = plan.answer
  const sizeBytes = isBodiless ? 0 : (body?.sizeBytes ?? 0)
  const bytesOf = (startByte: number, endByte: number): Uint8Array =>
    body?.read(startByte, endByte) ?? new Uint8Array(0)
  const common = { bytesOf, gate: plan.bodyGate, everyMs: plan.pace?.everyMs ?? 0 }
  if (isBodiless) return { ...common, totalBytes: 0, ending: 'complete' }
  const announcedBytes = plan.contentLength === undefined ? sizeBytes : Number(plan.contentLength)
  // A recipient takes no more than was announced, and waits for no less (RFC 9112 §6.3).
  const totalBytes = Math.min(sizeBytes, announcedBytes, plan.stop?.afterBytes ?? Infinity)
  if (plan.stop?.how === 'hang') return { ...common, totalBytes, ending: 'hang' }
  if (plan.stop?.how === 'rst') return { ...common, totalBytes, ending: 'connection_terminated' }
  const isShort = totalBytes < announcedBytes && framing !== 'close'
  const isCut = isShort || (plan.stop !== undefined && framing === 'chunked')
  return { ...common, totalBytes, ending: isCut ? 'http_response_incomplete' : 'complete' }
}
