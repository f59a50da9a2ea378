import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createGate } from '../../support/gate.ts'
import { httpGet, type HttpGetOptions, type HttpResult } from '../../support/http-get.ts'
import { originEtag, type OriginRequest } from '../../support/origin-answer.ts'
import type { Fault } from '../../support/origin-faults.ts'
import { checkOracle } from '../../support/oracle.ts'
import { rawRequest, type RawRequestOptions, type RawResult } from '../../support/raw-client.ts'
import { startTestOrigin, type TestOrigin } from '../../support/test-origin.ts'

let origin: TestOrigin

beforeAll(async () => {
  origin = await startTestOrigin()
})
afterAll(() => origin.close())
beforeEach(() => origin.reset())

const SIZE_BYTES = 10_000

function put(...script: Fault[]): void {
  origin.put('/a', { sizeBytes: SIZE_BYTES, script })
}

function get(options?: HttpGetOptions): Promise<HttpResult> {
  return httpGet(`${origin.url}/a`, options)
}

function raw(options: Partial<RawRequestOptions> = {}): Promise<RawResult> {
  return rawRequest({ port: origin.port, bytes: requestFor('/a'), timeoutMs: 2000, ...options })
}

function requestFor(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

function isRanged(request: OriginRequest): boolean {
  return request.header('range') !== undefined
}

/** The part of the object that came is right, whatever became of the rest. */
function problemOf(body: Buffer, startByte = 0): string | undefined {
  return checkOracle(body, { object: '/a', version: 1, startByte })
}

describe('faults before the head', () => {
  it('delays the head', async () => {
    put({ fault: 'delay-head', delayMs: 60 })
    expect((await get()).elapsedMs).toBeGreaterThan(55)
    expect((await get()).elapsedMs).toBeLessThan(55)
  })

  it('hangs without a byte, and sees the client leave', async () => {
    put({ fault: 'hang-head' })
    const answer = await raw({ timeoutMs: 50 })
    expect([answer.timedOut, answer.ended, answer.bytes.length]).toEqual([true, 'open', 0])
    await expect.poll(() => origin.requests[0]?.aborted).toBe(true)
  })

  it('holds requests at a gate until released', async () => {
    const gate = createGate()
    put({ fault: 'gate-head', gate, times: Infinity })
    const answers = [get(), get(), get()]
    await gate.arrived(3)
    expect([gate.waitingCount, origin.counters().concurrent]).toEqual([3, 3])
    gate.releaseOne()
    expect((await Promise.any(answers)).status).toBe(200)
    expect(gate.waitingCount).toBe(2)
    gate.release()
    const bodies = (await Promise.all(answers)).map(({ bodyBytes }) => bodyBytes)
    expect(bodies).toEqual([SIZE_BYTES, SIZE_BYTES, SIZE_BYTES])
  })

  it('overrides the status, in turn', async () => {
    put(
      { fault: 'status', status: 503, fields: [['Retry-After', '7']], body: 'slow down' },
      { fault: 'status', status: 500, times: 2 },
    )
    const first = await get()
    expect([first.status, first.header('retry-after')]).toEqual([503, '7'])
    expect(String(first.body)).toBe('slow down')
    expect((await get({ method: 'HEAD' })).status).toBe(500)
    expect((await get({ range: 'bytes=0-1' })).status).toBe(500)
    expect((await get()).status).toBe(200)
  })
})

describe('faults within the body', () => {
  it('hangs after some bytes', async () => {
    put({ fault: 'hang-body', afterBytes: 3333 })
    const { responses, timedOut, ended } = await raw({ timeoutMs: 60 })
    expect([timedOut, ended, responses[0]?.body.length]).toEqual([true, 'open', 3333])
    expect(responses[0]?.complete).toBe(false)
  })

  it.each([
    ['fin', 'fin'],
    ['rst', 'reset'],
  ] as const)('truncates and ends with %s', async (end, ended) => {
    for (const [chunked, afterBytes] of [
      [false, 3333],
      [true, 3333],
      [true, SIZE_BYTES],
      [false, 0],
    ] as const) {
      const script: Fault[] = [{ fault: 'truncate', afterBytes, end }]
      origin.put('/a', { sizeBytes: SIZE_BYTES, chunked, script })
      const answer = await raw({ until: 'close' })
      const [response] = answer.responses
      expect([answer.ended, response?.complete, response?.lastChunk]).toEqual([ended, false, false])
      expect(response?.body.length).toBe(afterBytes)
      expect(problemOf(response?.body ?? Buffer.of(0))).toBeUndefined()
    }
  })

  it('holds the body at a gate after some bytes', async () => {
    const gate = createGate()
    put({ fault: 'gate-body', gate, afterBytes: 100 })
    let cameBytes = 0
    const answer = get({ onChunk: (chunk) => (cameBytes += chunk.length) })
    await gate.arrived()
    await expect.poll(() => cameBytes).toBe(100)
    gate.release()
    expect([(await answer).complete, cameBytes]).toEqual([true, SIZE_BYTES])
  })

  it('trickles', async () => {
    put({ fault: 'trickle', chunkBytes: 2500, everyMs: 15 })
    const sizes: number[] = []
    const answer = await get({ onChunk: (chunk) => sizes.push(chunk.length) })
    expect(sizes).toEqual([2500, 2500, 2500, 2500])
    expect(answer.elapsedMs).toBeGreaterThan(40)
  })

  it('limits the rate', async () => {
    put({ fault: 'rate', bytesPerSecond: 100_000 })
    const { elapsedMs, body } = await get()
    expect(elapsedMs).toBeGreaterThan(70)
    expect(elapsedMs).toBeLessThan(250)
    expect([body.length, problemOf(body)]).toEqual([SIZE_BYTES, undefined])
  })

  it.each([
    ['fin', 'fin', true],
    ['rst', 'reset', false],
  ] as const)('delimits the body by close with %s', async (end, ended, complete) => {
    put({ fault: 'close-delimited', end }, { fault: 'close-delimited', end, afterBytes: 5 })
    const answer = await raw({ until: 'close' })
    const [response] = answer.responses
    expect([response?.framing, answer.ended, response?.complete]).toEqual([
      'close',
      ended,
      complete,
    ])
    expect(response?.body.length).toBe(SIZE_BYTES)
    expect((await raw({ until: 'close' })).responses[0]?.body.length).toBe(5)
  })

  it('sends extra bytes after the body and keeps the connection', async () => {
    const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL'
    put({ fault: 'extra-bytes', bytes: evil }, { fault: 'extra-bytes', bytes: 'x', delayMs: 30 })
    const { responses, ended } = await raw({ until: 2 })
    expect([String(responses[1]?.body), ended]).toEqual(['EVIL', 'open'])
    const late = await raw({ lingerMs: 80 })
    expect([String(late.rest), late.ended, late.problem]).toEqual(['x', 'open', undefined])
  })
})

describe('faults in the head', () => {
  it('declares a wrong Content-Length', async () => {
    put(
      { fault: 'content-length', addBytes: 1 },
      { fault: 'content-length', addBytes: -1 },
      { fault: 'content-length', value: '9007199254740992', end: 'open' },
    )
    expect(await get()).toMatchObject({ complete: false, bodyBytes: SIZE_BYTES })
    const { responses, rest } = await raw({ until: 'close' })
    expect([responses[0]?.complete, rest.length]).toEqual([true, 1])
    const huge = await raw({ timeoutMs: 50 })
    expect([huge.timedOut, huge.responses[0]?.body.length]).toEqual([true, SIZE_BYTES])
  })

  it.each([
    [{ change: 'start', add: 1 }, 'bytes 11-19/10000'],
    [{ change: 'end', add: -1 }, 'bytes 10-18/10000'],
    [{ change: 'total', add: 5 }, 'bytes 10-19/10005'],
    [{ change: 'unknown-total' }, 'bytes 10-19/*'],
    [{ change: 'missing' }, undefined],
    [{ change: 'value', value: 'bytes 1' }, 'bytes 1'],
  ] as const)('declares a wrong Content-Range: %o', async (change, value) => {
    put({ fault: 'content-range', ...change })
    expect((await get()).status).toBe(200)
    const answer = await get({ range: 'bytes=10-19' })
    expect([answer.status, answer.header('content-range')]).toEqual([206, value])
    expect(problemOf(answer.body, 10)).toBeUndefined()
  })

  it('answers one range as multipart', async () => {
    put({ fault: 'content-range', change: 'multipart' })
    const answer = await get({ range: 'bytes=16-31' })
    expect(answer.header('content-type')).toMatch(/^multipart\/byteranges; boundary=/)
    expect(answer.header('content-range')).toBeUndefined()
    const [, part = '', end] = String(answer.body).split('--test-origin-boundary')
    const [head = '', body = ''] = part.split('\r\n\r\n')
    expect([head.includes('Content-Range: bytes 16-31/10000'), end]).toEqual([true, '--\r\n'])
    expect(problemOf(Buffer.from(body).subarray(0, 16), 16)).toBeUndefined()
  })

  it('answers 206 to a plain request and 200 to a range', async () => {
    put({ fault: 'unasked-range', startByte: 0, endByte: 16 }, { fault: 'ignore-range' })
    const plain = await get()
    expect([plain.status, plain.header('content-range')]).toEqual([206, 'bytes 0-15/10000'])
    const ranged = await get({ range: 'bytes=0-9' })
    expect([ranged.status, ranged.bodyBytes]).toEqual([200, SIZE_BYTES])
  })

  it('sends another ETag or none, on ranges or on all', async () => {
    put(
      { fault: 'etag', value: '"other"', times: 1 },
      { fault: 'etag', value: false, on: 'all', skip: 1 },
    )
    const range = 'bytes=0-9'
    expect((await get({ range })).header('etag')).toBe('"other"')
    expect((await get()).header('etag')).toBe(originEtag('/a', 1))
    expect((await get({ range })).header('etag')).toBeUndefined()
  })
})

describe('a script', () => {
  it('strikes matching requests only, as often as told', async () => {
    put({ fault: 'status', status: 500, when: isRanged, skip: 1, times: 2 })
    const statuses: number[] = []
    for (let count = 0; count < 4; count += 1) {
      statuses.push((await get()).status, (await get({ range: 'bytes=0-0' })).status)
    }
    expect(statuses).toEqual([200, 206, 200, 500, 200, 500, 200, 206])
  })

  it('takes faults for one path or all at run time', async () => {
    put()
    const heal = origin.inject({ fault: 'status', status: 502, times: Infinity })
    origin.inject({ fault: 'status', status: 504 }, '/a')
    expect([(await get()).status, (await get()).status]).toEqual([504, 502])
    heal()
    expect((await get()).status).toBe(200)
  })

  it('combines faults of different kinds', async () => {
    put({ fault: 'delay-head', delayMs: 30 }, { fault: 'truncate', afterBytes: 7, end: 'fin' })
    const answer = await get()
    expect([answer.complete, answer.bodyBytes, answer.elapsedMs > 25]).toEqual([false, 7, true])
  })
})

describe('other targets', () => {
  it('leaves everything to a handler', async () => {
    origin.put('/a', (_request, response) => {
      response.writeHead(299, ['X-Own', 'yes'])
      response.end('mine')
    })
    const answer = await get()
    expect([answer.status, answer.header('x-own'), String(answer.body)]).toEqual([
      299,
      'yes',
      'mine',
    ])
    await expect.poll(() => origin.counters().bodyBytes).toBeGreaterThan(4)
  })

  it('writes raw bytes verbatim and ends as told', async () => {
    const bytes = 'HTTP/1.1 200 OK\nX: \x01\r\n\r\n'
    for (const [end, ended] of [
      ['fin', 'fin'],
      ['rst', 'reset'],
    ] as const) {
      origin.put('/a', { raw: bytes, end })
      const answer = await raw({ until: 'close' })
      expect([answer.bytes.toString('latin1'), answer.ended]).toEqual([bytes, ended])
      expect(answer.problem).toMatch(/bare CR or LF/)
    }
  })

  it('goes on with the connection after raw bytes, if left open', async () => {
    const pieces = ['HTTP/1.1 103 Early\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok']
    origin.put('/raw', { raw: () => pieces, end: 'open', gapMs: 5 })
    origin.put('/a', { body: 'next' })
    const bytes = [requestFor('/raw'), requestFor('/a'), requestFor('/raw')]
    const { responses, ended } = await raw({ bytes, gapMs: 30, until: 3 })
    expect(responses.map(({ body }) => String(body))).toEqual(['ok', 'next', 'ok'])
    expect([responses[0]?.interim[0]?.status, ended]).toEqual([103, 'open'])
    expect(new Set(origin.requests.map(({ connectionId }) => connectionId)).size).toBe(1)
  })

  it('counts what node:http refuses', async () => {
    const { responses } = await raw({ bytes: 'GET /a HTTP/1.1\r\nBad Name: x\r\n\r\n' })
    expect([responses[0]?.status, origin.counters().malformed]).toEqual([400, 1])
  })

  it('closes idle connections on demand, and at once when it ends', async () => {
    const other = await startTestOrigin()
    other.put('/a', { sizeBytes: 10 })
    const idle = raw({ port: other.port, until: 'close' })
    await expect.poll(() => other.requests[0]?.finished).toBe(true)
    other.closeIdle()
    expect((await idle).ended).toBe('fin')
    other.put('/a', { sizeBytes: 10, script: [{ fault: 'hang-head' }] })
    const hanging = raw({ port: other.port, until: 'close' })
    await expect.poll(() => other.counters().concurrent).toBe(1)
    await other.close()
    expect((await hanging).ended).not.toBe('open')
  })
})
