// Carries out a plan over a real connection.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import type { AnswerBody, OriginRequest } from './origin-answer.ts'
import type { Ending } from './origin-faults.ts'
import type { Plan } from './origin-plan.ts'

const STEP_BYTES = 256 * 1024

/** Bytes written to the socket verbatim instead of an answer made by node:http. */
export interface RawAnswer {
  readonly raw: Uint8Array | string | ((request: OriginRequest) => readonly (Uint8Array | string)[])
  /** What becomes of the connection; default `fin`. */
  readonly end?: Ending | 'open'
  /** Between two pieces; default 0. */
  readonly gapMs?: number
}

interface Sending {
  readonly plan: Plan
  readonly response: ServerResponse
  readonly signal: AbortSignal
  readonly onBytes: (count: number) => void
}

/**
 * Resolves when all that was planned is handed to the socket.
 *
 * @param signal Aborts when the connection is gone; then this rejects with an AbortError.
 * @param onBytes Told of body bytes as they are written.
 */
export async function sendPlan(sending: Sending): Promise<void> {
  const { plan, response, signal } = sending
  if (plan.delayMs > 0) await sleep(plan.delayMs, undefined, { signal })
  await plan.headGate?.wait(signal)
  if (plan.hangsBeforeHead) await forever(signal)
  writeHead(plan, response)
  // The response may have to wait for the one before it, and has no socket until then.
  const { socket } = response.req
  const { body } = plan.answer
  if (body !== undefined && response.req.method !== 'HEAD') await sendBody(body, sending)
  if (plan.stop !== undefined) return await breakOff(plan.stop.how, socket, signal)
  response.end()
  await once(response, 'finish', { signal })
  if (plan.extra !== undefined) {
    if (plan.extra.delayMs !== undefined) await sleep(plan.extra.delayMs)
    socket.write(plan.extra.bytes)
  }
  if (plan.closesAfter) socket.destroySoon()
}

/** The connection is free for the next request afterwards, if it is left open. */
export async function sendRaw(
  answer: RawAnswer,
  request: OriginRequest,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { socket } = response
  if (socket === null) return
  const { raw, end = 'fin', gapMs = 0 } = answer
  const pieces = typeof raw === 'function' ? raw(request) : [raw]
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await sleep(gapMs, undefined, { signal })
    socket.write(piece, 'latin1')
  }
  await flushed(socket, signal)
  if (end !== 'open') return await breakOff(end, socket, signal)
  // Node hands the socket to the next response when this one says it is finished.
  response.emit('finish')
}

function writeHead(plan: Plan, response: ServerResponse): void {
  const { answer, contentLength } = plan
  const fields = answer.fields.flatMap(([name, value]) => [name, value])
  if (contentLength !== undefined) fields.push('Content-Length', contentLength)
  if (answer.framing === 'close') {
    response.useChunkedEncodingByDefault = false
    response.shouldKeepAlive = false
  }
  if (answer.framing === 'chunked' && answer.body !== undefined) {
    fields.push('Transfer-Encoding', 'chunked')
  }
  response.writeHead(answer.status, fields)
  const needsHeadNow = plan.stop ?? plan.pace ?? plan.bodyGate
  if (needsHeadNow !== undefined) response.flushHeaders()
}

async function sendBody(body: AnswerBody, sending: Sending): Promise<void> {
  const { plan, response, signal, onBytes } = sending
  const { pace, bodyGate } = plan
  const endByte = Math.min(body.sizeBytes, plan.stop?.afterBytes ?? Infinity)
  const gateAt = Math.min(endByte, bodyGate?.afterBytes ?? Infinity)
  const stepBytes = pace?.chunkBytes ?? STEP_BYTES
  let dueAtMs = performance.now()
  let sentBytes = 0
  if (gateAt === 0) await bodyGate?.gate.wait(signal)
  while (sentBytes < endByte) {
    const untilByte = sentBytes < gateAt ? gateAt : endByte
    const nextByte = Math.min(untilByte, sentBytes + stepBytes)
    const hasRoom = response.write(body.read(sentBytes, nextByte))
    onBytes(nextByte - sentBytes)
    sentBytes = nextByte
    if (!hasRoom) await once(response, 'drain', { signal })
    signal.throwIfAborted()
    if (sentBytes === gateAt) await bodyGate?.gate.wait(signal)
    if (pace === undefined || sentBytes === endByte) continue
    dueAtMs += pace.everyMs
    await sleep(Math.max(0, dueAtMs - performance.now()), undefined, { signal })
  }
}

async function breakOff(how: Ending | 'hang', socket: Socket, signal: AbortSignal): Promise<void> {
  await flushed(socket, signal)
  if (how === 'hang') await forever(signal)
  else if (how === 'fin') socket.destroySoon()
  else socket.resetAndDestroy()
}

/** What was written before a reset must be out of this process, or the reset would swallow it. */
async function flushed(socket: Socket, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.write('', () => resolve())
  const gone = once(signal, 'abort')
  await Promise.race([promise, gone])
  signal.throwIfAborted()
}

async function forever(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted()
  await once(signal, 'abort')
  throw signal.reason
}
