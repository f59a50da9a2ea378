// What a client or an origin puts behind or into a message to be taken for another (T-20, T-21, T-26).

import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { NO_STORE, startAttacked } from '../support/attacked.ts'
import type { Attacked } from '../support/attacked.ts'
import { concurrently } from '../support/concurrently.ts'
import { rawRequest } from '../support/raw-client.ts'
import { wire, wireHead } from '../support/raw-origin.ts'
import { createSeededRandom } from '../support/seeded-random.ts'

const EVIL = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nEVIL'
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32))

let attacked: Attacked
let path = ''
let pathCount = 0

beforeAll(async () => {
  attacked = await startAttacked((origin) => ({ origin, forward: 'all' }))
})

afterAll(() => attacked.finish())

beforeEach(() => {
  attacked.origin.reset()
  path = `/threat-${++pathCount}`
})

afterEach(async () => {
  expect(await attacked.findStrayBodies(path, 4)).toEqual([])
  expect(attacked.origin.malformed).toEqual([])
})

/** Name in lower case, and no whitespace around the value. */
function normal(line: string): string {
  const [, name = '', value = ''] = /^([^:]*):[ \t]*([^]*?)[ \t]*$/.exec(line) ?? []
  return `${name.toLowerCase()}: ${value}`
}

describe('what a client puts into its request (T-20, RFC 9112 §11.1)', () => {
  const PIECES = [
    '%0d%0a',
    '%0D%0AX: injected',
    '%250d%250aX:%20injected',
    '%E5%98%8A%E5%98%8DX: injected',
    '\xc4\x8a',
    '\xc4\x8d\xc4\x8aX: injected',
    '\xe5\x98\x8a\xe5\x98\x8d',
    '\\r\\n',
    '\\u000aX: injected',
    '\x85',
    '\xa0',
    '"',
    '\\',
    ',',
    ';',
    ':',
    '\t',
    ' ',
    'a',
  ]
  const TARGET_PIECES = PIECES.filter((piece) => /^[!-~]+$/.test(piece))
  const NAMES = ['Cookie', 'User-Agent', 'Accept', 'Accept-Language', 'Referer', 'X-Own', 'Via']

  it('never ends a line at the origin, nor begins a request there', async () => {
    const { origin, sluice } = attacked
    const random = createSeededRandom(SEED)
    const some = (pieces: readonly string[]) =>
      Array.from({ length: random.integer(1, 6) }, () => random.pick(pieces)).join('')
    const sent = Array.from({ length: 400 }, (_, i) => {
      const lines = NAMES.filter(() => random.chance(0.4)).map((name) => `${name}: ${some(PIECES)}`)
      const target = `${path}/${i}${random.chance(0.5) ? `?q=${some(TARGET_PIECES)}` : ''}`
      return {
        target,
        lines,
        bytes: [`GET ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n'),
      }
    })
    origin.answer(() => wire(200, [NO_STORE], 'ok'))
    const answers = new Set<string>()
    await concurrently(sent, 8, async ({ bytes }) => {
      const { responses, problem } = await rawRequest({ port: sluice.port, bytes })
      answers.add(`${responses[0]?.status} ${problem ?? 'is right'}`)
    })
    expect([...answers], `seed ${SEED}`).toEqual(['200 is right'])
    expect(origin.malformed, `seed ${SEED}`).toEqual([])
    expect(origin.requests.map(({ target }) => target).toSorted()).toEqual(
      sent.map(({ target }) => target).toSorted(),
    )
    // What arrives is what was sent, byte for byte, or nothing.
    const arrived = origin.requests.flatMap(({ target, lines }) =>
      lines.filter((line) => line.startsWith('x-')).map((line) => `${target} ${normal(line)}`),
    )
    const known = sent.flatMap(({ target, lines }) =>
      lines.map((line) => `${target} ${normal(line)}`),
    )
    expect(arrived.filter((line) => !known.includes(line))).toEqual([])
    const lines = origin.requests.flatMap((request) => request.lines)
    expect(lines.filter((line) => /^x:/i.test(line))).toEqual([])
  })

  it('is refused where it is an encoded line end in the path', async () => {
    for (const encoded of ['%0d%0a', '%0D%0A', '%0a', '%0d', '%00']) {
      expect((await attacked.get(`${path}${encoded}X:%20y`)).status).toBe(400)
    }
    expect(attacked.origin.requests).toEqual([])
  })
})

/** All that the client is sent of it, new and then perhaps stored. */
async function sentFor(target: string, line: string): Promise<readonly string[]> {
  const head = `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${line}\r\nContent-Length: 2\r\n\r\nok`
  attacked.origin.answer((request) => (request.target === target ? head : undefined))
  const bytes = `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`
  const problems: string[] = []
  for (let i = 0; i < 2; i += 1) {
    const result = await rawRequest({ port: attacked.sluice.port, bytes })
    const [answer] = result.responses
    const names = answer?.fields.map(([name]) => name.toLowerCase()) ?? []
    const isWhole = answer?.status === 502 || answer?.body.toString() === 'ok'
    if (result.problem !== undefined) problems.push(result.problem)
    if (!isWhole || result.rest.length > 0)
      problems.push(`${answer?.status} ${result.bytes.length}`)
    if (names.includes('x-injected')) problems.push('a line of its own')
  }
  return problems
}

describe('what an origin puts into its fields (T-20)', () => {
  /** Whatever would be a line end to some reader of some charset, with what would come behind it. */
  const ENDS = [
    '\xc4\x8a',
    '\xc4\x8d\xc4\x8a',
    '\xe5\x98\x8d\xe5\x98\x8a',
    '\x85',
    '\x8a',
    '\x8d\x8a',
  ]
  const BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
  const BEHIND = 'X-Injected: yes'

  it('never ends a line at the client, be it a byte or a character', async () => {
    const wrong: string[] = []
    const values = [...BYTES, ...ENDS].filter((text) => text !== '\n')
    for (const [i, text] of values.entries()) {
      for (const line of [`X-Value: a${text}${BEHIND}`, `X-Value: ${text}`]) {
        const problems = await sentFor(`${path}/${i}-${line.length}`, line)
        if (problems.length > 0) wrong.push(`${JSON.stringify(line)}: ${problems.join()}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('never ends a line at the client by its name or its reason', async () => {
    const lines = [
      `X\xc4\x8a${BEHIND}`,
      `X-A\x00: b`,
      `X A: b`,
      `X-A\t: b`,
      `: b`,
      `X-A: b\r\r${BEHIND}`,
    ]
    for (const [i, line] of lines.entries()) {
      expect(await sentFor(`${path}/${i}`, line)).toEqual([])
    }
    attacked.origin.answer(() => 'HTTP/1.1 200 O\xc4\x8aK: secret\r\nContent-Length: 2\r\n\r\nok')
    const bytes = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
    const { responses, problem } = await rawRequest({ port: attacked.sluice.port, bytes })
    expect([problem, responses[0]?.reason ?? 'OK']).toEqual([
      undefined,
      responses[0]?.status === 502 ? 'Bad Gateway' : 'OK',
    ])
  })
})

describe('a second response behind the first (T-21)', () => {
  it.each([
    ['a body with a length', wire(200, [NO_STORE], 'ok')],
    [
      'a last chunk',
      `HTTP/1.1 200 OK\r\n${NO_STORE}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    ],
    ['a 304 with a length', wireHead(304, [NO_STORE, 'Content-Length: 4'])],
    ['a 204', wireHead(204, [NO_STORE])],
    ['an empty body', wire(404, [NO_STORE])],
  ])('is never the answer to another request: %s', async (_, first) => {
    const bytes = Buffer.concat([Buffer.from(first), Buffer.from(EVIL)])
    attacked.origin.answer(() => bytes)
    await concurrently(Array(8).keys(), 8, async (i) => {
      const headers = { 'If-None-Match': '"x"' }
      const { status, text } = await attacked.get(`${path}/${i}`, { headers })
      expect(status === 502 || !text.includes('EVIL')).toBe(true)
    })
    expect(await attacked.findStrayBodies(path, 100)).toEqual([])
  })

  it.each([
    ['whole', EVIL],
    ['begun', EVIL.slice(0, 30)],
    ['but for its last byte', EVIL.slice(0, -1)],
    ['as an empty line', '\r\n'],
    ['as an interim response', 'HTTP/1.1 103 Early Hints\r\nLink: </evil>\r\n\r\n'],
  ])('staged on idle connections is never an answer: %s', async (_, staged) => {
    attacked.origin.answer((_request, socket) => {
      setTimeout(() => socket.writable && socket.write(staged, 'latin1'), 20)
      return wire(200, [NO_STORE], 'ok')
    })
    await concurrently(Array(8).keys(), 8, async (i) => {
      expect((await attacked.get(`${path}/${i}`)).text).toBe('ok')
    })
    await sleep(60)
    expect(await attacked.findStrayBodies(path, 100)).toEqual([])
  })
})

describe('a redirect (T-26)', () => {
  it.each([301, 302, 303, 307, 308])('is passed on and never followed: %i', async (status) => {
    const { origin, sluice } = attacked
    let visitCount = 0
    const victim = createServer((socket) => {
      visitCount += 1
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await once(victim, 'listening')
    const address = victim.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    for (const [i, location] of [
      `http://127.0.0.1:${port}/latest/meta-data/`,
      `//127.0.0.1:${port}/`,
      'http://169.254.169.254/latest/meta-data/',
      'gopher://127.0.0.1/',
      sluice.adminUrl,
    ].entries()) {
      origin.reset()
      origin.answer(() => wire(status, [`Location: ${location}`]))
      for (let askedCount = 1; askedCount <= 2; askedCount += 1) {
        const result = await attacked.get(`${path}/${i}`)
        expect([result.status, result.header('location')]).toEqual([status, location])
        expect(origin.requests).toHaveLength(askedCount)
      }
    }
    victim.close()
    expect(visitCount).toBe(0)
  })
})
