// An origin that misbehaves, seen through the real process (hazards 3.2 and 4.1). Timeouts are a tenth.

import { gzipSync } from 'node:zlib'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createConfigFiles } from '../support/config-file.ts'
import { httpGet } from '../support/http-get.ts'
import type { HttpResult } from '../support/http-get.ts'
import { checkOracle } from '../support/oracle.ts'
import { originEtag } from '../support/origin-answer.ts'
import type { Fault } from '../support/origin-faults.ts'
import { rawRequest } from '../support/raw-client.ts'
import { startSluice } from '../support/sluice-process.ts'
import type { SluiceProcess } from '../support/sluice-process.ts'
import { startTestOrigin } from '../support/test-origin.ts'
import type { ScriptedObject, TestOrigin } from '../support/test-origin.ts'

const MIB = 1024 * 1024
const SIZE_BYTES = 3 * MIB - 100
const SHARED = [['Cache-Control', 'max-age=60']] as const
const LIMITS = {
  connectTimeout: '200ms',
  firstByteTimeout: '1s',
  idleTimeout: '1s',
  originQueueWait: '1s',
  resumeDelay: '25ms',
}

const files = createConfigFiles()
let origin: TestOrigin
let sluice: SluiceProcess
let path = ''
let pathCount = 0

beforeAll(async () => {
  origin = await startTestOrigin()
  const config = files.write('tenth.json', { limits: LIMITS, breaker: 'off' })
  sluice = await startSluice(['--origin', origin.url, '--config', config])
})

afterAll(async () => {
  await sluice.finish()
  await origin.close()
  files.remove()
})

beforeEach(() => {
  origin.reset()
  path = `/object-${++pathCount}`
})

afterEach(async () => {
  origin.put('/alive', { body: 'alive', fields: [['Cache-Control', 'no-store']] })
  const { body } = await get('/alive')
  if (body.toString() !== 'alive') throw new Error(`Cannot go on with ${path}: sluice is not well`)
})

async function get(target: string, headers: Record<string, string> = {}): Promise<HttpResult> {
  return await httpGet(sluice.url, { target, headers, timeoutMs: 8000 })
}

async function storedCount(): Promise<number> {
  return (await sluice.metrics()).value('sluice_events_total', { kind: 'stored' })
}

function put(object: Partial<ScriptedObject> = {}): void {
  origin.put(path, { sizeBytes: SIZE_BYTES, fields: SHARED, ...object })
}

/** What a broken answer left behind; without one the next is whole, right and from the origin. */
async function findTrace(version = 1): Promise<string | undefined> {
  put({ version })
  const { status, body, complete, header } = await get(path)
  if (status !== 200 || !complete) return `status ${status}, complete ${complete}`
  if (header('cache-status')?.includes('hit') === true) return 'it was stored'
  const whole = { object: path, version, startByte: 0, endByte: SIZE_BYTES }
  return checkOracle(body, whole)
}

async function expectBadGateway(status: number, detail: RegExp): Promise<HttpResult> {
  const storedBefore = await storedCount()
  const result = await get(path)
  expect(result.status).toBe(status)
  expect(result.header('content-type')).toContain('text/plain')
  expect(result.bodyBytes).toBeLessThan(200)
  expect(result.header('cache-status')).toMatch(detail)
  expect(await storedCount()).toBe(storedBefore)
  return result
}

const OWN_BODIES = Array.from({ length: 20 }, (_, i) => `own ${i}`)

async function ownBodies(): Promise<readonly string[]> {
  const bodies: string[] = []
  for (const [i, body] of OWN_BODIES.entries()) {
    origin.put(`${path}/own-${i}`, { body, fields: [['Cache-Control', 'no-store']] })
    bodies.push((await get(`${path}/own-${i}`)).body.toString())
  }
  return bodies
}

function hinted(link: string): string {
  return `HTTP/1.1 103 Early Hints\r\nLink: ${link}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`
}

async function interimOf(version: string) {
  const bytes = `GET ${path} HTTP/${version}\r\nHost: a\r\n\r\n`
  const { responses } = await rawRequest({ port: sluice.port, bytes })
  expect(responses[0]?.body.toString()).toBe('ok')
  return responses[0]?.interim.map(({ status }) => status)
}

describe('an origin that sends more than its answer (T-21)', () => {
  const EVIL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL'

  it('right behind it: later requests get their own answers', async () => {
    const raw = `HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nok${EVIL}`
    origin.put(path, { raw, end: 'open' })
    const { status, body } = await get(path)
    expect(status === 502 || body.toString() === 'ok').toBe(true)
    expect(await ownBodies()).toEqual(OWN_BODIES)
  })

  it('while the connection idles: later requests get their own answers', async () => {
    put({ body: 'ok', script: [{ fault: 'extra-bytes', bytes: EVIL, delayMs: 20 }] })
    expect((await get(path)).body.toString()).toBe('ok')
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await ownBodies()).toEqual(OWN_BODIES)
  })

  it('after 204: later requests get their own answers', async () => {
    origin.put(path, { raw: `HTTP/1.1 204 No Content\r\n\r\n${EVIL}`, end: 'open' })
    expect([204, 502]).toContain((await get(path)).status)
    expect(await ownBodies()).toEqual(OWN_BODIES)
  })

  it('in answer to HEAD: later requests get their own answers', async () => {
    origin.put(path, {
      raw: `HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL${EVIL}`,
      end: 'open',
    })
    const { status } = await httpGet(sluice.url, { target: path, method: 'HEAD' })
    expect([200, 502]).toContain(status)
    expect(await ownBodies()).toEqual(OWN_BODIES)
  })
})

describe('an answer that cannot be framed (T-22, RFC 9112 §6.3)', () => {
  it.each([
    ['CL and TE', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
    ['two CL', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['CL of letters', 'Content-Length: two\r\n\r\nok'],
    ['TE xchunked', 'Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
    ['TE chunked, gzip', 'Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
    ['TE identity', 'Transfer-Encoding: identity\r\n\r\nok'],
    ['a bare CR', 'X: a\rb\r\nContent-Length: 2\r\n\r\nok'],
    ['a folded line', 'X: a\r\n b\r\nContent-Length: 2\r\n\r\nok'],
    ['a space before the colon', 'Content-Length : 2\r\n\r\nok'],
    ['NUL in a value', 'X: a\0b\r\nContent-Length: 2\r\n\r\nok'],
  ])('is 502 and not stored: %s', async (_, rest) => {
    origin.put(path, { raw: `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${rest}` })
    await expectBadGateway(502, /detail=http_/)
    expect(await findTrace()).toBeUndefined()
  })
})

describe('an answer with a status or a head out of bounds (T-24, T-25)', () => {
  const manyFields = Array.from({ length: 101 }, (_, i) => `X-${i}: y\r\n`).join('')

  it.each([
    ['status 0', 'HTTP/1.1 0 Zero\r\nContent-Length: 0\r\n\r\n'],
    ['status 099', 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n'],
    ['status 600', 'HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n'],
    ['status 999', 'HTTP/1.1 999 Higher\r\nContent-Length: 0\r\n\r\n'],
    [
      '101 unasked',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    ],
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['101 fields', `HTTP/1.1 200 OK\r\n${manyFields}Content-Length: 0\r\n\r\n`],
    ['17 KiB', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(17_000)}\r\nContent-Length: 0\r\n\r\n`],
    [
      '500 cookies',
      `HTTP/1.1 200 OK\r\n${'Set-Cookie: a=b\r\n'.repeat(500)}Content-Length: 0\r\n\r\n`,
    ],
    [
      '200 interim responses',
      `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(200)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
    ],
  ])('is 502 and not stored: %s', async (_, raw) => {
    origin.put(path, { raw })
    await expectBadGateway(502, /detail=/)
    expect(await findTrace()).toBeUndefined()
  })
})

describe('interim responses (RFC 9110 §15.2)', () => {
  it('reach the client', async () => {
    origin.put(path, { raw: hinted('</style.css>; rel=preload') })
    expect(await interimOf('1.1')).toEqual([103])
  })

  it('never reach an HTTP/1.0 client', async () => {
    origin.put(path, { raw: hinted('</style.css>; rel=preload') })
    expect(await interimOf('1.0')).toEqual([])
  })

  it('of every kind reach the client, with what fields they have', async () => {
    origin.put(path, { raw: hinted('this is ; no "link') })
    expect(await interimOf('1.1')).toEqual([103])
  })
})

describe('an answer that breaks off (T-23, F-05)', () => {
  const NO_VALIDATOR = { etag: false, lastModified: false } as const

  it.each<[string, Fault]>([
    ['CL, FIN', { fault: 'truncate', afterBytes: MIB + 7, end: 'fin' }],
    ['CL, RST', { fault: 'truncate', afterBytes: MIB + 7, end: 'rst' }],
    ['CL too large by one', { fault: 'content-length', addBytes: 1 }],
    ['CL of 2^53', { fault: 'content-length', value: '9007199254740992' }],
    ['a hang', { fault: 'hang-body', afterBytes: MIB + 7 }],
  ])('and cannot be resumed is visibly broken and not kept: %s', async (_, fault) => {
    put({ ...NO_VALIDATOR, script: [fault] })
    const result = await get(path)
    const prefix = { object: path, version: 1, startByte: 0 }
    expect(result.status === 502 || !result.complete).toBe(true)
    expect(result.status === 502 ? undefined : checkOracle(result.body, prefix)).toBeUndefined()
    expect(await findTrace()).toBeUndefined()
  })

  it.each(['fin', 'rst'] as const)('within chunks is visibly broken: %s', async (end) => {
    const script = [{ fault: 'truncate', afterBytes: MIB + 7, end }] as const
    put({ ...NO_VALIDATOR, chunked: true, script })
    expect((await get(path)).complete).toBe(false)
    expect(await findTrace()).toBeUndefined()
  })

  it.each(['fin', 'rst'] as const)(
    'and has no end but its connection’s is passed on as that, never with a last chunk: %s',
    async (end) => {
      const script = [{ fault: 'close-delimited', afterBytes: MIB + 7, end }] as const
      put({ ...NO_VALIDATOR, script })
      const bytes = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
      const { responses, ended } = await rawRequest({ port: sluice.port, bytes, until: 'close' })
      expect(responses[0]?.framing).toBe('close')
      expect(responses[0]?.header('connection')).toBe('close')
      expect(ended).not.toBe('open')
      const prefix = { object: path, version: 1, startByte: 0 }
      expect(checkOracle(responses[0]?.body ?? Buffer.alloc(0), prefix)).toBeUndefined()
      expect(await findTrace()).toBeUndefined()
    },
  )

  it.each([1, 1000, MIB - 1, MIB, MIB + 1, 2 * MIB - 1, 2 * MIB, SIZE_BYTES - 1])(
    'after %i bytes is resumed with If-Match, and whole (F-04, F-05)',
    async (afterBytes) => {
      for (const end of ['fin', 'rst'] as const) {
        path = `/resumed-${afterBytes}-${end}`
        put({ script: [{ fault: 'truncate', afterBytes, end }] })
        const { complete, body } = await get(path)
        const whole = { object: path, version: 1, startByte: 0, endByte: SIZE_BYTES }
        expect(checkOracle(body, whole)).toBeUndefined()
        expect(complete).toBe(true)
      }
      const [first, second] = origin.requests
      expect(origin.requests).toHaveLength(4)
      expect(first?.header('if-match')).toBeUndefined()
      const object = `/resumed-${afterBytes}-fin`
      expect(second?.header('if-match')).toBe(originEtag(object, 1))
      expect(second?.header('range')).toBeDefined()
    },
  )

  it('hanging is resumed once, and whole (F-04)', async () => {
    const afterBytes = Math.floor(SIZE_BYTES * 0.37)
    put({ script: [{ fault: 'hang-body', afterBytes }] })
    const { complete, body } = await get(path)
    expect(complete).toBe(true)
    const whole = { object: path, version: 1, startByte: 0, endByte: SIZE_BYTES }
    expect(checkOracle(body, whole)).toBeUndefined()
    expect(origin.requests.map((request) => request.header('if-match') !== undefined)).toEqual([
      false,
      true,
    ])
  })

  it('and was replaced meanwhile is visibly broken, and the new version follows (F-08)', async () => {
    put({ script: [{ fault: 'hang-body', afterBytes: MIB + 7 }] })
    const asked = get(path)
    while (origin.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setTimeout(resolve, 100))
    put({ version: 2 })
    const { complete, body } = await asked
    expect(complete).toBe(false)
    const prefix = { object: path, version: 1, startByte: 0 }
    expect(checkOracle(body, prefix)).toBeUndefined()
    expect(await findTrace(2)).toBeUndefined()
  })
})

describe('an answer whose numbers are wrong (F-06, F-07, F-09a)', () => {
  it.each([
    ['too small by one', { addBytes: -1 }],
    ['zero', { value: '0' }],
    ['too large by one', { addBytes: 1 }],
  ])('never yields wrong bytes, nor poisons the pool: Content-Length %s', async (_, change) => {
    put({ script: [{ fault: 'content-length', end: 'open', times: Infinity, ...change }] })
    const { status, body, complete } = await get(path)
    const prefix = { object: path, version: 1, startByte: 0 }
    expect(status === 502 || checkOracle(body, prefix) === undefined).toBe(true)
    expect(complete).toBe(status === 502 || body.length < SIZE_BYTES)
  })

  it.each<[string, Fault]>([
    ['start', { fault: 'content-range', change: 'start', add: 1 }],
    ['end', { fault: 'content-range', change: 'end', add: -1 }],
    ['total', { fault: 'content-range', change: 'total', add: -3_000_000 }],
    ['unknown total', { fault: 'content-range', change: 'unknown-total' }],
    ['missing', { fault: 'content-range', change: 'missing' }],
    ['multipart', { fault: 'content-range', change: 'multipart' }],
    ['another unit', { fault: 'content-range', change: 'value', value: 'items 0-9/10' }],
    ['backwards', { fault: 'content-range', change: 'value', value: 'bytes 9-0/10' }],
  ])('never yields wrong bytes: Content-Range %s', async (_, fault) => {
    put({ script: [fault] })
    const range = { object: path, version: 1, startByte: MIB + 5, endByte: MIB + 50 }
    for (let i = 0; i < 2; i += 1) {
      const { status, body } = await httpGet(sluice.url, {
        target: path,
        range: `bytes=${range.startByte}-${range.endByte - 1}`,
      })
      expect(i === 0 ? [206, 502] : [206]).toContain(status)
      expect(status === 502 ? undefined : checkOracle(body, range)).toBeUndefined()
    }
    put()
    const { body } = await get(path)
    const whole = { object: path, version: 1, startByte: 0, endByte: SIZE_BYTES }
    expect(checkOracle(body, whole)).toBeUndefined()
  })

  it('is 502 and not stored when 206 was not asked for (F-09a)', async () => {
    put({ script: [{ fault: 'unasked-range', startByte: 0, endByte: 1000 }] })
    await expectBadGateway(502, /detail=/)
    expect(await findTrace()).toBeUndefined()
  })
})

describe('an origin that does not answer', () => {
  it('is 504 once the time for the first byte is over (F-03)', async () => {
    put({ script: [{ fault: 'hang-head', times: Infinity }] })
    const { elapsedMs } = await expectBadGateway(504, /detail=http_response_timeout/)
    expect(elapsedMs).toBeGreaterThan(900)
    expect(elapsedMs).toBeLessThan(2500)
    expect(await findTrace()).toBeUndefined()
  })

  it('costs no time while a stale response may be used (F-03, RFC 5861 §3)', async () => {
    put({ fields: [['Cache-Control', 'max-age=0, stale-while-revalidate=60']] })
    await get(path)
    origin.inject({ fault: 'hang-head', times: Infinity }, path)
    const { status, elapsedMs } = await get(path)
    expect(status).toBe(200)
    expect(elapsedMs).toBeLessThan(500)
  })
})

describe('codings of an origin (T-27)', () => {
  it('are passed on unopened, however many there are', async () => {
    const body = gzipSync(Buffer.alloc(64 * MIB), { level: 9 })
    const coding = Array.from({ length: 50 }, () => 'gzip').join(', ')
    put({ body, fields: [...SHARED, ['Content-Encoding', coding], ['Vary', 'Accept-Encoding']] })
    const rssBefore = sluice.rssBytes()
    for (let i = 0; i < 3; i += 1) {
      const result = await get(path, { 'Accept-Encoding': 'gzip' })
      expect(result.header('content-encoding')).toBe(coding)
      expect(result.body.equals(body)).toBe(true)
    }
    expect(sluice.rssBytes() - rssBefore).toBeLessThan(40 * MIB)
  })
})
