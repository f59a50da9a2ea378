// Turns a right answer and the faults that strike it into one plan for the sender. No I/O.

import type { Gate } from './gate.ts'
import {
  type Answer,
  type AnswerBody,
  bodyOf,
  decideAnswer,
  errorAnswer,
  type OriginObject,
  type OriginRequest,
} from './origin-answer.ts'
import type { ContentRangeChange, Ending, FaultName, Script } from './origin-faults.ts'

/** An answer with everything that shall go wrong on the way. */
export interface Plan {
  readonly answer: Answer
  /** As it goes on the wire, true or not. */
  readonly contentLength: string | undefined
  readonly delayMs: number
  readonly hangsBeforeHead: boolean
  readonly headGate: Gate | undefined
  readonly bodyGate: { readonly gate: Gate; readonly afterBytes: number } | undefined
  readonly pace: { readonly chunkBytes: number; readonly everyMs: number } | undefined
  readonly stop: { readonly afterBytes: number; readonly how: Ending | 'hang' } | undefined
  readonly extra: { readonly bytes: Uint8Array | string; readonly delayMs?: number } | undefined
  /** Ends the connection after a whole answer. */
  readonly closesAfter: boolean
  /** The faults that struck. */
  readonly struck: readonly FaultName[]
}

type Take = Script['take']

const RATE_STEPS_PER_SECOND = 50
const MAX_RATE_STEP_BYTES = 65_536
const BOUNDARY = 'test-origin-boundary'

export function planAnswer(
  path: string,
  object: OriginObject,
  request: OriginRequest,
  scripts: readonly Script[],
): Plan {
  const struck: FaultName[] = []
  const take: Take = (name, asking, isFitting) => {
    for (const script of scripts) {
      const fault = script.take(name, asking, isFitting)
      if (fault === undefined) continue
      struck.push(name)
      return fault
    }
    return undefined
  }
  const answer = decideFaultyAnswer(path, object, request, take)
  const body = planBody(answer, request, take)
  const framed = body.isCloseDelimited ? { ...answer, framing: 'close' as const } : answer
  const length = planLength(framed, request, take)
  return {
    ...body.plan,
    answer: framed,
    contentLength: length.value,
    closesAfter: length.closesAfter,
    delayMs: take('delay-head', request)?.delayMs ?? 0,
    headGate: take('gate-head', request)?.gate,
    hangsBeforeHead: take('hang-head', request) !== undefined,
    struck,
  }
}

function decideFaultyAnswer(
  path: string,
  object: OriginObject,
  request: OriginRequest,
  take: Take,
): Answer {
  const status = take('status', request)
  if (status !== undefined) {
    return errorAnswer(status.status, `Status${status.status}`, status.fields, status.body)
  }
  const hasRange = request.header('range') !== undefined
  const ignoresRange = hasRange && take('ignore-range', request) !== undefined
  let answer = decideAnswer(path, object, request, !ignoresRange)
  if (answer.status === 200 && !hasRange) {
    const unasked = take('unasked-range', request)
    if (unasked !== undefined) answer = asPart(answer, unasked.startByte, unasked.endByte)
  }
  if (answer.status === 206) {
    const change = take('content-range', request)
    if (change !== undefined) answer = withContentRange(answer, change)
  }
  const { status: decided } = answer
  const etag = take('etag', request, ({ on = 'ranges' }) => on === 'all' || decided === 206)
  return etag === undefined ? answer : withField(answer, 'ETag', etag.value)
}

function asPart(answer: Answer, startByte = 0, endByte = answer.body?.sizeBytes ?? 0): Answer {
  const { body } = answer
  const lengthBytes = body?.sizeBytes ?? 0
  const value = `bytes ${startByte}-${endByte - 1}/${lengthBytes}`
  const part: Answer = {
    ...answer,
    status: 206,
    body: body && sliceOf(body, startByte, endByte),
    part: { startByte, endByte, lengthBytes },
  }
  return withField(part, 'Content-Range', value)
}

function sliceOf(body: AnswerBody, startByte: number, endByte: number): AnswerBody {
  return {
    sizeBytes: endByte - startByte,
    read: (from, to) => body.read(startByte + from, startByte + to),
  }
}

function withContentRange(answer: Answer, fault: ContentRangeChange): Answer {
  const { startByte, endByte, lengthBytes } = answer.part ?? {
    startByte: 0,
    endByte: 0,
    lengthBytes: 0,
  }
  const say = (firstPos: number, lastPos: number, total: number | '*'): Answer =>
    withField(answer, 'Content-Range', `bytes ${firstPos}-${lastPos}/${total}`)
  switch (fault.change) {
    case 'start':
      return say(startByte + fault.add, endByte - 1, lengthBytes)
    case 'end':
      return say(startByte, endByte - 1 + fault.add, lengthBytes)
    case 'total':
      return say(startByte, endByte - 1, lengthBytes + fault.add)
    case 'unknown-total':
      return say(startByte, endByte - 1, '*')
    case 'missing':
      return withField(answer, 'Content-Range', false)
    case 'value':
      return withField(answer, 'Content-Range', fault.value)
    case 'multipart':
      return asMultipart(answer)
    default:
      throw new Error(`Cannot change Content-Range: ${JSON.stringify(fault satisfies never)}`)
  }
}

/** One part, held in memory whole. */
function asMultipart(answer: Answer): Answer {
  const { body, fields } = answer
  const valueOf = (wanted: string): string =>
    fields.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? ''
  const head = [
    `--${BOUNDARY}`,
    `Content-Type: ${valueOf('content-type')}`,
    `Content-Range: ${valueOf('content-range')}`,
  ]
  const bytes = Buffer.concat([
    Buffer.from(`${head.join('\r\n')}\r\n\r\n`),
    body?.read(0, body.sizeBytes) ?? Buffer.alloc(0),
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ])
  const type = `multipart/byteranges; boundary=${BOUNDARY}`
  const retyped = withField({ ...answer, body: bodyOf(bytes) }, 'Content-Type', type)
  return withField(retyped, 'Content-Range', false)
}

function withField(answer: Answer, name: string, value: string | false): Answer {
  const others = answer.fields.filter(([other]) => other.toLowerCase() !== name.toLowerCase())
  return { ...answer, fields: value === false ? others : [...others, [name, value]] }
}

function planBody(
  answer: Answer,
  request: OriginRequest,
  take: Take,
): { plan: Pick<Plan, 'bodyGate' | 'pace' | 'stop' | 'extra'>; isCloseDelimited: boolean } {
  const { body, framing } = answer
  if (body === undefined || request.method === 'HEAD') {
    const extra = take('extra-bytes', request)
    const plan = { bodyGate: undefined, pace: undefined, stop: undefined, extra }
    return { plan, isCloseDelimited: false }
  }
  const closing = take('close-delimited', request)
  const cut = take('truncate', request)
  const hang = take('hang-body', request)
  let stop: Plan['stop']
  if (closing !== undefined) {
    stop = { afterBytes: closing.afterBytes ?? body.sizeBytes, how: closing.end }
  }
  // Behind the last byte of a length it would strike the next request, which is for something else.
  const lastByte = framing === 'length' ? body.sizeBytes - 1 : Number.POSITIVE_INFINITY
  const isWithin = (fault: { readonly afterBytes: number }) => fault.afterBytes <= lastByte
  if (cut !== undefined && isWithin(cut)) stop = { afterBytes: cut.afterBytes, how: cut.end }
  if (hang !== undefined && isWithin(hang)) stop = { afterBytes: hang.afterBytes, how: 'hang' }
  const pace = planPace(request, take)
  const bodyGate = take('gate-body', request)
  const extra = take('extra-bytes', request)
  return { plan: { bodyGate, pace, stop, extra }, isCloseDelimited: closing !== undefined }
}

function planPace(request: OriginRequest, take: Take): Plan['pace'] {
  const trickle = take('trickle', request)
  if (trickle !== undefined) return trickle
  const rate = take('rate', request)
  if (rate === undefined) return undefined
  const stepBytes = Math.floor(rate.bytesPerSecond / RATE_STEPS_PER_SECOND)
  const chunkBytes = Math.min(MAX_RATE_STEP_BYTES, Math.max(1, stepBytes))
  return { chunkBytes, everyMs: (chunkBytes * 1000) / rate.bytesPerSecond }
}

function planLength(
  answer: Answer,
  request: OriginRequest,
  take: Take,
): { value: string | undefined; closesAfter: boolean } {
  if (answer.framing !== 'length' || answer.body === undefined) {
    return { value: undefined, closesAfter: false }
  }
  const { sizeBytes } = answer.body
  const fault = take('content-length', request)
  if (fault === undefined) return { value: String(sizeBytes), closesAfter: false }
  const value = 'value' in fault ? fault.value : String(sizeBytes + fault.addBytes)
  return { value, closesAfter: fault.end !== 'open' }
}
