// Responses that break off after any of their bytes, in every framing (T-23). Timeouts are a tenth.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { SHARED, startAttacked } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import { cut, wire } from '../support/raw-origin.ts'

const BODY = 'abcdefghijklmnopqrstuvwxyz'
const CHUNKS = `a;x=y\r\n${BODY.slice(0, 10)}\r\n10\r\n${BODY.slice(10)}\r\n0\r\nX-Trailer: y\r\n\r\n`
const PART = `Content-Range: bytes 0-25/26\r\nETag: "v1"`

let careful: Attacked
let rfc: Attacked
/** Targets that are answered right from now on. */
const healed = new Set<string>()

beforeAll(async () => {
  const limits = { firstByteTimeout: '1s', idleTimeout: '1s', resumeDelay: '1ms', resumes: 1 }
  careful = await startAttacked((origin) => ({ origin, limits }))
  rfc = await startAttacked((origin) => ({ origin, limits }), ['--policy', 'rfc'])
})

afterAll(async () => {
  await careful.finish()
  await rfc.finish()
})

beforeEach(() => healed.clear())

function message(statusLine: string, lines: string, body: string): string {
  return `${statusLine}\r\n${SHARED}\r\n${lines}\r\n\r\n${body}`
}

const OK = 'HTTP/1.1 200 OK'

/** Asks for what breaks off after so many bytes, and then again for what does not. */
async function problemOf(
  attacked: Attacked,
  target: string,
  bytes: string,
  headers: Record<string, string>,
): Promise<string | undefined> {
  const broken = await attacked.get(target, { headers }).catch(() => undefined)
  healed.add(target)
  const isFramed =
    broken?.header('content-length') !== undefined ||
    broken?.header('transfer-encoding') !== undefined
  if (broken !== undefined && broken.status < 300) {
    if (!BODY.startsWith(broken.text)) return `bytes that nobody sent: ${broken.text}`
    // Content-Range says that these are all bytes, whatever the framing still lacks.
    if (broken.status === 206 && broken.text === BODY) return undefined
    if (broken.complete && isFramed) return `complete with ${broken.text.length} bytes`
  }
  const { status, text, isHit } = await attacked.get(target)
  if (isHit) return 'it was stored'
  return status === 200 && text === 'right'
    ? undefined
    : `then ${status} ${text} of ${bytes.length}`
}

async function findProblems(
  attacked: Attacked,
  bytes: string,
  headers: Record<string, string> = {},
  maxCount = bytes.length - 1,
  ends: readonly string[] = ['fin', 'rst'],
): Promise<readonly string[]> {
  attacked.origin.answer(({ target }, socket) => {
    if (healed.has(target)) return wire(200, [SHARED], 'right')
    const [, , count, end] = target.split('/')
    return cut(socket, bytes.slice(0, Number(count)), end === 'rst' ? 'rst' : 'fin')
  })
  const problems: string[] = []
  const name = Math.random().toString(36).slice(2)
  await concurrently(Array(maxCount + 1).keys(), 8, async (count) => {
    // Within the head every second byte, by turns: no body has begun that could be taken for whole.
    const isInHead = count < bytes.indexOf('\r\n\r\n')
    if (isInHead && count % 2 === 1) return
    const some = isInHead ? ends.slice((count / 2) % ends.length).slice(0, 1) : ends
    for (const end of some) {
      const problem = await problemOf(attacked, `/${name}/${count}/${end}`, bytes, headers)
      if (problem !== undefined) problems.push(`after ${count} bytes, ${end}: ${problem}`)
    }
  })
  return problems
}

describe('what breaks off is never a complete answer and never stored (T-23, RFC 9112 §8)', () => {
  it.each([
    ['with a length', message(OK, 'Content-Length: 26', BODY)],
    [
      'with a length, and said to be the last',
      message(OK, 'Connection: close\r\nContent-Length: 26', BODY),
    ],
    ['with a length, in HTTP/1.0', message('HTTP/1.0 200 OK', 'Content-Length: 26', BODY)],
    [
      'with a length and a validator',
      message(OK, 'ETag: "v1"\r\nAccept-Ranges: bytes\r\nContent-Length: 26', BODY),
    ],
    ['with a length, not found', message('HTTP/1.1 404 Not Found', 'Content-Length: 26', BODY)],
    ['in chunks', message(OK, 'Transfer-Encoding: chunked', CHUNKS)],
    [
      'in chunks, and said to be the last',
      message(OK, 'Connection: close\r\nTransfer-Encoding: chunked', CHUNKS),
    ],
  ])('after any of its bytes: %s', async (_, bytes) => {
    expect(await findProblems(careful, bytes)).toEqual([])
  })

  it.each([
    [
      'a part with a length',
      message('HTTP/1.1 206 Partial Content', `${PART}\r\nContent-Length: 26`, BODY),
    ],
    [
      'a part in chunks',
      message('HTTP/1.1 206 Partial Content', `${PART}\r\nTransfer-Encoding: chunked`, CHUNKS),
    ],
  ])('after any of its bytes: %s', async (_, bytes) => {
    expect(await findProblems(careful, bytes, { Range: 'bytes=0-25' })).toEqual([])
  })

  it.each([
    ['by FIN or RST alone', message(OK, 'Connection: close', BODY)],
    ['by nothing that was said', message(OK, 'X: y', BODY)],
    ['in HTTP/1.0', message('HTTP/1.0 200 OK', 'ETag: "v1"', BODY)],
  ])('at its very end neither, when it ends %s', async (_, bytes) => {
    expect(await findProblems(careful, bytes, {}, bytes.length)).toEqual([])
  })

  it.each([
    ['with a length', message(OK, 'Content-Length: 26', BODY)],
    ['in chunks', message(OK, 'Transfer-Encoding: chunked', CHUNKS)],
  ])('nor under rfc, before it has all come: %s', async (_, bytes) => {
    expect(await findProblems(rfc, bytes)).toEqual([])
  })

  it.each([
    ['by nothing that was said', message(OK, 'X: y', BODY)],
    ['in HTTP/1.0', message('HTTP/1.0 200 OK', 'ETag: "v1"', BODY)],
  ])('nor under rfc, where only a FIN is an end, by a reset: %s', async (_, bytes) => {
    expect(await findProblems(rfc, bytes, {}, bytes.length, ['rst'])).toEqual([])
  })
})
