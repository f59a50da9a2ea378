// Heads that can be read in two ways, or that never end (T-22, T-24, T-25). Timeouts are a tenth.

import type { Socket } from 'node:net'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { NO_STORE, SHARED, comesTrue, startAttacked } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import { rawRequest } from '../support/raw-client.ts'
import { wire, wireHead } from '../support/raw-origin.ts'

const MIB = 1024 * 1024
const CHUNKS = '2\r\nok\r\n0\r\n\r\n'

let attacked: Attacked
let path = ''
let pathCount = 0

beforeAll(async () => {
  const limits = { firstByteTimeout: '1s', idleTimeout: '1s' }
  attacked = await startAttacked((origin) => ({ origin, limits }))
})

afterAll(() => attacked.finish())

beforeEach(() => {
  path = `/threat-${++pathCount}`
})

afterEach(async () => {
  expect(await attacked.findStrayBodies(path, 4)).toEqual([])
})

/** What becomes of such a response, and of the next request. */
async function fateOf(line: string, lines: readonly string[], body: string) {
  const bytes = [line, SHARED, ...lines, '', body].join('\r\n')
  let isGone = false
  attacked.origin.answer((_request, socket) => {
    socket.once('close', () => (isGone = true))
    return bytes
  })
  const { status } = await attacked.get(path)
  const isCut = await comesTrue(() => isGone)
  return { status, isCut, trace: await attacked.findTrace(path) }
}

const REFUSED = { status: 502, isCut: true, trace: undefined }

describe('a head that can be framed in two ways (T-22, RFC 9112 §6.3)', () => {
  it.each([
    ['TE twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], CHUNKS],
    ['TE chunked, chunked', ['Transfer-Encoding: chunked, chunked'], CHUNKS],
    ['TE gzip, chunked', ['Transfer-Encoding: gzip, chunked'], CHUNKS],
    ['TE with a parameter', ['Transfer-Encoding: chunked;q=1'], CHUNKS],
    ['TE in quotes', ['Transfer-Encoding: "chunked"'], CHUNKS],
    ['TE behind a vertical tab', ['Transfer-Encoding: \x0bchunked'], CHUNKS],
    ['TE then CL', ['Transfer-Encoding: chunked', 'Content-Length: 2'], CHUNKS],
    ['equal CLs', ['Content-Length: 2', 'Content-Length: 2'], 'ok'],
    ['CL as a list', ['Content-Length: 2, 2'], 'ok'],
    ['CL with a sign', ['Content-Length: +2'], 'ok'],
    ['CL below zero', ['Content-Length: -2'], 'ok'],
    ['CL in hexadecimal', ['Content-Length: 0x2'], 'ok'],
    ['CL with a fraction', ['Content-Length: 2.0'], 'ok'],
    ['CL of nothing', ['Content-Length:'], 'ok'],
    ['CL of 2^64 + 2', ['Content-Length: 18446744073709551618'], 'ok'],
    ['CL folded', ['Content-Length:', ' 2'], 'ok'],
    ['a line ended by LF', ['X: a\nContent-Length: 2'], 'ok'],
    ['a name with a space', ['X Y: a', 'Content-Length: 2'], 'ok'],
  ])('is 502, ends its connection and is not stored: %s', async (_, lines, body) => {
    expect(await fateOf('HTTP/1.1 200 OK', lines, body)).toEqual(REFUSED)
  })

  it.each([
    ['HTTP/1.2', 'HTTP/1.2 200 OK', ['Content-Length: 2'], 'ok'],
    ['ICY', 'ICY 200 OK', ['Content-Length: 2'], 'ok'],
    ['no status line', '<html>', [], 'ok'],
    ['no space after the version', 'HTTP/1.1200 OK', ['Content-Length: 2'], 'ok'],
    ['no space after the status', 'HTTP/1.1 200OK', ['Content-Length: 2'], 'ok'],
  ])('nor is one with another first line: %s', async (_, line, lines, body) => {
    expect(await fateOf(line, lines, body)).toEqual(REFUSED)
  })

  // The client library tells no version of a response, and takes these.
  it.each([
    ['TE in HTTP/1.0', 'HTTP/1.0 200 OK', ['Transfer-Encoding: chunked'], CHUNKS],
    ['HTTP/2.0', 'HTTP/2.0 200 OK', ['Content-Length: 2'], 'ok'],
  ])(
    'nor is one of a version that cannot have it (RFC 9112 §6.1): %s',
    async (_, line, lines, body) => {
      expect(await fateOf(line, lines, body)).toEqual(REFUSED)
    },
  )

  it.each([
    ['204 with a length', 204, ['Content-Length: 4'], 'EVIL', 'GET'],
    ['204 in chunks', 204, ['Transfer-Encoding: chunked'], '4\r\nEVIL\r\n0\r\n\r\n', 'GET'],
    ['304 with a body', 304, ['Content-Length: 4'], 'EVIL', 'GET'],
    ['HEAD with a body', 200, ['Content-Length: 4'], 'EVIL', 'HEAD'],
    ['HEAD in chunks', 200, ['Transfer-Encoding: chunked'], '4\r\nEVIL\r\n0\r\n\r\n', 'HEAD'],
  ])('never gives a body where there is none: %s', async (_, status, lines, body, method) => {
    const bytes = Buffer.concat([wireHead(status, [NO_STORE, ...lines]), Buffer.from(body)])
    attacked.origin.answer(() => bytes)
    const { responses, rest, problem } = await rawRequest({
      port: attacked.sluice.port,
      bytes: `${method} ${path} HTTP/1.1\r\nHost: a\r\nIf-None-Match: "x"\r\n\r\n`,
      methods: [method],
      lingerMs: 50,
    })
    expect([problem, rest.toString()]).toEqual([undefined, ''])
    expect([status, 502]).toContain(responses[0]?.status)
    expect(await attacked.findStrayBodies(path, 20)).toEqual([])
  })
})

/** As much as is taken, until the connection ends. */
function flood(socket: Socket, bytes: string): void {
  while (socket.writable && socket.write(bytes, 'latin1')) continue
  if (socket.writable) socket.once('drain', () => flood(socket, bytes))
}

/** Tells how the origin's connection and our memory fare while it sends this. */
async function attackWith(send: (socket: Socket) => void) {
  const rssBefore = attacked.sluice.rssBytes()
  let isGone = false
  attacked.origin.answer((_request, socket) => {
    socket.once('close', () => (isGone = true))
    send(socket)
    return undefined
  })
  const bytes = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  const { responses, timedOut } = await rawRequest({ port: attacked.sluice.port, bytes })
  const [response] = responses
  return {
    status: response?.status,
    isComplete: response?.complete === true && response.status === 200,
    isCut: !timedOut && (await comesTrue(() => isGone)),
    rssGrowthBytes: attacked.sluice.rssBytes() - rssBefore,
  }
}

describe('interim responses (T-24)', () => {
  const HINT = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'

  it.each([
    [10, 200],
    [11, 502],
  ])('are passed on up to a limit: %i of them are %i', async (count, status) => {
    attacked.origin.answer(() => HINT.repeat(count) + wire(200, [NO_STORE], 'ok').toString())
    expect((await attacked.get(path)).status).toBe(status)
  })

  it.each([
    ['103', HINT],
    ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['103 with too many fields', `HTTP/1.1 103 Early Hints\r\n${'X: y\r\n'.repeat(101)}\r\n`],
  ])('without end are cut off: %s', async (_, interim) => {
    const seen = await attackWith((socket) => flood(socket, interim.repeat(100)))
    expect(seen).toMatchObject({ status: 502, isCut: true })
    expect(seen.rssGrowthBytes).toBeLessThan(32 * MIB)
    expect(await attacked.findTrace(path)).toBeUndefined()
  })

  it('that come slowly end with the time for the first byte', async () => {
    const seen = await attackWith((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 200)
      socket.once('close', () => clearInterval(timer))
    })
    expect(seen).toMatchObject({ status: 504, isCut: true })
    expect(await attacked.findTrace(path)).toBeUndefined()
  })
})

describe('a head out of bounds (T-25)', () => {
  it.each([
    ['100 fields', 98, 200],
    ['one more', 99, 502],
  ])('is taken up to a limit: %s', async (_, count, status) => {
    const fields = Array.from({ length: count }, (_unused, i) => `X-${i}: ${i}`)
    attacked.origin.answer(() => wire(200, [SHARED, ...fields], 'ok'))
    expect((await attacked.get(path)).status).toBe(status)
    const again = await attacked.get(path)
    expect([again.isHit, again.header('x-97')]).toEqual(
      status === 200 ? [true, '97'] : [false, undefined],
    )
  })

  it('that never ends is cut off', async () => {
    const seen = await attackWith((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      flood(socket, 'X: y\r\n'.repeat(500))
    })
    expect(seen).toMatchObject({ status: 502, isCut: true })
    expect(seen.rssGrowthBytes).toBeLessThan(32 * MIB)
    expect(await attacked.findTrace(path)).toBeUndefined()
  })

  it.each([
    ['trailers', '2\r\nok\r\n0\r\n', 'X-Trailer: y\r\n'],
    ['a chunk extension', '2', ';name=value'],
  ])('in %s without end is never a complete answer, and is cut off', async (_, start, more) => {
    const seen = await attackWith((socket) => {
      socket.write(wireHead(200, [SHARED, 'Transfer-Encoding: chunked']))
      socket.write(start)
      const timer = setInterval(() => socket.write(more.repeat(5000)), 5)
      socket.once('close', () => clearInterval(timer))
    })
    expect(seen).toMatchObject({ isComplete: false, isCut: true })
    expect(seen.rssGrowthBytes).toBeLessThan(64 * MIB)
    expect(await attacked.findTrace(path)).toBeUndefined()
  })

  it('is not put together of many 304s either (RFC 9111 §3.2)', async () => {
    let validationCount = 0
    attacked.origin.answer((request) => {
      if (request.header('if-none-match') === undefined) {
        return wire(200, ['Cache-Control: max-age=0', 'ETag: "e"'], 'ok')
      }
      validationCount += 1
      const fields = Array.from({ length: 90 }, (_, i) => `X-${validationCount}-${i}: y`)
      return wireHead(304, [...fields, 'ETag: "e"'])
    })
    const sizes: number[] = []
    for (let i = 0; i < 10; i += 1) {
      const got = await attacked.get(path)
      expect([got.status, got.text]).toEqual([200, 'ok'])
      sizes.push(got.headers.length)
    }
    expect(Math.max(...sizes)).toBeLessThan(120)
  })
})
